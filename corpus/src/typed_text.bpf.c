// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Values of the kernel's types as text: texts and answers go into maps, to be read there, and to be
 * compared with a kernel's.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

struct text {
	char bytes[120];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, struct text);
} texts SEC(".maps");

/* Types of the kernel, with the members that are set here. */
struct btf_enum {
	u32 name_off;
	s32 val;
};

struct list_head {
	struct list_head *next, *prev;
};

struct bpf_insn {
	u8 code;
	u8 dst_reg : 4;
	u8 src_reg : 4;
	short off;
	s32 imm;
};

typedef struct {
	s32 counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

enum bpf_cmd { BPF_MAP_CREATE, BPF_PROG_LOAD = 5 };

struct btf_ptr {
	void *ptr;
	u32 type_id, flags;
};

#define COMPACT 1
#define NONAME 2
#define PTR_RAW 4
#define ZERO 8
/* The number that the kernel has for a type (a CO-RE relocation). */
#define TYPE_ID(type) __builtin_btf_type_id(*(typeof(type) *)0, 1)

static long (*const bpf_snprintf_btf)(char *, u32, struct btf_ptr *, u32, u64) = (void *)149;

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

#define SHOW(index, type, value, flags)                                                    \
	({                                                                                 \
		struct btf_ptr what = { .ptr = &value, .type_id = TYPE_ID(type) };         \
		u32 at = index;                                                            \
		struct text *text = bpf_map_lookup_elem(&texts, &at);                      \
		if (text)                                                                  \
			answer(index, bpf_snprintf_btf(text->bytes, sizeof(text->bytes), &what, \
						       sizeof(what), flags));              \
	})

SEC("tc")
int typed_text(struct __sk_buff *skb)
{
	struct btf_enum value = { .val = -1 };
	struct bpf_insn insn = { .code = 1, .dst_reg = 2, .src_reg = 3, .off = 4, .imm = -5 };
	struct list_head list = { .next = (void *)1 };
	enum bpf_cmd cmd = BPF_PROG_LOAD;
	refcount_t count = { { 7 } };
	struct btf_ptr what = { .ptr = &value, .type_id = TYPE_ID(struct btf_enum) };
	char small[8] = "xxxxxxx";
	u64 word;

	SHOW(0, struct btf_enum, value, COMPACT);
	SHOW(1, struct btf_enum, value, COMPACT | NONAME);
	SHOW(2, struct btf_enum, value, COMPACT | ZERO);
	SHOW(3, struct btf_enum, value, 0);
	SHOW(4, struct btf_enum, value, NONAME | ZERO);
	SHOW(5, struct bpf_insn, insn, COMPACT);
	SHOW(6, struct list_head, list, COMPACT | PTR_RAW);
	SHOW(7, enum bpf_cmd, cmd, COMPACT);
	cmd = 2000;
	SHOW(8, enum bpf_cmd, cmd, NONAME);
	SHOW(9, refcount_t, count, 0);
	SHOW(10, refcount_t, count, ZERO);
	SHOW(11, refcount_t, count, COMPACT);

	answer(16, bpf_snprintf_btf(small, sizeof(small), &what, sizeof(what), COMPACT));
	__builtin_memcpy(&word, small, 8);
	answer(17, word);
	answer(18, bpf_snprintf_btf(small, sizeof(small), &what, sizeof(what), 16));
	answer(19, bpf_snprintf_btf(small, sizeof(small), &what, sizeof(what) - 1, 0));
	what.type_id = 0;
	answer(20, bpf_snprintf_btf(small, sizeof(small), &what, sizeof(what), 0));
	what.type_id = TYPE_ID(struct btf_enum);
	what.ptr = NULL;
	answer(21, bpf_snprintf_btf(small, sizeof(small), &what, sizeof(what), 0));

	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
