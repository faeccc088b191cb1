/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every program of this corpus builds on: short integer names, the macros that
 * describe maps to the loader, and the helpers, which are nothing but numbers.
 *
 * It is not a copy of libbpf's headers and has only what the corpus uses.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* A function or variable in an ELF section of that name. The loader learns from it what kind
 * of program this is and where it wants to be attached. */
#define SEC(name) __attribute__((section(name), used))
#define __noinline __attribute__((noinline))
#define __always_inline inline __attribute__((always_inline))
#define __packed __attribute__((packed))

/* A map is declared as a struct in the section ".maps" whose members carry the settings in
 * their types: the numbers as the length of an array, the key and the value as a pointer.
 * The loader reads the types from BTF; the variable itself stays zero. */
#define __uint(name, number) int(*name)[number]
#define __type(name, type) typeof(type) *name
#define __array(name, element) typeof(element) *name[]

enum map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_RINGBUF = 27,
};

/* Flags of map creation, of updates, and of event output. */
#define BPF_F_RDONLY_PROG (1U << 7)
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_CURRENT_CPU 0xffffffffULL

/* A helper is called by its number: the "address" of the function is what the call
 * instruction carries, and the kernel puts the real one in its place. */
/* Within a map's value; the kernel's alone. */
struct bpf_timer {
	u64 __opaque[2];
} __attribute__((aligned(8)));

#define CLOCK_MONOTONIC 1

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static long (*const bpf_trace_printk)(const char *format, u32 format_size, ...) = (void *)6;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_skb_store_bytes)(void *skb, u32 offset, const void *from, u32 len,
					 u64 flags) = (void *)9;
static long (*const bpf_l3_csum_replace)(void *skb, u32 offset, u64 from, u64 to,
					 u64 flags) = (void *)10;
static long (*const bpf_l4_csum_replace)(void *skb, u32 offset, u64 from, u64 to,
					 u64 flags) = (void *)11;
static long (*const bpf_tail_call)(void *ctx, void *prog_array, u32 index) = (void *)12;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_uid_gid)(void) = (void *)15;
static long (*const bpf_get_current_comm)(void *buffer, u32 size) = (void *)16;
static long (*const bpf_perf_event_output)(void *ctx, void *map, u64 flags, const void *data,
					   u64 size) = (void *)25;
static long (*const bpf_skb_load_bytes)(const void *skb, u32 offset, void *to,
					u32 len) = (void *)26;
static u64 (*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const bpf_probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static long (*const bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static long (*const bpf_ringbuf_output)(void *ringbuf, const void *data, u64 size,
					u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *ringbuf, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *record, u64 flags) = (void *)132;
static void (*const bpf_ringbuf_discard)(void *record, u64 flags) = (void *)133;
static long (*const bpf_for_each_map_elem)(void *map, void *callback, void *callback_ctx,
					   u64 flags) = (void *)164;
static long (*const bpf_trace_vprintk)(const char *format, u32 format_size, const void *args,
				       u32 args_size) = (void *)177;
static long (*const bpf_loop)(u32 iterations, void *callback, void *callback_ctx,
			      u64 flags) = (void *)181;
static long (*const bpf_timer_init)(struct bpf_timer *timer, void *map, u64 clock) = (void *)169;
static long (*const bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*const bpf_timer_start)(struct bpf_timer *timer, u64 nsecs, u64 flags) = (void *)171;
static long (*const bpf_timer_cancel)(struct bpf_timer *timer) = (void *)172;
static long (*const bpf_strncmp)(const char *s1, u32 s1_size, const char *s2) = (void *)182;

/* Prints to /sys/kernel/tracing/trace_pipe; up to three arguments. The format becomes a
 * constant in .rodata, so that it costs no stack. */
#define bpf_printk(format, args...)                                       \
	({                                                                \
		static const char text[] = format;                        \
		bpf_trace_printk(text, sizeof(text), ##args);             \
	})

/* Network byte order is big-endian, the machines this corpus is built for are not. */
#define bpf_htons(x) ((u16)__builtin_bswap16(x))
#define bpf_ntohs(x) ((u16)__builtin_bswap16(x))
#define bpf_htonl(x) ((u32)__builtin_bswap32(x))
#define bpf_ntohl(x) ((u32)__builtin_bswap32(x))
