; kfunc_of_other_types: calling kernel function bpf_cpumask_create is not allowed
.type sched_cls
call bpf_cpumask_create
r0 = 0
exit
---
; kfunc_without_the_gpl: cannot call kernel function from non-GPL compatible program
.type sched_cls
.license Proprietary
call bpf_rcu_read_lock
call bpf_rcu_read_unlock
r0 = 0
exit
---
; metadata_of_a_device: metadata kfuncs require device-bound program
.type xdp
.license GPL
r0 = 0
if r0 == 0 goto out
call bpf_xdp_metadata_rx_timestamp
out:
r0 = 0
exit
---
; sleeping_kfunc_where_none_may_sleep: program must be sleepable to call sleepable kfunc bpf_copy_from_user_str
.type sched_cls
.license GPL
call bpf_copy_from_user_str
r0 = 0
exit
---
; number_that_is_a_pointer: R1 is not a scalar
.type sched_cls
.license GPL
call bpf_task_from_pid
r0 = 0
exit
---
; reference_released: accepted
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
if r0 == 0 goto out
r1 = r0
call bpf_task_release
out:
r0 = 0
exit
---
; reference_not_released: Unreleased reference id=2 alloc_insn=1
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
r0 = 0
exit
---
; reference_perhaps_null: Possibly NULL pointer passed to trusted arg0
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
r1 = r0
call bpf_task_release
r0 = 0
exit
---
; reference_released_twice: arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
if r0 == 0 goto out
r6 = r0
r1 = r0
call bpf_task_release
r1 = r6
call bpf_task_release
out:
r0 = 0
exit
---
; object_of_another_type: kernel function bpf_cgroup_release args#0 expected pointer to STRUCT cgroup but R1 has a pointer to STRUCT task_struct
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
if r0 == 0 goto out
r1 = r0
call bpf_cgroup_release
out:
r0 = 0
exit
---
; stack_for_an_object: arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
.type sched_cls
.license GPL
r1 = r10
r1 += -8
call bpf_task_acquire
r0 = 0
exit
---
; rcu_lock_kept: bpf_rcu_read_unlock is missing
.type sched_cls
.license GPL
call bpf_rcu_read_lock
r0 = 0
exit
---
; rcu_lock_nested: nested rcu read lock (kernel function bpf_rcu_read_lock)
.type sched_cls
.license GPL
call bpf_rcu_read_lock
call bpf_rcu_read_lock
r0 = 0
exit
---
; rcu_unlock_alone: unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)
.type sched_cls
.license GPL
call bpf_rcu_read_unlock
r0 = 0
exit
---
; preemption_kept_off: 2 bpf_preempt_enable(s) are missing
.type sched_cls
.license GPL
call bpf_preempt_disable
call bpf_preempt_disable
r0 = 0
exit
---
; preemption_disabled_and_enabled: accepted
.type sched_cls
.license GPL
call bpf_preempt_disable
call bpf_preempt_disable
call bpf_preempt_enable
call bpf_preempt_enable
r0 = 0
exit
---
; preemption_enabled_alone: unmatched attempt to enable preemption (kernel function bpf_preempt_enable)
.type sched_cls
.license GPL
call bpf_preempt_enable
r0 = 0
exit
---
; throw_with_a_result: accepted
.type sched_cls
.license GPL
r1 = 0
call bpf_throw
exit
---
; throw_of_a_pointer: R1 is not a scalar
.type sched_cls
.license GPL
call bpf_throw
r0 = 0
exit
---
; throw_with_a_result_out_of_range: At program exit the register R1 has smin=64 smax=64 should have been in [0, 1]
.type cgroup/sock_create
.license GPL
r1 = 64
call bpf_throw
r0 = 0
exit
---
; throw_with_a_reference: Unreleased reference id=2 alloc_insn=1
.type sched_cls
.license GPL
r1 = 1
call bpf_task_from_pid
r1 = 0
call bpf_throw
r0 = 0
exit
---
; throw_under_rcu: bpf_throw cannot be used inside bpf_rcu_read_lock-ed region
.type sched_cls
.license GPL
call bpf_rcu_read_lock
r1 = 0
call bpf_throw
r0 = 0
exit
---
; throw_without_preemption: bpf_throw cannot be used inside bpf_preempt_disable-ed region
.type sched_cls
.license GPL
call bpf_preempt_disable
r1 = 0
call bpf_throw
r0 = 0
exit
---
; throw_with_a_reference_under_rcu: bpf_throw cannot be used inside bpf_rcu_read_lock-ed region
.type sched_cls
.license GPL
call bpf_rcu_read_lock
r1 = 1
call bpf_task_from_pid
r1 = 0
call bpf_throw
r0 = 0
exit
---
; context_cast_and_read: accepted
.type sched_cls
.license GPL
call bpf_cast_to_kern_ctx
r0 = *(u64 *)(r0 + 0)
r0 = 0
exit
---
; context_cast_of_a_number: arg#0 expected pointer to ctx, but got scalar
.type sched_cls
.license GPL
r1 = 5
call bpf_cast_to_kern_ctx
r0 = 0
exit
---
; cast_to_no_structure: kfunc bpf_rdonly_cast type ID argument must be of a struct
.type sched_cls
.license GPL
r2 = 1
call bpf_rdonly_cast
r0 = 0
exit
---
; cast_to_a_type_unknown: R2 must be a known constant
.type sched_cls
.license GPL
r2 = *(u32 *)(r1 + 0)
call bpf_rdonly_cast
r0 = 0
exit
---
; reference_kept_under_rcu: bpf_rcu_read_unlock is missing
.type sched_cls
.license GPL
call bpf_rcu_read_lock
r1 = 1
call bpf_task_from_pid
r0 = 0
exit
---
; tail_call_under_rcu: tail_call cannot be used inside bpf_rcu_read_lock-ed region
.type sched_cls
.license GPL
.map progs prog_array 4 4 4
r6 = r1
call bpf_rcu_read_lock
r1 = r6
r2 = map[progs] ll
r3 = 0
call bpf_tail_call
call bpf_rcu_read_unlock
r0 = 0
exit
---
; tail_call_without_preemption: tail_call cannot be used inside bpf_preempt_disable-ed region
.type sched_cls
.license GPL
.map progs prog_array 4 4 4
r6 = r1
call bpf_preempt_disable
r1 = r6
r2 = map[progs] ll
r3 = 0
call bpf_tail_call
call bpf_preempt_enable
r0 = 0
exit
---
; tail_call_with_an_iterator: tail_call would lead to reference leak
.type sched_cls
.license GPL
.map progs prog_array 4 4 4
r6 = r1
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r6
r2 = map[progs] ll
r3 = 0
call bpf_tail_call
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
---
; tail_call_with_an_iterator_under_rcu: tail_call would lead to reference leak
.type sched_cls
.license GPL
.map progs prog_array 4 4 4
r6 = r1
call bpf_rcu_read_lock
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r6
r2 = map[progs] ll
r3 = 0
call bpf_tail_call
r1 = r10
r1 += -8
call bpf_iter_num_destroy
call bpf_rcu_read_unlock
r0 = 0
exit
---
; packet_load_with_an_iterator_under_rcu: BPF_LD_[ABS|IND] cannot be mixed with socket references
.type sched_cls
.license GPL
r6 = r1
call bpf_rcu_read_lock
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = *(u8 *)skb[0]
r1 = r10
r1 += -8
call bpf_iter_num_destroy
call bpf_rcu_read_unlock
r0 = 0
exit
---
; sleeping_helper_under_rcu: sleepable helper bpf_copy_from_user#148 in rcu_read_lock region
.type lsm.s/file_open
.license GPL
call bpf_rcu_read_lock
r1 = r10
r1 += -8
r2 = 8
r3 = 0
call bpf_copy_from_user
call bpf_rcu_read_unlock
r0 = 0
exit
---
; sleeping_helper_without_preemption: sleepable helper bpf_copy_from_user#148 in non-preemptible region
.type lsm.s/file_open
.license GPL
call bpf_preempt_disable
r1 = r10
r1 += -8
r2 = 8
r3 = 0
call bpf_copy_from_user
call bpf_preempt_enable
r0 = 0
exit
---
; sleeping_kfunc_under_rcu: kernel func bpf_copy_from_user_str is sleepable within rcu_read_lock region
.type lsm.s/file_open
.license GPL
call bpf_rcu_read_lock
r1 = r10
r1 += -8
r2 = 8
r3 = 0
r4 = 0
call bpf_copy_from_user_str
call bpf_rcu_read_unlock
r0 = 0
exit
---
; packet_load_under_rcu: BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region
.type sched_cls
.license GPL
r6 = r1
call bpf_rcu_read_lock
r0 = *(u8 *)skb[0]
call bpf_rcu_read_unlock
r0 = 0
exit
---
; packet_load_with_a_reference: BPF_LD_[ABS|IND] cannot be mixed with socket references
.type sched_cls
.license GPL
r6 = r1
r1 = 1
call bpf_task_from_pid
r7 = r0
r0 = *(u8 *)skb[0]
if r7 == 0 goto out
r1 = r7
call bpf_task_release
out:
r0 = 0
exit
---
; memory_shorter_than_its_size: arg#0 arg#1 memory, len pair leads to invalid memory access
.type lsm.s/file_open
.license GPL
r1 = r10
r1 += -8
r2 = 16
r3 = 0
r4 = 0
call bpf_copy_from_user_str
r0 = 0
exit
---
; element_of_tasks_acquired: accepted
.type lsm.s/file_open
.license GPL
call bpf_rcu_read_lock
call bpf_get_current_task_btf
r1 = r10
r1 += -24
r2 = r0
r3 = 0
call bpf_iter_task_new
r1 = r10
r1 += -24
call bpf_iter_task_next
if r0 == 0 goto out
r1 = r0
call bpf_task_acquire
if r0 == 0 goto out
r1 = r0
call bpf_task_release
out:
r1 = r10
r1 += -24
call bpf_iter_task_destroy
call bpf_rcu_read_unlock
r0 = 0
exit
---
; element_of_tasks_after_rcu: R1 must be a rcu pointer
.type lsm.s/file_open
.license GPL
call bpf_rcu_read_lock
call bpf_get_current_task_btf
r1 = r10
r1 += -24
r2 = r0
r3 = 0
call bpf_iter_task_new
r1 = r10
r1 += -24
call bpf_iter_task_next
r6 = r0
r1 = r10
r1 += -24
call bpf_iter_task_destroy
call bpf_rcu_read_unlock
if r6 == 0 goto out
r1 = r6
call bpf_task_acquire
out:
r0 = 0
exit
---
; map_element_count: accepted
.type sched_cls
.license GPL
.map counts hash 4 8 16
r1 = map[counts] ll
call bpf_map_sum_elem_count
r0 = 0
exit
---
; trusted_task_cpumask: accepted
.type tp_btf/task_newtask
.license GPL
r6 = *(u64 *)(r1 + 0)
call bpf_cpumask_create
if r0 == 0 goto out
r7 = r0
r1 = 0
r2 = r7
call bpf_cpumask_set_cpu
r1 = r7
call bpf_cpumask_release
out:
r0 = 0
exit
---
; freed_task_of_a_hook: R1 must be a rcu pointer
.type lsm/task_free
.license GPL
r1 = *(u64 *)(r1 + 0)
call bpf_task_acquire
r0 = 0
exit
---
; freed_file_of_a_hook: R1 must be referenced or trusted
.type lsm/file_free_security
.license GPL
r1 = *(u64 *)(r1 + 0)
r2 = r10
r2 += -8
r3 = 8
call bpf_path_d_path
r0 = 0
exit
