; prog_array_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a prog_array 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; perf_event_array_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a perf_event_array 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; stack_trace_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a stack_trace 4 32 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; cgroup_array_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a cgroup_array 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; lpm_trie_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a lpm_trie 8 8 2 0x1
r1 = map[a] ll
r0 = 0
exit
---
; devmap_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a devmap 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; sockmap_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a sockmap 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; cpumap_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a cpumap 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; xskmap_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a xskmap 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; sockhash_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a sockhash 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; reuseport_sockarray_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a reuseport_sockarray 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; devmap_hash_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a devmap_hash 4 4 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; bloom_filter_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a bloom_filter 0 8 2 0x0
r1 = map[a] ll
r0 = 0
exit
---
; cgroup_storage_in_a_program_that_sleeps: Sleepable programs can only use array, hash, ringbuf and local storage maps
.type syscall
.license GPL
.map a cgroup_storage 8 8 0 0x0
r1 = map[a] ll
r0 = 0
exit
---
; maps_of_programs_that_sleep: accepted: 12 instructions
.type syscall
.license GPL
.map m0 hash 4 8 2 0x0
.map m1 array 4 8 2 0x0
.map m2 percpu_hash 4 8 2 0x0
.map m3 percpu_array 4 8 2 0x0
.map m4 lru_hash 4 8 2 0x0
.map m5 lru_percpu_hash 4 8 2 0x0
.map m6 queue 0 8 2 0x0
.map m7 stack 0 8 2 0x0
.map m8 ringbuf 0 0 4096 0x0
.map m9 user_ringbuf 0 0 4096 0x0
r1 = map[m0] ll
r1 = map[m1] ll
r1 = map[m2] ll
r1 = map[m3] ll
r1 = map[m4] ll
r1 = map[m5] ll
r1 = map[m6] ll
r1 = map[m7] ll
r1 = map[m8] ll
r1 = map[m9] ll
r0 = 0
exit
---
; map_that_a_program_that_does_not_sleep_may_have: accepted
.type xdp
.license GPL
.map a lpm_trie 8 8 2 0x1
r1 = map[a] ll
r0 = 0
exit
