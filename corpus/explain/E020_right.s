; So the negative ones are sorted out, too.
.type raw_tracepoint
.map values array 4 16 1
r6 = *(u64 *)(r1 + 8)
r6 &= 1
r6 -= 1
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r6 s> 8 goto out
if r6 s< 0 goto out
r0 += r6
r1 = *(u64 *)(r0 + 0)
out:
r0 = 0
exit
