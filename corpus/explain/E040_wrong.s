; The size of the record is a number of the context.
.type xdp
.map events ringbuf 0 0 4096
r2 = *(u32 *)(r1 + 16)
r1 = map[events] ll
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_ringbuf_discard
out:
r0 = 2
exit
