; slice_of_ringbuf_after_submit: accepted: 23 instructions
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice
r7 = r0
r1 = r10
r1 += -16
r2 = 0
call bpf_ringbuf_submit_dynptr
if r7 == 0 goto out
r0 = *(u8 *)(r7 + 0)
out:
r0 = 0
exit
---
; slice_rdwr_of_ringbuf_in_raw_tp: the prog does not allow writes to packet data
.type raw_tracepoint
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice_rdwr
r1 = r10
r1 += -16
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; slice_moved_to_helper: dereference of modified rdonly_mem ptr R1 off=4 disallowed
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 16
call bpf_dynptr_slice
if r0 == 0 goto out
r1 = r0
r1 += 4
r2 = 4
r3 = 0
r4 = 0
r5 = 0
call bpf_csum_diff
out:
r0 = 0
exit
---
; slice_as_key: R2 type=mem expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.type sched_cls
.license GPL
.map m hash 4 8 4
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 16
call bpf_dynptr_slice_rdwr
if r0 == 0 goto out
r2 = r0
r1 = map[m] ll
call bpf_map_lookup_elem
out:
r0 = 0
exit
---
; dynptr_offset_8: Dynptr has to be an uninitialized dynptr
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -8
call bpf_dynptr_from_skb
r0 = 0
exit
---
; dynptr_offset_12: Dynptr has to be an uninitialized dynptr
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -20
call bpf_dynptr_from_skb
r0 = 0
exit
---
; dynptr_offset_too_low: invalid write to stack R3 off=-520 size=8
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -520
call bpf_dynptr_from_skb
r0 = 0
exit
---
; dynptr_offset_above: Dynptr has to be an uninitialized dynptr
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += 8
call bpf_dynptr_from_skb
r0 = 0
exit
---
; dynptr_release_second_half: Expected an initialized dynptr as arg #0
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -32
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -24
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; dynptr_release_last_half: arg 1 is an unacquired reference
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -8
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; dynptr_release_skb: arg 1 is an unacquired reference
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; dynptr_iterator_over_dynptr: Expected an initialized dynptr as arg #0
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 0
exit
---
; dynptr_iterator_over_ringbuf_dynptr: cannot overwrite referenced dynptr
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = 0
exit
---
; dynptr_over_iterator: expected an initialized iter_num as arg #0
.type sched_cls
.license GPL
r6 = r1
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r6
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
---
; dynptr_var_store_over_dynptr: Expected an initialized dynptr as arg #0
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -32
call bpf_dynptr_from_skb
call bpf_get_prandom_u32
r0 &= 15
r1 = r10
r1 += -48
r1 += r0
*(u8 *)(r1 + 2) = 1
r1 = r10
r1 += -32
call bpf_dynptr_size
r0 = 0
exit
---
; dynptr_var_store_over_ringbuf: cannot overwrite referenced dynptr
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
call bpf_get_prandom_u32
r0 &= 15
r1 = r10
r1 += -24
r1 += r0
*(u8 *)(r1 + 0) = 1
r0 = 0
exit
---
; dynptr_write_invalidates_slice: R6 invalid mem access 'scalar'
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 16
call bpf_dynptr_slice
r6 = r0
if r6 == 0 goto out
r1 = r10
r1 += -16
r2 = 0
*(u64 *)(r10 - 24) = 0
r3 = r10
r3 += -24
r4 = 8
r5 = 0
call bpf_dynptr_write
r0 = *(u8 *)(r6 + 0)
out:
r0 = 0
exit
---
; clone_twice_release: Expected an initialized dynptr as arg #0
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
r2 = r10
r2 += -32
call bpf_dynptr_clone
r1 = r10
r1 += -32
r2 = 0
call bpf_ringbuf_discard_dynptr
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 0
exit
---
; clone_over_itself: cannot overwrite referenced dynptr
.type sched_cls
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
r2 = r10
r2 += -16
call bpf_dynptr_clone
r0 = 0
exit
---
; clone_of_skb_over_itself: accepted: 14 instructions
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = r10
r2 += -16
call bpf_dynptr_clone
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 0
exit
---
; dynptr_of_context: arg#0 expected pointer to stack or const struct bpf_dynptr
.type sched_cls
.license GPL
call bpf_dynptr_size
r0 = 0
exit
---
; dynptr_atomic_over_dynptr: invalid read from stack off -16+0 size 8
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = 1
lock *(u64 *)(r10 - 16) += r1
r0 = 0
exit
---
; dynptr_half_read: invalid read from stack off -8+0 size 8
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = *(u64 *)(r10 - 8)
r0 = 0
exit
---
; slice_size_zero: R0 min value is outside of the allowed memory range
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 0
call bpf_dynptr_slice
if r0 == 0 goto out
r0 = *(u8 *)(r0 + 0)
out:
r0 = 0
exit
---
; slice_size_unknown_without_buffer: R4 must be a known constant
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r4 = *(u32 *)(r6 + 0)
r1 = r10
r1 += -16
r2 = 0
r3 = 0
call bpf_dynptr_slice
r0 = 0
exit
---
; slice_size_not_a_number: arg#2 pointer type UNKNOWN  must point to scalar, or struct with scalar
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r4 = r10
r1 = r10
r1 += -16
r2 = 0
r3 = 0
call bpf_dynptr_slice
r0 = 0
exit
---
; slice_size_huge: R0 min value is outside of the allowed memory range
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r4 = 0x100000008 ll
r1 = r10
r1 += -16
r2 = 0
r3 = 0
call bpf_dynptr_slice
if r0 == 0 goto out
r0 = *(u64 *)(r0 + 8)
out:
r0 = 0
exit
---
; dynptr_buffer_is_the_dynptr: arg#2 arg#3 memory, len pair leads to invalid memory access
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r4 = 8
r1 = r10
r1 += -16
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_slice
r0 = 0
exit
---
; data_of_unknown_size: R3 is not a known constant'
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r3 = *(u32 *)(r6 + 0)
r1 = r10
r1 += -16
r2 = 0
call bpf_dynptr_data
r0 = 0
exit
---
; data_of_skb_survives_overwrite: R7 invalid mem access 'scalar'
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r3 = 4
r1 = r10
r1 += -16
r2 = 0
call bpf_dynptr_data
r7 = r0
*(u64 *)(r10 - 8) = 0
if r7 == 0 goto out
r0 = *(u8 *)(r7 + 0)
out:
r0 = 0
exit
---
; data_of_skb_after_adjust: accepted: 20 instructions
.type sched_cls
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r3 = 4
r1 = r10
r1 += -16
r2 = 0
call bpf_dynptr_data
r7 = r0
if r7 == 0 goto out
r1 = r6
r2 = 8
call bpf_skb_pull_data
r0 = *(u8 *)(r7 + 0)
out:
r0 = 0
exit
---
; dynptr_in_xdp: accepted: 16 instructions
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice_rdwr
if r0 == 0 goto out
*(u8 *)(r0 + 0) = 1
out:
r0 = 2
exit
---
; dynptr_write_to_xdp_keeps_slices: accepted: 24 instructions
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice_rdwr
r6 = r0
if r0 == 0 goto out
r1 = r10
r1 += -16
r2 = 0
r3 = r6
r4 = 8
r5 = 0
call bpf_dynptr_write
*(u8 *)(r6 + 0) = 1
out:
r0 = 2
exit
---
; local_from_stack: Unsupported reg type fp for bpf_dynptr_from_mem data
.type xdp
.license GPL
*(u64 *)(r10 - 24) = 0
r1 = r10
r1 += -24
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_dynptr_from_mem
r0 = 2
exit
---
; local_from_slice: Unsupported reg type mem for bpf_dynptr_from_mem data
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice_rdwr
if r0 == 0 goto out
r1 = r0
r2 = 8
r3 = 0
r4 = r10
r4 += -32
call bpf_dynptr_from_mem
out:
r0 = 2
exit
---
; local_from_map_value: R7 invalid mem access 'scalar'
.type xdp
.license GPL
.map m array 4 8 1
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = map[m] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
r2 = 8
r3 = 0
r4 = r10
r4 += -32
call bpf_dynptr_from_mem
r1 = r10
r1 += -32
r2 = 0
r3 = 8
call bpf_dynptr_data
if r0 == 0 goto out
*(u64 *)(r0 + 0) = 7
r7 = r0
r1 = r10
r1 += -32
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice
r6 = r0
*(u8 *)(r10 - 17) = 0
if r6 == 0 goto out
r0 = *(u8 *)(r6 + 0)
r0 = *(u8 *)(r7 + 0)
out:
r0 = 2
exit
---
; dynptr_read_twice_pruned: accepted: 31 instructions
.type xdp
.license GPL
r6 = r1
call bpf_get_prandom_u32
if r0 s> 5 goto second
r1 = r6
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
goto merge
second:
r7 = 1
r1 = r6
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
merge:
r1 = r10
r1 += -16
call bpf_dynptr_size
r1 = r10
r1 += -16
call bpf_dynptr_is_null
r0 = 2
exit
---
; dynptr_from_skb_null: Possibly NULL pointer passed to trusted arg0
.type sched_cls
.license GPL
r1 = 0
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r0 = 0
exit
---
; dynptr_from_xdp_null: arg#0 expected pointer to ctx, but got scalar
.type xdp
.license GPL
r1 = 0
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r0 = 0
exit
---
; dynptr_from_xdp_flags_pointer: R2 is not a scalar
.type xdp
.license GPL
r2 = r10
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r0 = 0
exit
---
; dynptr_xdp_dynptr_in_tc: calling kernel function bpf_dynptr_from_xdp is not allowed
.type sched_cls
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r0 = 0
exit
---
; dynptr_uninit_overlap: Unsupported reg type fp for bpf_dynptr_from_mem data
.type xdp
.license GPL
r1 = r10
r1 += -16
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_dynptr_from_mem
r0 = 2
exit
---
; dynptr_read_into_itself: potential write to dynptr at off=-16 disallowed
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 8
r3 = r10
r3 += -16
r4 = 0
r5 = 0
call bpf_dynptr_read
r0 = 2
exit
---
; dynptr_read_unknown_size_over_dynptr: invalid indirect read from stack R1 off -24+8 size 15
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
call bpf_get_prandom_u32
r0 &= 15
r1 = r10
r1 += -24
r2 = r0
r3 = r10
r3 += -16
r4 = 0
r5 = 0
call bpf_dynptr_read
r0 = 2
exit
---
; dynptr_ringbuf_reserve_wrong_map: cannot pass map_type 2 into func bpf_ringbuf_reserve_dynptr#198
.type xdp
.license GPL
.map m array 4 8 1
r1 = map[m] ll
r2 = 8
r3 = 0
r4 = r10
r4 += -32
call bpf_ringbuf_reserve_dynptr
r0 = 2
exit
---
; dynptr_tail_call_with_dynptr: tail_call would lead to reference leak
.type xdp
.license GPL
.map ring ringbuf 0 0 4096
.map progs prog_array 4 4 1
r6 = r1
r1 = map[ring] ll
r2 = 8
r3 = 0
r4 = r10
r4 += -32
call bpf_ringbuf_reserve_dynptr
r1 = r6
r2 = map[progs] ll
r3 = 0
call bpf_tail_call
r1 = r10
r1 += -32
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 2
exit
---
; dynptr_spilled_over_second: accepted: 9 instructions
.type xdp
.license GPL
r6 = r1
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
*(u64 *)(r10 - 8) = r6
r1 = *(u64 *)(r10 - 16)
r0 = 2
exit
---
; dynptr_ringbuf_data_in_callee: Expected an initialized dynptr as arg #0
.type xdp
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
call done
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 2
exit
done:
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; clone_in_callee_released_there: accepted: 23 instructions
.type xdp
.license GPL
.map ring ringbuf 0 0 4096
r1 = map[ring] ll
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
call done
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 2
exit
done:
r2 = r10
r2 += -16
call bpf_dynptr_clone
r1 = r10
r1 += -16
r2 = 0
call bpf_ringbuf_submit_dynptr
r0 = 0
exit
---
; dynptr_rdonly_slice_to_writer: R1 type=rdonly_mem expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice
if r0 == 0 goto out
r1 = r0
r2 = 8
r3 = r10
r3 += -16
r4 = 0
r5 = 0
call bpf_dynptr_read
out:
r0 = 2
exit
---
; slice_into_slice_buffer: arg#2 arg#3 memory, len pair leads to invalid memory access
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice
if r0 == 0 goto out
r3 = r0
r1 = r10
r1 += -16
r2 = 0
r4 = 8
call bpf_dynptr_slice
out:
r0 = 2
exit
---
; slice_rdwr_into_slice_buffer: dereference of modified mem ptr R3 off=2 disallowed
.type xdp
.license GPL
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice_rdwr
if r0 == 0 goto out
r3 = r0
r3 += 2
r1 = r10
r1 += -16
r2 = 0
r4 = 4
call bpf_dynptr_slice
out:
r0 = 2
exit
---
; dynptr_packet_as_buffer: accepted: 18 instructions
.type xdp
.license GPL
r6 = *(u32 *)(r1 + 0)
r7 = *(u32 *)(r1 + 4)
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_xdp
r1 = r6
r1 += 8
if r1 > r7 goto out
r3 = r6
r1 = r10
r1 += -16
r2 = 0
r4 = 4
call bpf_dynptr_slice
out:
r0 = 2
exit
