; loop_over_numbers: accepted
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 1000
call bpf_iter_num_new
r6 = 0
next:
r1 = r10
r1 += -8
call bpf_iter_num_next
if r0 == 0 goto out
r1 = *(u32 *)(r0 + 0)
r6 += r1
goto next
out:
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
---
; iterator_in_the_context: arg#0 expected pointer to an iterator on stack
.type sched_cls
.license GPL
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = 0
exit
---
; iterator_not_aligned: expected uninitialized iter_num as arg #0
.type sched_cls
.license GPL
r1 = r10
r1 += -12
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = 0
exit
---
; iterator_started_twice: expected uninitialized iter_num as arg #0
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = 0
exit
---
; iterator_of_another_type: expected an initialized iter_bits as arg #0
.type sched_cls
.license GPL
r1 = r10
r1 += -16
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r10
r1 += -16
call bpf_iter_bits_next
r0 = 0
exit
---
; iterator_not_destroyed: Unreleased reference id=1 alloc_insn=4
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = 0
exit
---
; element_after_its_iterator: R6 invalid mem access 'scalar'
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r10
r1 += -8
call bpf_iter_num_next
r6 = r0
r1 = r10
r1 += -8
call bpf_iter_num_destroy
if r6 == 0 goto out
r0 = *(u32 *)(r6 + 0)
out:
r0 = 0
exit
---
; element_written: R0 cannot write into rdonly_mem
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r1 = r10
r1 += -8
call bpf_iter_num_next
if r0 == 0 goto out
r1 = 1
*(u32 *)(r0 + 0) = r1
out:
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
---
; iterator_read: invalid read from stack off -8+0 size 8
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r0 = *(u64 *)(r10 - 8)
r0 = 0
exit
---
; iterator_overwritten: expected an initialized iter_num as arg #0
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
*(u8 *)(r10 - 3) = 0
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
---
; loop_that_does_not_advance: infinite loop detected at insn 6
.type sched_cls
.license GPL
r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r6 = 0
again:
if r6 == 0 goto again
r0 = 0
exit
---
; tasks_without_rcu: expected an RCU CS when using bpf_iter_task_next
.type lsm.s/file_open
.license GPL
call bpf_get_current_task_btf
r1 = r10
r1 += -24
r2 = r0
r3 = 0
call bpf_iter_task_new
r1 = r10
r1 += -24
call bpf_iter_task_next
r0 = 0
exit
---
; tasks_under_rcu: accepted
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
r1 = r10
r1 += -24
call bpf_iter_task_destroy
call bpf_rcu_read_unlock
r0 = 0
exit
---
; tasks_of_another_rcu_section: expected an RCU CS when using bpf_iter_task_destroy
.type lsm.s/file_open
.license GPL
call bpf_rcu_read_lock
call bpf_get_current_task_btf
r1 = r10
r1 += -24
r2 = r0
r3 = 0
call bpf_iter_task_new
call bpf_rcu_read_unlock
call bpf_rcu_read_lock
r1 = r10
r1 += -24
call bpf_iter_task_destroy
call bpf_rcu_read_unlock
r0 = 0
exit
