; A classifier may not make masks of CPUs.
.type sched_cls
.license GPL
call bpf_cpumask_create
r0 = 0
exit
