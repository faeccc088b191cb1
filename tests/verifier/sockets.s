; context_sock_unchecked: R1 invalid mem access 'sock_common_or_null'
.type sched_cls
r1 = *(u64 *)(r1 +168)
r0 = *(u32 *)(r1 +4)
r0 = 0
exit
---
; context_sock_family: accepted
.type sched_cls
r1 = *(u64 *)(r1 +168)
r0 = 0
if r1 == 0 goto out
r0 = *(u32 *)(r1 +4)
r0 = 0
out:
exit
---
; context_sock_type: R1 invalid sock_common access off=8 size=4
.type sched_cls
r1 = *(u64 *)(r1 +168)
r0 = 0
if r1 == 0 goto out
r0 = *(u32 *)(r1 +8)
r0 = 0
out:
exit
---
; context_sock_narrow_address: accepted
.type sched_cls
r1 = *(u64 *)(r1 +168)
r0 = 0
if r1 == 0 goto out
r0 = *(u8 *)(r1 +25)
r0 = 0
out:
exit
---
; context_sock_narrow_state: R1 invalid sock_common access off=73 size=1
.type sched_cls
r1 = *(u64 *)(r1 +168)
r0 = 0
if r1 == 0 goto out
r0 = *(u8 *)(r1 +73)
r0 = 0
out:
exit
---
; full_sock_type: accepted
.type cgroup/connect4
r1 = *(u64 *)(r1 +64)
r0 = *(u32 *)(r1 +8)
r0 = 1
exit
---
; full_sock_mark_narrow: R1 invalid sock access off=16 size=1
.type cgroup/connect4
r1 = *(u64 *)(r1 +64)
r0 = *(u8 *)(r1 +16)
r0 = 1
exit
---
; full_sock_written: R1 cannot write into sock
.type cgroup/connect4
r1 = *(u64 *)(r1 +64)
r0 = 1
*(u32 *)(r1 +16) = r0
exit
---
; full_sock_atomic: BPF_ATOMIC stores into R2 sock is not allowed
.type cgroup/connect4
r2 = *(u64 *)(r1 +64)
r3 = 1
lock *(u64 *)(r2 +0) += r3
r0 = 1
exit
---
; full_sock_moved: R1 pointer arithmetic on sock prohibited
.type cgroup/connect4
r1 = *(u64 *)(r1 +64)
r1 += 4
r0 = *(u32 *)(r1 +0)
r0 = 1
exit
---
; full_sock_never_null: accepted
.type cgroup/connect4
r1 = *(u64 *)(r1 +64)
r0 = 1
if r1 != 0 goto out
r0 = *(u32 *)(r0 +0)
out:
exit
---
; tcp_sock_long_field: accepted
.type sched_cls
r1 = *(u64 *)(r1 +168)
if r1 == 0 goto out
call bpf_tcp_sock
if r0 == 0 goto out
r1 = *(u64 *)(r0 +80)
out:
r0 = 0
exit
---
; tcp_sock_half_field: R0 invalid tcp_sock access off=0 size=2
.type sched_cls
r1 = *(u64 *)(r1 +168)
if r1 == 0 goto out
call bpf_tcp_sock
if r0 == 0 goto out
r1 = *(u16 *)(r0 +0)
out:
r0 = 0
exit
---
; tcp_sock_of_null: R1 type=sock_common_or_null expected=sock_common, sock, tcp_sock, xdp_sock
.type sched_cls
r1 = *(u64 *)(r1 +168)
call bpf_tcp_sock
r0 = 0
exit
---
; two_views_at_one_instruction: same insn cannot be used with different pointers
.type sched_cls
r6 = *(u64 *)(r1 +168)
r0 = 0
if r6 == 0 goto out
r1 = r6
call bpf_tcp_sock
if r0 == 0 goto read
r6 = r0
read:
r0 = *(u32 *)(r6 +4)
r0 = 0
out:
exit
---
; lookup_not_released: Unreleased reference id=2 alloc_insn=9
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
r0 = 0
exit
---
; lookup_released: accepted
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r1 = r0
call bpf_sk_release
out:
r0 = 0
exit
---
; lookup_released_without_check: R1 type=sock_or_null expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
r1 = r0
call bpf_sk_release
r0 = 0
exit
---
; lookup_released_twice: R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r6 = r0
r1 = r0
call bpf_sk_release
r1 = r6
call bpf_sk_release
out:
r0 = 0
exit
---
; lookup_used_after_release: R6 invalid mem access 'scalar'
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r6 = r0
r1 = r0
call bpf_sk_release
r0 = *(u32 *)(r6 +4)
out:
r0 = 0
exit
---
; lookup_released_by_its_view: accepted
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r6 = r0
r1 = r0
call bpf_tcp_sock
if r0 == 0 goto plain
r1 = r0
call bpf_sk_release
r0 = 0
exit
plain:
r1 = r6
call bpf_sk_release
out:
r0 = 0
exit
---
; view_used_after_release: R7 invalid mem access 'scalar'
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r6 = r0
r1 = r0
call bpf_tcp_sock
r7 = r0
r1 = r6
call bpf_sk_release
if r7 == 0 goto out
r0 = *(u32 *)(r7 +0)
out:
r0 = 0
exit
---
; null_view_keeps_the_reference: Unreleased reference id=2 alloc_insn=9
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r1 = r0
call bpf_tcp_sock
if r0 == 0 goto out
r1 = r0
call bpf_sk_release
out:
r0 = 0
exit
---
; context_sock_released: R1 must be referenced when passed to release function
.type sched_cls
r1 = *(u64 *)(r1 +168)
if r1 == 0 goto out
call bpf_sk_release
out:
r0 = 0
exit
---
; null_released: R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type sched_cls
r1 = 0
call bpf_sk_release
r0 = 0
exit
---
; context_given_as_sock: R1 type=ctx expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type sched_cls
call bpf_sk_release
r0 = 0
exit
---
; sock_moved_before_release: R1 pointer arithmetic on sock prohibited
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
if r0 == 0 goto out
r1 = r0
r1 += 8
call bpf_sk_release
out:
r0 = 0
exit
---
; legacy_load_with_reference: BPF_LD_[ABS|IND] cannot be mixed with socket references
.type sched_cls
r2 = 0
*(u64 *)(r10 -8) = r2
*(u64 *)(r10 -16) = r2
r6 = r1
r2 = r10
r2 += -16
r3 = 12
r4 = 0
r5 = 0
call bpf_sk_lookup_tcp
r0 = *(u8 *)skb[0]
r0 = 0
exit
---
; cast_to_kernel_object: accepted
.type sched_cls
r1 = *(u64 *)(r1 +168)
if r1 == 0 goto out
call bpf_skc_to_tcp_sock
if r0 == 0 goto out
r1 = *(u16 *)(r0 +12)
out:
r0 = 0
exit
---
; cast_unchecked: R0 invalid mem access 'ptr_or_null_'
.type sched_cls
r1 = *(u64 *)(r1 +168)
if r1 == 0 goto out
call bpf_skc_to_tcp_sock
r1 = *(u16 *)(r0 +12)
out:
r0 = 0
exit
---
; sockmap_lookup_not_released: Unreleased reference id=2 alloc_insn=6
.type sched_cls
.map socks sockmap 4 8 4
r1 = 0
*(u32 *)(r10 -4) = r1
r2 = r10
r2 += -4
r1 = map[socks] ll
call bpf_map_lookup_elem
r0 = 0
exit
---
; sockmap_lookup_released: accepted
.type sched_cls
.map socks sockmap 4 8 4
r1 = 0
*(u32 *)(r10 -4) = r1
r2 = r10
r2 += -4
r1 = map[socks] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
call bpf_sk_release
out:
r0 = 0
exit
---
; sockmap_updated_with_a_number: R3 type=fp expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type sched_cls
.map socks sockmap 4 8 4
r1 = 0
*(u32 *)(r10 -4) = r1
r2 = r10
r2 += -4
r3 = r2
r4 = 0
r1 = map[socks] ll
call bpf_map_update_elem
r0 = 0
exit
---
; xskmap_queue: accepted
.type xdp
.map socks xskmap 4 4 4
r1 = 0
*(u32 *)(r10 -4) = r1
r2 = r10
r2 += -4
r1 = map[socks] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r0 = *(u32 *)(r0 +0)
out:
r0 = 2
exit
---
; xskmap_past_the_queue: R0 invalid xdp_sock access off=4 size=4
.type xdp
.map socks xskmap 4 4 4
r1 = 0
*(u32 *)(r10 -4) = r1
r2 = r10
r2 += -4
r1 = map[socks] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r0 = *(u32 *)(r0 +4)
out:
r0 = 2
exit
---
; flow_keys_end: accepted
.type flow_dissector
r1 = *(u64 *)(r1 +144)
r2 = *(u64 *)(r1 +48)
r0 = 0
exit
---
; flow_keys_past_the_end: invalid access to flow keys off=52 size=8
.type flow_dissector
r1 = *(u64 *)(r1 +144)
r2 = *(u64 *)(r1 +52)
r0 = 0
exit
---
; flow_keys_written: accepted
.type flow_dissector
r1 = *(u64 *)(r1 +144)
r2 = 0
*(u16 *)(r1 +0) = r2
r0 = 0
exit
---
; flow_keys_moved: accepted
.type flow_dissector
r2 = *(u64 *)(r1 +144)
r2 += 8
r0 = *(u32 *)(r2 +0)
r0 = 0
exit
---
; flow_keys_atomic: BPF_ATOMIC stores into R1 flow_keys is not allowed
.type flow_dissector
r1 = *(u64 *)(r1 +144)
r3 = 1
lock *(u64 *)(r1 +0) += r3
r0 = 0
exit
---
; lookup_program_assigns_null: accepted
.type sk_lookup
r2 = 0
r3 = 0
call bpf_sk_assign
r0 = 1
exit
---
; lookup_program_assigns_context: R2 type=ctx expected=sock
.type sk_lookup
r2 = r1
r3 = 0
call bpf_sk_assign
r0 = 1
exit
---
; flow_keys_moved_by_unknown: R6 pointer arithmetic on flow_keys prohibited
.type flow_dissector
r6 = *(u64 *)(r1 +144)
r2 = *(u32 *)(r6 +0)
r2 &= 7
r6 += r2
r0 = 0
exit
---
; sockops_may_delete_sockets: accepted
.type sock_ops
.map sockets sockmap 4 8 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[sockets] ll
call bpf_map_delete_elem
r0 = 1
exit
---
; sockops_may_not_update_with_the_common_helper: cannot pass map_type 15 into func bpf_map_update_elem#2
.type sock_ops
.map sockets sockmap 4 8 1
*(u32 *)(r10 -4) = 0
r3 = *(u64 *)(r1 +184)
r0 = 1
if r3 == 0 goto +6
r2 = r10
r2 += -4
r1 = map[sockets] ll
r4 = 0
call bpf_map_update_elem
r0 = 1
exit
