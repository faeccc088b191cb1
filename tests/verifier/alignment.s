; value_misaligned: misaligned value access off 0+0+2 size 4
.type socket_filter
.map values array 4 16 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +1
r1 = *(u32 *)(r0 +2)
r0 = 0
exit
---
; packet_misaligned: misaligned packet access off 2+0+0+0 size 4
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r0 = 0
r4 = r2
r4 += 8
if r4 > r3 goto +1
r4 = *(u32 *)(r2 +0)
exit
---
; packet_aligned_behind_the_header: accepted
.type xdp
r2 = *(u32 *)(r1 +0)
r3 = *(u32 *)(r1 +4)
r0 = 0
r4 = r2
r4 += 8
if r4 > r3 goto +1
r4 = *(u32 *)(r2 +2)
exit
---
; context_misaligned: misaligned context access off 0+0+49 size 2
.type socket_filter
r0 = *(u16 *)(r1 +49)
exit
---
; value_moved_by_a_multiple: misaligned value access off (0x0; 0x1e)+0+0 size 4
.type socket_filter
.map values array 4 48 1
*(u32 *)(r10 -4) = 0
r6 = *(u32 *)(r1 +0)
r2 = r10
r2 += -4
r1 = map[values] ll
call bpf_map_lookup_elem
if r0 == 0 goto +4
r6 &= 15
r6 <<= 1
r0 += r6
r1 = *(u32 *)(r0 +0)
r0 = 0
exit
---
; socket_misaligned: misaligned sock_common access off 0+0+1 size 2
.type socket_filter
r0 = *(u64 *)(r1 +168)
if r0 == 0 goto +1
r0 = *(u16 *)(r0 +1)
r0 = 0
exit
---
; arena_misaligned: accepted
.type socket_filter
.map shared arena 0 0 1 0x400
r1 = map[shared][0]+2 ll
r1 = addr_space_cast(r1, 0, 1)
r0 = *(u32 *)(r1 +0)
r0 = 0
exit
