; unknown_helper: invalid func unknown#100000
.type socket_filter
call 100000
r0 = 0
exit
---
; helper_of_other_types: program of this type cannot use helper bpf_xdp_adjust_head#44
.type socket_filter
r2 = 0
call bpf_xdp_adjust_head
r0 = 0
exit
---
; helper_under_the_gpl: cannot call GPL-restricted function from non-GPL compatible program
.type kprobe
.license Proprietary
call bpf_ktime_get_ns
r1 = r10
r1 += -8
r2 = 8
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; key_not_on_the_stack: R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.type xdp
.map counts hash 4 8 16
r2 = 7
r1 = map[counts] ll
call bpf_map_lookup_elem
r0 = 2
exit
---
; map_is_not_a_map: R1 type=fp expected=map_ptr
.type xdp
r1 = r10
r2 = r10
r2 += -4
call bpf_map_lookup_elem
r0 = 2
exit
---
; size_may_be_negative: R2 min value is negative, either use unsigned or 'var &= const'
.type kprobe
.license GPL
call bpf_get_prandom_u32
r2 = (s8)r0
r1 = r10
r1 += -64
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; size_too_large: invalid indirect access to stack R1 off=-64 size=65
.type kprobe
.license GPL
r2 = 65
r1 = r10
r1 += -64
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; size_bounded: accepted
.type kprobe
.license GPL
call bpf_get_prandom_u32
r2 = r0
r2 &= 63
*(u64 *)(r10 -64) = r2
r1 = r10
r1 += -64
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; record_leaked: Unreleased reference id=2 alloc_insn=4
.type xdp
.map events ringbuf 0 0 4096
r1 = map[events] ll
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
r1 = 0
*(u64 *)(r0 +0) = r1
out:
r0 = 2
exit
---
; record_submitted: accepted
.type xdp
.map events ringbuf 0 0 4096
r1 = map[events] ll
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_ringbuf_submit
out:
r0 = 2
exit
---
; record_used_after_submit: R6 invalid mem access 'scalar'
.type xdp
.map events ringbuf 0 0 4096
r1 = map[events] ll
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
r6 = r0
r1 = r0
r2 = 0
call bpf_ringbuf_submit
r1 = 0
*(u64 *)(r6 +0) = r1
out:
r0 = 2
exit
---
; record_of_unknown_size: R2 is not a known constant'
.type xdp
.map events ringbuf 0 0 4096
r2 = *(u32 *)(r1 +16)
r1 = map[events] ll
r3 = 0
call bpf_ringbuf_reserve
r0 = 2
exit
---
; tail_call: accepted
.type xdp
.map programs prog_array 4 4 8
r2 = map[programs] ll
r3 = 1
call bpf_tail_call
r0 = 2
exit
---
; lookup_in_a_program_array: cannot pass map_type 3 into func bpf_map_lookup_elem#1
.type xdp
.map programs prog_array 4 4 8
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[programs] ll
call bpf_map_lookup_elem
r0 = 2
exit
---
; subprogram: accepted
.type socket_filter
r1 = 2
r2 = 3
call add
exit
add:
r0 = r1
r0 += r2
exit
---
; subprogram_keeps_saved_registers: accepted
.type socket_filter
r6 = r1
call sub
r0 = *(u32 *)(r6 +0)
exit
sub:
r6 = 0
r0 = 0
exit
---
; subprogram_clobbers_arguments: R1 !read_ok
.type socket_filter
call sub
r0 = *(u32 *)(r1 +0)
exit
sub:
r0 = 0
exit
---
; result_refined_by_the_path_taken: accepted
.type xdp
.map table array 4 64 1
r6 = *(u32 *)(r1 +16)
r2 = 0
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r7 = r0
r1 = r6
call clamp
r7 += r0
r1 = *(u8 *)(r7 +0)
out:
r0 = 2
exit
clamp:
r0 = r1
if r0 < 64 goto small
r0 = 63
small:
exit
---
; callback_without_type_information: missing btf func_info
.type xdp
r1 = 10
r2 = subprog[body]
r3 = 0
r4 = 0
call bpf_loop
r0 = 2
exit
body:
r0 = 0
exit
---
; result_out_of_range: At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]
.type cgroup_device
r0 = 7
exit
---
; classic_load_in_a_function_without_types: LD_ABS is not allowed in subprogs without BTF
.type socket_filter
call +2
r0 = 0
exit
r6 = r1
r0 = *(u32 *)skb[0]
exit
---
; local_storage_has_no_flags: get_local_storage() doesn't support non-zero flags
.type cgroup_skb
.map storage cgroup_storage 8 8 0
r1 = map[storage] ll
r2 = 1
call bpf_get_local_storage
r0 = 1
exit
---
; address_of_a_function_where_there_is_none: func bpf_get_func_ip#173 not supported for program type 7
.type perf_event
.license GPL
call bpf_get_func_ip
r0 = 1
exit
---
; address_of_a_function_at_a_tracepoint: func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs
.type tp_btf/sched_switch
.license GPL
call bpf_get_func_ip
r0 = 0
exit
---
; result_of_a_hook_without_one: BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!
.type lsm_cgroup/sk_clone_security
.license GPL
r1 = 5
call bpf_set_retval
r0 = 1
exit
