; A dynptr is asked for its size before one was made there.
.type sched_cls
.license GPL
r1 = r10
r1 += -16
call bpf_dynptr_size
r0 = 0
exit
