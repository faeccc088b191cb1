; pointer_returned: R0 leaks addr as return value
.type socket_filter
r0 = r10
exit
---
; pointer_stored_in_the_context: R10 leaks addr into ctx
.type socket_filter
r0 = 0
*(u64 *)(r1 +48) = r10
exit
---
; pointer_added_to_a_map_value: R10 leaks addr into map
.type socket_filter
.map values array 4 16 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +1
*(u64 *)(r0 +0) = r10
r0 = 0
exit
---
; pointer_as_helper_argument: R4 leaks addr into helper function
.type socket_filter
.map values array 4 16 1
*(u32 *)(r10 -4) = 0
*(u64 *)(r10 -16) = 0
*(u64 *)(r10 -24) = 0
r2 = r10
r2 += -4
r3 = r10
r3 += -24
r4 = r10
r1 = map[values] ll
call bpf_map_update_elem
r0 = 0
exit
---
; pointers_compared: R10 pointer comparison prohibited
.type socket_filter
r0 = 0
if r1 == r10 goto +0
exit
---
; pointer_compared_with_a_number: R1 pointer comparison prohibited
.type socket_filter
r0 = 0
if r1 == 0 goto +0
exit
---
; null_check_is_no_comparison: accepted
.type socket_filter
.map values array 4 16 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +1
r0 = 1
r0 = 0
exit
---
; pointers_subtracted: R1 pointer -= pointer prohibited
.type socket_filter
r0 = 0
r1 -= r10
exit
---
; pointer_negated: R1 pointer arithmetic prohibited
.type socket_filter
r0 = 0
r1 = -r1
exit
---
; half_a_pointer_copied: R1 partial copy of pointer
.type socket_filter
r0 = 0
w2 = w1
exit
---
; sign_of_a_pointer: R1 sign-extension part of pointer
.type socket_filter
r0 = 0
r2 = (s8)r1
exit
---
; part_of_a_spilled_pointer_overwritten: attempt to corrupt spilled pointer on stack
.type socket_filter
*(u64 *)(r10 -8) = r1
*(u8 *)(r10 -8) = 0
r0 = 0
exit
---
; spilled_pointer_fetched: leaking pointer from stack off -8
.type socket_filter
*(u64 *)(r10 -8) = r1
r0 = 0
lock *(u64 *)(r10 -8) += r0
exit
---
; pointer_fetched_and_added: R1 leaks addr into mem
.type socket_filter
*(u64 *)(r10 -8) = 0
lock *(u64 *)(r10 -8) += r1
r0 = 0
exit
---
; stack_never_used_is_read: invalid read from stack R10 off=-8 size=8
.type socket_filter
r0 = *(u64 *)(r10 -8)
r0 = 0
exit
---
; stack_never_written_is_read: invalid read from stack off -8+0 size 8
.type socket_filter
*(u64 *)(r10 -16) = 0
r0 = *(u64 *)(r10 -8)
r0 = 0
exit
---
; half_written_stack_is_read: invalid read from stack off -8+4 size 8
.type socket_filter
*(u32 *)(r10 -8) = 0
r0 = *(u64 *)(r10 -8)
r0 = 0
exit
---
; stack_never_written_is_a_key: invalid indirect read from stack R2 off -4+0 size 4
.type socket_filter
.map values array 4 16 1
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
r0 = 0
exit
---
; spilled_pointer_is_a_key: invalid indirect read from stack R2 off -8+0 size 8
.type socket_filter
.map values hash 8 16 1
*(u64 *)(r10 -8) = r1
r2 = r10
r2 += -8
r1 = map[values] ll
call bpf_map_lookup_elem
r0 = 0
exit
---
; loop: back-edge from insn 2 to 1
.type socket_filter
r0 = 0
r0 += 1
if r0 < 10 goto -2
exit
---
; function_called: loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN
.type socket_filter
call +1
exit
r0 = 0
exit
---
; helper_for_the_privileged: program of this type cannot use helper bpf_get_current_cgroup_id#80
.type socket_filter
call 80
exit
---
; helper_that_sees_memory: program of this type cannot use helper bpf_get_current_task#35
.type socket_filter
call bpf_get_current_task
r0 = 0
exit
---
; other_program_type: loading programs of type xdp takes CAP_BPF
.type xdp
r0 = 0
exit
---
; packet_of_a_cgroup: invalid bpf_context access off=76 size=4
.type cgroup_skb
r0 = *(u32 *)(r1 +76)
r0 = 1
exit
---
; field_of_a_map: 'struct bpf_array' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN
.type socket_filter
.map values array 4 16 1
r1 = map[values] ll
r0 = *(u32 *)(r1 +0)
r0 = 0
exit
---
; stack_pointer_moved_out: R1 stack pointer arithmetic goes out of range, prohibited for !root; off=8
.type socket_filter
r0 = 0
r1 = r10
r1 += 8
exit
---
; stack_pointer_moved_by_a_known_number: accepted
.type socket_filter
*(u64 *)(r10 -16) = 0
r2 = -16
r1 = r10
r1 += r2
r0 = *(u64 *)(r1 +0)
r0 = 0
exit
---
; stack_pointer_moved_by_an_unknown_number: R3 variable stack access prohibited for !root, var_off=(0xfffffffffffffff0; 0x7) off=-16
.type socket_filter
*(u64 *)(r10 -16) = 0
r2 = *(u32 *)(r1 +0)
r2 &= 7
r2 += -16
r3 = r10
r3 += r2
r0 = 0
exit
---
; map_value_moved_within: accepted
.type socket_filter
.map values array 4 48 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +3
r6 &= 15
r0 += r6
r0 = *(u8 *)(r0 +0)
r0 = 0
exit
---
; map_value_moved_out: R0 pointer arithmetic of map value goes out of range, prohibited for !root
.type socket_filter
.map values array 4 48 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +3
r6 &= 63
r0 += r6
r0 = 0
r0 = 0
exit
---
; map_value_moved_by_either_sign: R6 has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root
.type socket_filter
.map values array 4 48 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +5
r6 &= 15
r6 -= 8
r0 += 16
r0 += r6
r0 = 0
r0 = 0
exit
---
; pointers_of_two_maps_moved_at_one_place: accepted
.type socket_filter
.map one array 4 48 1
.map two array 4 16 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r7 = r6
r7 &= 7
r2 = r10
r2 += -4
if r6 == 0 goto +3
r1 = map[one] ll
goto +2
r1 = map[two] ll
call bpf_map_lookup_elem
if r0 == 0 goto +2
r0 += r7
r0 = *(u8 *)(r0 +0)
r0 = 0
exit
---
; pointer_or_number_at_one_place: R2 tried to add from different maps, paths or scalars, pointer arithmetic with it prohibited for !root
.type socket_filter
.map one array 4 48 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r2 = r10
r2 += -4
r1 = map[one] ll
call bpf_map_lookup_elem
if r0 == 0 goto +5
r2 = 4
if r6 == 0 goto +1
r2 = r0
r3 = 1
r2 += r3
r0 = 0
exit
---
; context_moved_by_a_register: R1 has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root
.type socket_filter
r2 = 4
r1 += r2
r0 = 0
exit
---
; wrong_side_of_a_decided_branch_is_followed: R2 invalid mem access 'scalar'
.type socket_filter
r0 = 0
r2 = 1
if r2 == 1 goto +1
r0 = *(u64 *)(r2 +0)
exit
---
; known_number_is_forgotten_in_speculation: R0 invalid mem access 'scalar'
.type socket_filter
*(u64 *)(r10 -8) = 0
r0 = 0
if r0 != 0 goto +1
exit
r0 = *(u64 *)(r0 +0)
exit
---
; dead_code_that_is_harmless: accepted
.type socket_filter
r0 = 0
if r0 != 0 goto +1
exit
r0 = 1
exit
---
; tail_call_with_either_map: tail_call abusing map_ptr
.type socket_filter
.map one prog_array 4 4 1
.map two prog_array 4 4 1
r6 = *(u32 *)(r1 +0)
r3 = 0
if r6 == 0 goto +3
r2 = map[one] ll
goto +2
r2 = map[two] ll
call bpf_tail_call
r0 = 0
exit
---
; two_uninitialised_compared: R3 !read_ok
.type socket_filter
r0 = 0
if r3 == r4 goto +0
exit
---
; spilled_pointer_overwritten_by_a_helper: attempt to corrupt spilled pointer on stack
.type socket_filter
*(u64 *)(r10 -8) = r1
r2 = 0
r3 = r10
r3 += -8
r4 = 8
call bpf_skb_load_bytes
r0 = 0
exit
---
; released_memory_is_not_there_any_more: R6 !read_ok
.type socket_filter
.map events ringbuf 0 0 4096
r1 = map[events] ll
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto +5
r6 = r0
r1 = r0
r2 = 0
call bpf_ringbuf_discard
r0 = r6
r0 = 0
exit
