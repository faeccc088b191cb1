; Waiting for user memory within an RCU section.
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
