; r1 to r5 are lost in a call.
.type socket_filter
call bpf_ktime_get_ns
r0 = *(u32 *)(r1 + 0)
exit
