; pages_in_a_program_that_cannot_sleep: program must be sleepable to call sleepable kfunc bpf_arena_alloc_pages
.type xdp
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pages_and_arithmetic: accepted: 23 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r1 = addr_space_cast(r0, 0, 1)
r2 = 5
*(u32 *)(r1 +0) = r2
r3 = *(u32 *)(r1 +0)
r3 = *(u64 *)(r1 +1)
r1 += 8
r1 *= 3
r4 = r1
w4 += 2
w4 = w1
*(u64 *)(r10 -8) = r1
r5 = *(u64 *)(r10 -8)
r5 = addr_space_cast(r5, 1, 0)
if r1 == 0 goto +1
r0 = 0
exit
---
; cast_without_arena: addr_space_cast insn can only be used in a program that has an associated arena
.type syscall
.license GPL
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r0 = 0
exit
---
; two_arenas: Only one arena per program
.type syscall
.license GPL
.map a arena 0 0 2 0x400
.map b arena 0 0 2 0x400
r1 = map[a] ll
r1 = map[b] ll
r0 = 0
exit
---
; sign_extending_load: sign extending loads from arena are not supported yet
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = *(s8 *)(r1 +0)
r0 = 0
exit
---
; arena_pointer_returned: accepted: 4 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r0 = addr_space_cast(r1, 0, 1)
exit
---
; number_plus_pointer: accepted: 8 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = 7
r2 += r1
r3 = *(u8*)(r2 +0)
r0 = 0
exit
---
; number_minus_pointer: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = 7
r2 -= r1
r0 = 0
exit
---
; number_masked_by_pointer: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = 7
r2 &= r1
r0 = 0
exit
---
; number_plus_pointer_in_32_bits: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = 7
w2 += w1
r0 = 0
exit
---
; pointers_combined_and_negated: accepted: 9 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = r1
r2 -= r1
r2 += r1
r2 = -r2
r0 = 0
exit
---
; stack_plus_pointer: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 = 0
r1 = addr_space_cast(r1, 0, 1)
r2 = r10
r2 += r1
r0 = 0
exit
---
; pointer_plus_context: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r2 = addr_space_cast(r2, 0, 1)
r2 += r1
r2 = bswap16 r2
r0 = 0
exit
---
; pointer_as_any_argument: accepted: 9 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r3 = addr_space_cast(r2, 0, 1)
r1 = r10
r1 += -8
r2 = 8
call bpf_probe_read_kernel
r0 = 0
exit
---
; pointer_as_memory: R1 type=arena expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r1 = addr_space_cast(r2, 0, 1)
r2 = 8
r3 = 0
call bpf_probe_read_kernel
r0 = 0
exit
---
; stack_cast: accepted: 5 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r1 = addr_space_cast(r10, 0, 1)
r2 = addr_space_cast(r1, 1, 0)
r0 = 0
exit
---
; access_to_stack_or_arena: same insn cannot be used with different pointers
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r6 = r1
call bpf_get_prandom_u32
r2 = r10
r2 += -8
r3 = 0
*(u64 *)(r10 -8) = r3
if r0 == 0 goto l
r2 = addr_space_cast(r0, 0, 1)
l:
r0 = *(u64 *)(r2 +0)
r0 = 0
exit
---
; arithmetic_on_number_or_pointer: accepted: 12 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r6 = r1
call bpf_get_prandom_u32
r2 = 5
if r0 == 0 goto l
r2 = addr_space_cast(r0, 0, 1)
l:
r2 += 1
r0 = 0
exit
---
; atomic_operations: accepted: 15 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r1 = addr_space_cast(r2, 0, 1)
lock *(u64 *)(r1 +0) += r2
lock *(u32 *)(r1 +0) += r2
lock *(u32 *)(r1 +1) += r2
lock *(u64 *)(r1 +0) |= r2
lock *(u64 *)(r1 +0) &= r2
lock *(u64 *)(r1 +0) ^= r2
r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)
r2 = atomic64_xchg((u64 *)(r1 +0), r2)
r0 = 0
r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)
r0 = 0
exit
---
; atomic_or_that_fetches: BPF_ATOMIC stores into R1 arena is not allowed
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r1 = addr_space_cast(r2, 0, 1)
r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)
r0 = 0
exit
---
; atomic_and_that_fetches: BPF_ATOMIC stores into R1 arena is not allowed
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r1 = addr_space_cast(r2, 0, 1)
w2 = atomic_fetch_and((u32 *)(r1 +0), w2)
r0 = 0
exit
---
; stack_pointer_stored: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = map[a] ll
r2 = 0
r1 = addr_space_cast(r2, 0, 1)
*(u64 *)(r1 +0) = r10
*(u64 *)(r1 +0) = 5
r0 = 0
exit
---
; lookup_in_arena: invalid zero-sized read
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = r10
r2 += -8
r3 = 0
*(u64 *)(r10 -8) = r3
call bpf_map_lookup_elem
r0 = 0
exit
---
; pages_of_an_array: accepted: 8 instructions
.type syscall
.license GPL
.map a array 4 4 1
r1 = map[a] ll
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pages_of_null: Possibly NULL pointer passed to trusted arg0
.type syscall
.license GPL
r1 = 0
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pages_of_the_stack: pointer in R1 isn't map pointer
.type syscall
.license GPL
r1 = r10
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pages_of_a_number: pointer in R1 isn't map pointer
.type syscall
.license GPL
r1 = 5
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; page_address_unset: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pointer_as_number_of_pages: R3 is not a scalar
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = 0
r3 = r10
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
r0 = 0
exit
---
; pages_freed_by_pointer: accepted: 7 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = 5
r2 = addr_space_cast(r2, 0, 1)
r1 = map[a] ll
r3 = 1
call bpf_arena_free_pages
r0 = 0
exit
---
; address_of_variable: accepted: 4 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a][0]+16 ll
r1 = addr_space_cast(r1, 0, 1)
r0 = *(u8 *)(r1 +0)
exit
---
; address_of_the_end: accepted: 3 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a][0]+8192 ll
r0 = 0
exit
---
; pages_under_rcu: kernel func bpf_arena_alloc_pages is sleepable within rcu_read_lock region
.type syscall
.license GPL
.map a arena 0 0 2 0x400
call bpf_rcu_read_lock
r1 = map[a] ll
r2 = 0
r3 = 1
r4 = -1
r5 = 0
call bpf_arena_alloc_pages
call bpf_rcu_read_unlock
r0 = 0
exit
---
; address_behind_the_end: invalid access to map value pointer, value_size=0 off=8193
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a][0]+8193 ll
r0 = 0
exit
---
; arena_without_user_addresses: accepted: 6 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x40400
r1 = map[a] ll
r1 = 7
r1 = addr_space_cast(r1, 1, 0)
r1 = addr_space_cast(r1, 0, 1)
r0 = 0
exit
---
; cast_number_as_offset: accepted: 12 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r6 = 7
r2 = addr_space_cast(r6, 1, 0)
if r2 > 64 goto out
r3 = r10
r3 += -80
r3 += r2
*(u8 *)(r3 +0) = 1
out:
r0 = 0
exit
---
; arena_pointer_as_lsm_result: At program exit the register R0 is not a known value (arena)
.type lsm/bprm_check_security
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r6 = 7
r0 = addr_space_cast(r6, 0, 1)
exit
---
; arena_of_an_xdp_program: accepted: 5 instructions
.type xdp
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r6 = 7
r6 = addr_space_cast(r6, 0, 1)
r0 = *(u8 *)(r6 +0)
exit
---
; comparisons: accepted: 18 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r6 = 7
r6 = addr_space_cast(r6, 0, 1)
r7 = r6
if r6 == r7 goto out
if r6 > 5 goto out
if w6 > 5 goto out
if r6 == r10 goto out
r7 += 2
out:
r0 = 0
exit
---
; half_spilled: invalid size of register spill
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r6 = 7
r6 = addr_space_cast(r6, 0, 1)
*(u32 *)(r10 -8) = r6
r0 = 0
exit
---
; stored_in_a_map: accepted: 9 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
.map h array 4 8 1
r1 = map[a] ll
r6 = 7
r6 = addr_space_cast(r6, 0, 1)
r1 = map[h][0]+0 ll
*(u64 *)(r1 +0) = r6
r2 = 0
lock *(u64 *)(r1 +0) += r6
r0 = 0
exit
---
; pointer_as_number_of_pages_freed: R3 is not a scalar
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r2 = 5
r3 = addr_space_cast(r2, 0, 1)
r1 = map[a] ll
call bpf_arena_free_pages
r0 = 0
exit
---
; arguments_lost_in_call: R1 !read_ok
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r1 += 0
r3 = 1
call bpf_arena_free_pages
r1 = *(u64 *)(r1 +0)
r0 = 0
exit
---
; pages_of_a_value: R1 must be referenced or trusted
.type syscall
.license GPL
.map h array 4 8 1
r1 = map[h][0]+0 ll
r2 = 0
r3 = 1
call bpf_arena_free_pages
r0 = 0
exit
---
; pages_of_a_value_or_null: Possibly NULL pointer passed to trusted arg0
.type syscall
.license GPL
.map h array 4 8 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[h] ll
call bpf_map_lookup_elem
r1 = r0
r2 = 0
r3 = 1
call bpf_arena_free_pages
r0 = 0
exit
---
; arena_of_a_proprietary_program: accepted: 6 instructions
.type syscall
.license Proprietary
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = 5
r3 = addr_space_cast(r2, 0, 1)
r0 = *(u8 *)(r3 +0)
r0 = 0
exit
---
; access_without_preemption: accepted: 8 instructions
.type socket_filter
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
call bpf_preempt_disable
r2 = 5
r3 = addr_space_cast(r2, 0, 1)
r0 = *(u8 *)(r3 +0)
call bpf_preempt_enable
r0 = 0
exit
---
; fields_of_the_map: accepted: 5 instructions
.type syscall
.license GPL
.map a arena 0 0 2 0x400
r1 = map[a] ll
r2 = *(u64 *)(r1 +0)
r2 = *(u32 *)(r1 +36)
r0 = 0
exit
