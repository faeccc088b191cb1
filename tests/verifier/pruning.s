; index_of_a_tail_call_matters: accepted: 27 instructions
.type socket_filter
.map programs prog_array 4 4 4
r6 = *(u32 *)(r1 +0)
r7 = *(u32 *)(r1 +4)
r8 = r1
r0 = 0
r0 += 1
r0 += 1
r0 += 1
w3 = 1
if r6 == 0 goto +1
w3 = 2
if r7 == 0 goto +0
r1 = r8
r2 = map[programs] ll
call bpf_tail_call
r0 = 0
exit
---
; spill_beside_a_key_is_kept: accepted: 11 instructions
.type socket_filter
.map values array 4 16 1
r6 = *(u32 *)(r1 +0)
*(u32 *)(r10 -4) = 0
*(u32 *)(r10 -8) = 7
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
r1 = *(u32 *)(r10 -8)
r0 = 0
if r1 == 7 goto +1
r0 = *(u32 *)(r10 +8)
exit
---
; difference_of_pointers_that_matters_makes_all_numbers_matter: accepted: 65 instructions
.type socket_filter
.license GPL
.map values array 4 64 1
r9 = *(u32 *)(r1 +0)
r5 = *(u32 *)(r1 +4)
r8 = 1
if r5 == 1 goto +1
r8 = 2
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +17
r6 = r0
r7 = r0
r1 = r8
r1 += 1
r1 += 1
if r9 == 3 goto +0
if r9 == 4 goto +0
r7 += 8
*(u64 *)(r7 +0) = 0
r1 = r7
r1 -= r6
if r1 > 7 goto +5
r3 = r10
r3 += -8
r3 += r1
r4 = r8
r0 = 1
r0 = 0
exit
---
; half_of_a_slot_filled_by_a_helper_is_not_all_of_it: invalid read from stack R10 off=8 size=4
.type socket_filter
r9 = r1
r6 = *(u32 *)(r1 +0)
r7 = *(u32 *)(r1 +4)
*(u32 *)(r10 -8) = 0
*(u32 *)(r10 -4) = r6
r0 = 0
r0 += 1
r0 += 1
if r7 == 1 goto +0
if r6 != 0 goto +1
*(u32 *)(r10 -4) = 0
r1 = r9
r2 = 0
r3 = r10
r3 += -12
r4 = 8
call bpf_skb_load_bytes
r1 = *(u32 *)(r10 -4)
if r1 == 0 goto +1
r0 = *(u32 *)(r10 +8)
r0 = 0
exit
---
; what_is_linked_to_an_operand_stands_for_it: invalid read from stack R10 off=8 size=4
.type socket_filter
call bpf_get_prandom_u32
r7 = r0
r8 = r0
r9 = 1
r9 += 1
call bpf_get_prandom_u32
if r0 > 1 goto +0
if r8 >= r0 goto +3
r8 += r8
if r7 == 0 goto +1
r0 = *(u32 *)(r10 +8)
r0 = 42
exit
---
; null_for_a_socket_matters: R2 type=scalar expected=sock
.type sk_lookup
.license GPL
r6 = r1
r9 = *(u32 *)(r1 +8)
call bpf_get_prandom_u32
r8 = r0
if r9 > 5 goto b
r8 = 0
goto b
b:
r1 = r6
r2 = r8
r3 = 0
call bpf_sk_assign
r0 = 1
exit
---
; null_for_memory_matters: R1 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.type sched_cls
.license GPL
*(u64 *)(r10 -8) = 0
r6 = *(u32 *)(r1 +0)
r7 = *(u64 *)(r10 -8)
call bpf_get_prandom_u32
r8 = r0
if r6 > 5 goto b
r8 = 0
goto b
b:
r1 = r8
r2 = 0
r3 = r10
r3 += -8
r4 = 8
r5 = 0
call bpf_csum_diff
r0 = 0
exit
---
; register_set_in_a_loop_of_may_goto: accepted: 26 instructions
.type sched_cls
r9 = r1
a:
may_goto e
r7 = *(u32 *)(r9 +0)
*(u64 *)(r10 -8) = r7
if r7 > 3 goto a
goto a
e:
r0 = 0
exit
