; value_within_bounds: accepted
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = *(u64 *)(r0 +56)
out:
r0 = 2
exit
---
; value_past_the_end: R0 min value is outside of the allowed memory range
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = *(u64 *)(r0 +57)
out:
r0 = 2
exit
---
; index_past_the_end: R0 max value is outside of the allowed memory range
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r6 = *(u32 *)(r1 +16)
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r6 > 64 goto out
r0 += r6
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; index_unbounded: R0 unbounded memory access, make sure to bounds check any such access
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r6 = *(u32 *)(r1 +16)
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r0 += r6
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; value_unchecked: R0 invalid mem access 'map_value_or_null'
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
r1 = *(u64 *)(r0 +0)
r0 = 2
exit
---
; copy_of_a_checked_value: accepted
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
r6 = r0
if r0 == 0 goto out
r1 = *(u64 *)(r6 +0)
out:
r0 = 2
exit
---
; packet_checked: accepted
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r4 = r2
r4 += 14
if r4 > r3 goto out
r5 = *(u16 *)(r2 +12)
out:
r0 = 2
exit
---
; packet_checked_the_other_way: accepted
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r4 = r2
r4 += 14
if r3 >= r4 goto fits
goto out
fits:
r5 = *(u16 *)(r2 +12)
out:
r0 = 2
exit
---
; packet_unchecked: R2 offset is outside of the packet
.type xdp
r2 = *(u32 *)(r1 +0)
r5 = *(u8 *)(r2 +0)
r0 = 2
exit
---
; packet_one_byte_too_far: R2 offset is outside of the packet
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r4 = r2
r4 += 14
if r4 > r3 goto out
r5 = *(u16 *)(r2 +13)
out:
r0 = 2
exit
---
; packet_variable_offset: accepted
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r4 = *(u32 *)(r1 +16)
r4 &= 63
r2 += r4
r5 = r2
r5 += 8
if r5 > r3 goto out
r0 = *(u64 *)(r2 +0)
out:
r0 = 2
exit
---
; packet_pointer_lost_when_the_packet_moves: R6 invalid mem access 'scalar'
.type xdp
r6 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r4 = r6
r4 += 14
if r4 > r3 goto out
r2 = 0
call bpf_xdp_adjust_head
r0 = *(u8 *)(r6 +0)
out:
r0 = 2
exit
---
; packet_is_read_only_for_filters: invalid bpf_context access off=76 size=4
.type socket_filter
r2 = *(u32 *)(r1 +76)
r0 = 0
exit
---
; context_field_too_wide: invalid bpf_context access off=0 size=8
.type xdp
r2 = *(u64 *)(r1 +0)
r0 = 2
exit
---
; context_field_is_read_only: invalid bpf_context access off=12 size=4
.type xdp
r2 = 0
*(u32 *)(r1 +12) = r2
r0 = 2
exit
---
; context_field_may_be_written: accepted
.type sched_cls
r2 = 7
*(u32 *)(r1 +8) = r2
r0 = 0
exit
---
; atomic_on_the_context: BPF_ATOMIC stores into R1 ctx is not allowed
.type sched_cls
r2 = 7
lock *(u32 *)(r1 +8) += r2
r0 = 0
exit
---
; atomic_fetch_on_the_stack: accepted
.type socket_filter
r2 = 7
*(u64 *)(r10 -8) = r2
r2 = atomic64_fetch_add((u64 *)(r10 -8), r2)
r0 = r2
exit
---
; one_load_through_two_kinds_of_pointer: same insn cannot be used with different pointers
.type socket_filter
r6 = r1
r7 = *(u32 *)(r1 +0)
r2 = r10
r2 += -8
*(u64 *)(r10 -8) = r7
if r7 > 5 goto other
r2 = r6
other:
r0 = *(u32 *)(r2 +0)
exit
---
; atomic_at_a_variable_offset_of_the_stack: variable offset stack pointer cannot be passed into helper function; var_off=(0x0; 0x8) off=-64 size=8
.type xdp
r7 = *(u32 *)(r1 +16)
r0 = r10
r0 += -64
r2 = r7
r2 &= 1
r2 <<= 3
r0 += r2
lock *(u64 *)(r0 +0) += r7
r0 = 2
exit
---
; direct_value_of_a_hash: no direct value access support for this map type
.type xdp
.map counts hash 4 8 16
r1 = map[counts][0]+0
r0 = 2
exit
---
; direct_value_past_the_end: invalid access to map value pointer, value_size=8 off=8
.type xdp
.map one array 4 8 1
r0 = 2
if r0 == 2 goto out
r1 = map[one][0]+8
out:
exit
---
; record_larger_than_32_bits_counts_in_32: accepted: 12 instructions
.type xdp
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 0x100000008 ll
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
*(u32 *)(r0 +4) = 1
r1 = r0
r2 = 0
call bpf_ringbuf_submit
out:
r0 = 2
exit
---
; record_larger_than_32_bits_ends_where_32_do: R0 min value is outside of the allowed memory range
.type xdp
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 0x100000008 ll
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
*(u32 *)(r0 +8) = 1
r1 = r0
r2 = 0
call bpf_ringbuf_submit
out:
r0 = 2
exit
