; lock_in_a_map_without_types: map 'values' has to have BTF in order to use bpf_spin_lock
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_spin_lock
out:
r0 = 0
exit
---
; unlock_in_a_map_without_types: map 'values' has to have BTF in order to use bpf_spin_lock
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_spin_unlock
out:
r0 = 0
exit
---
; lock_on_the_stack: R1 type=fp expected=map_value, ptr_
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r10
r1 += -8
call bpf_spin_lock
out:
r0 = 0
exit
---
; lock_that_may_be_missing: R1 type=map_value_or_null expected=map_value, ptr_
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
r1 = r0
call bpf_spin_lock
out:
r0 = 0
exit
---
; lock_in_a_kernel_object: R1 type=trusted_ptr_ expected=map_value, ptr_
.type sched_cls
.license GPL
call bpf_get_current_task_btf
r1 = r0
call bpf_spin_lock
out:
r0 = 0
exit
---
; exchange_in_a_map_without_types: map 'values' has to have BTF in order to use bpf_kptr_xchg
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_kptr_xchg
out:
r0 = 0
exit
---
; exchange_on_the_stack: R1 type=fp expected=map_value, ptr_
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r10
r1 += -8
r2 = 0
call bpf_kptr_xchg
out:
r0 = 0
exit
---
; list_in_a_value_without_types: bpf_list_head not found at offset=0
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_list_pop_front
out:
r0 = 0
exit
---
; list_on_the_stack: arg#0 expected pointer to map value or allocated object
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r10
r1 += -16
call bpf_list_pop_front
out:
r0 = 0
exit
---
; list_at_an_unknown_place: R1 doesn't have constant offset. bpf_list_head has to be at the constant offset
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
r0 &= 7
r6 += r0
r1 = r6
call bpf_list_pop_front
out:
r0 = 0
exit
---
; tree_in_a_value_without_types: bpf_rb_root not found at offset=0
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_rbtree_first
out:
r0 = 0
exit
---
; object_of_a_program_without_types: bpf_obj_new/bpf_percpu_obj_new requires prog BTF
.type sched_cls
.license GPL
r1 = 1
r2 = 0
call bpf_obj_new_impl
out:
r0 = 0
exit
---
; object_of_too_large_a_type: local type ID argument must be in range [0, U32_MAX]
.type sched_cls
.license GPL
r1 = 0x100000000 ll
r2 = 0
call bpf_obj_new_impl
out:
r0 = 0
exit
---
; object_of_an_unknown_type: R1 must be a known constant
.type sched_cls
.license GPL
call bpf_get_prandom_u32
r1 = r0
r2 = 0
call bpf_obj_new_impl
out:
r0 = 0
exit
---
; drop_of_a_value: R1 must be referenced or trusted
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_obj_drop_impl
out:
r0 = 0
exit
---
; drop_of_a_task: arg#0 expected pointer to allocated object
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_obj_drop_impl
out:
r0 = 0
exit
---
; drop_of_nothing: Possibly NULL pointer passed to trusted arg0
.type sched_cls
.license GPL
r1 = 0
r2 = 0
call bpf_obj_drop_impl
out:
r0 = 0
exit
---
; reference_to_a_task_as_to_an_object: arg#0 is neither owning or non-owning ref
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_refcount_acquire_impl
out:
r0 = 0
exit
---
; work_queue_on_the_stack: arg#0 doesn't point to a map value
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r10
r1 += -16
r2 = map[values] ll
r3 = 0
call bpf_wq_init
out:
r0 = 0
exit
---
; percpu_object_of_a_program_without_types: bpf_obj_new/bpf_percpu_obj_new requires prog BTF
.type sched_cls
.license GPL
r1 = 1
r2 = 0
call bpf_percpu_obj_new_impl
out:
r0 = 0
exit
---
; each_cpus_own_of_a_value: R1 type=map_value expected=percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_
.type sched_cls
.license GPL
.map values array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_this_cpu_ptr
out:
r0 = 0
exit
