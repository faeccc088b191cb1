; The value has 16 bytes.
.type socket_filter
.map values array 4 16 1
r6 = *(u32 *)(r1 + 0)
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
if r6 >= 16 goto out
r0 += r6
r1 = *(u8 *)(r0 + 0)
out:
r0 = 0
exit
