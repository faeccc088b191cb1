/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the test objects need of eBPF's declarations. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define EXTERN(name) __attribute__((section(name)))
#define NOINLINE __attribute__((noinline))
#define HIDDEN __attribute__((visibility("hidden")))
#define WEAK __attribute__((weak))
#define CORE __attribute__((preserve_access_index))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define __ulong(name, value) enum { JOIN(unique_, __COUNTER__) = value } name

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*loop)(u32 count, void *callback, void *ctx, u64 flags) = (void *)181;
static long (*tail_call)(void *ctx, void *map, u32 index) = (void *)12;
