; Begun, moved, ended.
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
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
