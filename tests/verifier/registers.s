; uninitialised_register: R2 !read_ok
.type socket_filter
r0 = r2
exit
---
; uninitialised_result: R0 !read_ok
.type socket_filter
exit
---
; frame_pointer_is_read_only: frame pointer is read only
.type socket_filter
r10 = 0
r0 = 0
exit
---
; arguments_are_lost_in_a_call: R1 !read_ok
.type socket_filter
call bpf_get_prandom_u32
r0 = r1
exit
---
; uninitialised_on_one_path: R3 !read_ok
.type socket_filter
r0 = *(u32 *)(r1 +0)
if r0 > 5 goto other
r3 = 1
other:
r0 = r3
exit
---
; pointer_as_result_of_privileged_program: accepted
.type socket_filter
r0 = r1
exit
---
; pointer_plus_pointer: R1 pointer += pointer prohibited
.type socket_filter
r2 = r10
r1 += r2
r0 = 0
exit
---
; pointer_minus_pointer: accepted
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r3 -= r2
r0 = r3
exit
---
; number_minus_pointer: R1 tried to subtract pointer from scalar
.type socket_filter
r2 = r1
r1 = 4
r1 -= r2
r0 = 0
exit
---
; pointer_and_mask: R1 bitwise operator &= on pointer prohibited
.type socket_filter
r1 &= 7
r0 = 0
exit
---
; pointer_divided: R1 pointer arithmetic with /= operator prohibited
.type socket_filter
r1 /= 2
r0 = 0
exit
---
; pointer_shifted: R2 pointer arithmetic with <<= operator prohibited
.type socket_filter
r2 = r10
r2 <<= 1
r0 = 0
exit
---
; pointer_in_32_bits: R1 32-bit pointer arithmetic prohibited
.type socket_filter
w1 += 4
r0 = 0
exit
---
; stack_pointer_minus_number: R2 subtraction from stack pointer prohibited
.type socket_filter
r2 = r10
r2 -= 8
r0 = 0
exit
---
; packet_end_moved: R2 pointer arithmetic on pkt_end prohibited
.type xdp
r2 = *(u32 *)(r1 +4)
r2 += 1
r0 = 2
exit
---
; map_pointer_moved: R1 pointer arithmetic on map_ptr prohibited
.type xdp
.map counts hash 4 8 16
r1 = map[counts] ll
r1 += 8
r0 = 2
exit
---
; huge_offset: math between ctx pointer and 1073741824 is not allowed
.type socket_filter
r1 += 0x40000000
r0 = 0
exit
---
; unbounded_offset: math between fp pointer and register with unbounded min value is not allowed
.type socket_filter
call bpf_get_prandom_u32
r2 = r10
r0 <<= 32
r2 += r0
r0 = 0
exit
---
; moved_context: dereference of modified ctx ptr R1 off=4 disallowed
.type socket_filter
r1 += 4
r0 = *(u32 *)(r1 +0)
exit
---
; null_checked_too_late: R0 pointer arithmetic on map_value_or_null prohibited, null-check it first
.type xdp
.map counts hash 4 8 16
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[counts] ll
call bpf_map_lookup_elem
r0 += 4
r0 = 2
exit
---
; number_as_address: R1 invalid mem access 'scalar'
.type socket_filter
r1 = 4096
r0 = *(u64 *)(r1 +0)
exit
---
; sign_extended_index_stays_bounded: accepted
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
r6 &= 31
r6 = (s8)r6
r0 += r6
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; negative_index: R0 min value is negative, either use unsigned index or do a if (index >=0) check.
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
r6 = (s8)r6
r0 += r6
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; equal_numbers_are_refined_together: accepted
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r6 = *(u32 *)(r1 +16)
r7 = r6
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r7 > 63 goto out
r0 += r6
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; sum_of_equal_number_is_refined: accepted
.type xdp
.map table array 4 64 1
r2 = 0
*(u32 *)(r10 -4) = r2
r6 = *(u32 *)(r1 +16)
r7 = r6
r7 += 2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r6 > 61 goto out
r0 += r7
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; legacy_load_needs_its_context: at the time of BPF_LD_ABS|IND R6 != pointer to skb
.type socket_filter
r6 = 0
r0 = *(u8 *)skb[0]
exit
---
; legacy_load: accepted
.type socket_filter
r6 = r1
r0 = *(u8 *)skb[0]
exit
---
; legacy_load_in_xdp: BPF_LD_[ABS|IND] instructions not allowed for this program type
.type xdp
r6 = r1
r0 = *(u8 *)skb[0]
exit
---
; known_bits_decide_an_equality: accepted
.type xdp
r8 = *(u32 *)(r1 +16)
r8 <<= 1
if r8 != 3 goto out
r10 = 0
out:
r0 = 2
exit
---
; mask_is_followed_as_each_of_its_values: accepted
.type xdp
r9 = *(u32 *)(r1 +16)
r9 &= 1
r9 += -1
r2 = r9
r2 &= 8
r0 = r10
r0 += -64
r0 += r2
r7 = 0
lock *(u64 *)(r0 +0) += r7
r0 = 2
exit
---
; failed_bit_test_forgets_the_range: variable offset stack pointer cannot be passed into helper function; var_off=(0x0; 0x8) off=-64 size=8
.type xdp
.map direct array 4 64 1
r1 = map[direct][0]+0
r7 = *(u64 *)(r1 +0)
r9 = *(u8 *)(r1 +16)
r9 += -1
if r9 & 0x1 goto out
if r9 > r7 goto below
goto out
below:
r0 = r10
r0 += -64
r1 = r7
r1 >>= 63
r1 <<= 3
r0 += r1
lock *(u64 *)(r0 +0) += r7
out:
r0 = 2
exit
