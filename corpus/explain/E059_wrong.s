; The iterator is moved before it is begun.
.type sched_cls
.license GPL
r1 = r10
r1 += -8
call bpf_iter_num_next
r0 = 0
exit
