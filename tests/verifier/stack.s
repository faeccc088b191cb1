; spill_and_fill_keeps_the_pointer: accepted
.type socket_filter
*(u64 *)(r10 -8) = r1
r2 = *(u64 *)(r10 -8)
r0 = *(u32 *)(r2 +0)
exit
---
; half_a_pointer_filled: invalid size of register fill
.type socket_filter
*(u64 *)(r10 -8) = r1
r2 = *(u32 *)(r10 -8)
r0 = 0
exit
---
; half_a_pointer_spilled: invalid size of register spill
.type socket_filter
*(u32 *)(r10 -8) = r1
r0 = 0
exit
---
; overwritten_pointer_is_data: R2 invalid mem access 'scalar'
.type socket_filter
*(u64 *)(r10 -8) = r1
r3 = 0
*(u8 *)(r10 -8) = r3
r2 = *(u64 *)(r10 -8)
r0 = *(u32 *)(r2 +0)
exit
---
; above_the_frame: invalid write to stack R10 off=8 size=8
.type socket_filter
r1 = 0
*(u64 *)(r10 +8) = r1
r0 = 0
exit
---
; below_the_frame: invalid write to stack R10 off=-520 size=8
.type socket_filter
r1 = 0
*(u64 *)(r10 -520) = r1
r0 = 0
exit
---
; misaligned: misaligned stack access off 0+0+-7 size 4
.type socket_filter
r1 = 0
*(u32 *)(r10 -7) = r1
r0 = 0
exit
---
; uninitialised_read_of_privileged_program: accepted
.type socket_filter
r0 = *(u64 *)(r10 -8)
exit
---
; variable_offset_within_the_frame: accepted
.type socket_filter
r2 = *(u32 *)(r1 +0)
r2 &= 7
r2 += -16
r3 = r10
r3 += r2
r4 = 0
*(u8 *)(r3 +0) = r4
r0 = *(u8 *)(r3 +0)
exit
---
; variable_offset_out_of_the_frame: invalid variable-offset write to stack R3 var_off=(0x0; 0xf) off=-8 size=1
.type socket_filter
r2 = *(u32 *)(r1 +0)
r2 &= 15
r3 = r10
r3 += -8
r3 += r2
r4 = 0
*(u8 *)(r3 +0) = r4
r0 = 0
exit
---
; spilled_number_is_refined: accepted
.type xdp
.map table array 4 64 1
r6 = *(u32 *)(r1 +16)
*(u64 *)(r10 -16) = r6
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r6 > 63 goto out
r7 = *(u64 *)(r10 -16)
r0 += r7
r1 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
---
; pointer_to_a_dead_frame: cannot return stack pointer to the caller
.type socket_filter
call sub
r0 = 0
exit
sub:
r0 = r10
exit
---
; caller_frame_may_not_hold_callee_pointers: cannot spill pointers to stack into stack frame of the caller
.type socket_filter
r1 = r10
r1 += -8
call sub
r0 = 0
exit
sub:
*(u64 *)(r1 +0) = r10
r0 = 0
exit
---
; caller_frame_is_written_by_callee: accepted
.type socket_filter
r1 = r10
r1 += -8
call sub
r1 = *(u64 *)(r10 -8)
r0 = r1
exit
sub:
r2 = 7
*(u64 *)(r1 +0) = r2
r0 = 0
exit
---
; two_frames_too_large: combined stack size of 2 calls is 608. Too large
.type socket_filter
r1 = 0
*(u64 *)(r10 -304) = r1
call sub
r0 = 0
exit
sub:
r1 = 0
*(u64 *)(r10 -304) = r1
r0 = 0
exit
