; argument_half_read: invalid bpf_context access off=0 size=4
.type fentry/vfs_read
r2 = *(u32 *)(r1 +0)
r0 = 0
exit
---
; argument_pointer_to_bytes: R2 invalid mem access 'scalar'
.type fentry/vfs_read
r2 = *(u64 *)(r1 +8)
r0 = *(u8 *)(r2 +0)
r0 = 0
exit
---
; argument_pointer_to_const_void: invalid bpf_context access off=16 size=8
.type tp_btf/xdp_redirect
r2 = *(u64 *)(r1 +16)
r0 = 0
exit
---
; argument_that_may_be_null: R2 invalid mem access 'trusted_ptr_or_null_'
.type tp_btf/kfree_skb
r2 = *(u64 *)(r1 +24)
r0 = *(u64 *)(r2 +0)
r0 = 0
exit
---
; argument_checked_for_null: accepted
.type tp_btf/kfree_skb
r2 = *(u64 *)(r1 +24)
if r2 == 0 goto out
r3 = *(u64 *)(r2 +0)
out:
r0 = 0
exit
---
; result_half_read_at_odd_offset: invalid bpf_context access off=36 size=4
.type fexit/vfs_read
r2 = *(u32 *)(r1 +36)
r0 = 0
exit
---
; iterated_task_unchecked: R2 invalid mem access 'trusted_ptr_or_null_'
.type iter/task
r2 = *(u64 *)(r1 +8)
r3 = *(u64 *)(r2 +8)
r0 = 0
exit
---
; iterated_task_checked: accepted
.type iter/task
r2 = *(u64 *)(r1 +8)
if r2 == 0 goto out
r3 = *(u64 *)(r2 +8)
out:
r0 = 0
exit
---
; iterator_context_written: invalid bpf_context access off=0 size=8
.type iter/task
r2 = 0
*(u64 *)(r1 +0) = r2
r0 = 0
exit
---
; iterator_third_argument: invalid bpf_context access off=16 size=8
.type iter/task
r2 = *(u64 *)(r1 +16)
r0 = 0
exit
---
; iterator_returns_two: At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]
.type iter/task
r0 = 2
exit
---
; iterator_writes_to_its_file: accepted
.type iter/task
r1 = *(u64 *)(r1 +0)
r1 = *(u64 *)(r1 +0)
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_seq_write
r0 = 0
exit
---
; iterator_given_the_wrong_object: R1 is of type bpf_iter_meta but seq_file is expected
.type iter/task
r1 = *(u64 *)(r1 +0)
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_seq_write
r0 = 0
exit
---
; map_key_written: R2 cannot write into rdonly_buf
.type iter/bpf_map_elem
r2 = *(u64 *)(r1 +16)
if r2 == 0 goto out
r3 = 0
*(u32 *)(r2 +0) = r3
out:
r0 = 0
exit
---
; map_value_written: accepted
.type iter/bpf_map_elem
r2 = *(u64 *)(r1 +24)
if r2 == 0 goto out
r3 = 0
*(u32 *)(r2 +0) = r3
out:
r0 = 0
exit
---
; map_value_before_its_start: R2 invalid rdwr buffer access: off=-4, size=4
.type iter/bpf_map_elem
r2 = *(u64 *)(r1 +24)
if r2 == 0 goto out
r3 = *(u32 *)(r2 -4)
out:
r0 = 0
exit
---
; map_key_unchecked: R2 invalid mem access 'rdonly_buf_or_null'
.type iter/bpf_map_elem
r2 = *(u64 *)(r1 +16)
r3 = *(u32 *)(r2 +0)
r0 = 0
exit
---
; hook_that_may_not_sleep: bpf_lsm_task_free is not sleepable
.type lsm.s/task_free
r0 = 0
exit
---
; object_written: only read is supported
.type lsm/task_free
r2 = *(u64 *)(r1 +0)
r3 = 0
*(u64 *)(r2 +0) = r3
r0 = 0
exit
---
; object_given_to_a_helper_that_writes: bpf_probe_read_kernel() may write into memory pointed by R1 type=trusted_ptr_
.type lsm/file_open
r1 = *(u64 *)(r1 +0)
r2 = 8
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; path_asked_where_locks_are_held: helper call is not allowed in probe
.type fentry/vfs_read
r1 = *(u64 *)(r1 +0)
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_d_path
r0 = 0
exit
---
; path_of_a_file_itself: R1 is of type file but path is expected
.type fentry/filp_close
r1 = *(u64 *)(r1 +0)
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_d_path
r0 = 0
exit
---
; netfilter_packet: accepted
.type netfilter
r2 = *(u64 *)(r1 +8)
r3 = *(u32 *)(r2 +112)
r0 = 1
exit
---
; netfilter_packet_written: only read is supported
.type netfilter
r2 = *(u64 *)(r1 +8)
r3 = 0
*(u32 *)(r2 +112) = r3
r0 = 1
exit
---
; path_of_a_file: accepted
.type fentry/filp_close
r1 = *(u64 *)(r1 +0)
r1 += 64
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_d_path
r0 = 0
exit
---
; object_moved_by_unknown: variable ptr_ access var_off=(0x0; 0x7) disallowed
.type lsm/task_free
r6 = *(u64 *)(r1 +0)
call bpf_get_prandom_u32
r0 &= 7
r6 += r0
r1 = r6
r2 = r10
r2 += -8
r3 = 8
r4 = 0
call bpf_get_task_stack
r0 = 0
exit
---
; map_value_at_unknown_place: R6 invalid variable buffer offset: off=0, var_off=(0x0; 0x7)
.type iter/bpf_map_elem
r6 = *(u64 *)(r1 +24)
if r6 == 0 goto out
call bpf_get_prandom_u32
r0 &= 7
r6 += r0
r3 = *(u32 *)(r6 +0)
out:
r0 = 0
exit
---
; inode_of_a_trusted_file: accepted
.type lsm.s/file_open
r1 = *(u64 *)(r1 +0)
r1 = *(u64 *)(r1 +40)
r2 = 0
*(u64 *)(r10 -8) = r2
r2 = r10
r2 += -8
r3 = 8
call bpf_ima_inode_hash
r0 = 0
exit
---
; mapping_of_a_trusted_file: R1 type=untrusted_ptr_ expected=ptr_, trusted_ptr_, rcu_ptr_
.type lsm.s/file_open
r1 = *(u64 *)(r1 +0)
r1 = *(u64 *)(r1 +24)
r2 = r10
r2 += -8
r3 = 8
call bpf_ima_inode_hash
r0 = 0
exit
---
; argument_that_may_be_a_small_number: R2 invalid mem access 'scalar'
.type tp_btf/signal_generate
r2 = *(u64 *)(r1 +8)
r0 = *(u64 *)(r2 +0)
r0 = 0
exit
---
; map_field: accepted
.type sched_cls
.map table array 4 8 4
r1 = map[table] ll
r1 = *(u64 *)(r1 +0)
r2 = *(u64 *)(r1 +0)
r0 = 0
exit
---
; map_field_past_the_structure: access beyond struct bpf_htab at off 32760 size 8
.type sched_cls
.map table hash 4 8 4
r1 = map[table] ll
r2 = *(u64 *)(r1 +32760)
r0 = 0
exit
---
; map_field_in_an_array_without_size: accepted
.type sched_cls
.map table queue 0 8 4
r1 = map[table] ll
r2 = *(u64 *)(r1 +32760)
r0 = 0
exit
---
; map_field_before_the_structure: R1 is bpf_array invalid negative access: off=-8
.type sched_cls
.map table array 4 8 4
r1 = map[table] ll
r2 = *(u64 *)(r1 -8)
r0 = 0
exit
---
; map_field_written: only read from bpf_array is supported
.type sched_cls
.map table array 4 8 4
r1 = map[table] ll
*(u64 *)(r1 +0) = r1
r0 = 0
exit
---
; storage_removed_where_it_is_freed: helper call is not allowed in probe
.type fentry/bpf_sk_storage_free
.map table array 4 8 4
r2 = *(u64 *)(r1 +0)
r1 = map[table] ll
call bpf_sk_storage_delete
r0 = 0
exit
---
; options_read_where_others_iterate: program of this type cannot use helper bpf_getsockopt#57
.type iter/udp
r1 = 0
r2 = 0
r3 = 0
r4 = 0
r5 = 0
call bpf_getsockopt
r0 = 0
exit
---
; options_read_of_no_socket: R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
.type iter/unix
r1 = 0
r2 = 0
r3 = 0
r4 = 0
r5 = 0
call bpf_getsockopt
r0 = 0
exit
---
; hook_without_a_result: accepted
.type lsm/task_free
exit
---
; hook_that_would_never_run: points to disabled hook bpf_lsm_audit_rule_match
.type lsm/audit_rule_match
r0 = 0
exit
---
; result_of_a_traced_function_is_an_object: access beyond struct (anon) at off 0 size 8
.type fexit/inet_csk_accept
r0 = 0
r2 = *(u64 *)(r1 +16)
r0 = *(u64 *)(r2 +8)
r0 = 0
exit
---
; sleeping_where_it_is_tested: accepted
.type fmod_ret.s/bpf_fentry_test1
r0 = 0
exit
---
; sleeping_in_another_function: bpf_fentry_test2 is not sleepable
.type fmod_ret.s/bpf_fentry_test2
r0 = 0
exit
---
; member_of_a_union_read_too_wide: accepted
.type lsm/bpf
r1 = *(u64 *)(r1 +8)
r3 = *(u64 *)(r1 +0)
r0 = 0
exit
