; r6 to r9 outlive a call.
.type socket_filter
r6 = r1
call bpf_ktime_get_ns
r0 = *(u32 *)(r6 + 0)
exit
