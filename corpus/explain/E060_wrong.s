; The RCU section is still open at the end.
.type sched_cls
.license GPL
call bpf_rcu_read_lock
r0 = 0
exit
