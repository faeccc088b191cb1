/*
 * Objects kept in fields of map values: exchanged for what was there, counted, each CPU's own.
 */
#include "objects.h"

struct note {
	u64 text;
	struct bpf_refcount count;
};

struct number {
	u64 value;
};

struct shelf {
	struct note __kptr *note;
	struct number __percpu_kptr *number;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shelf);
} shelves SEC(".maps");

u64 before;
u64 after;
u64 again;
u64 counted;

static int put(struct shelf *shelf, u64 text)
{
	struct note *note = bpf_obj_new(struct note);
	struct note *other, *old;

	if (!note)
		return 1;
	note->text = text;
	other = bpf_refcount_acquire(note);
	old = bpf_kptr_xchg(&shelf->note, note);
	before = old ? old->text : 0;
	if (old)
		bpf_obj_drop(old);
	after = other->text;
	bpf_obj_drop(other);
	return 0;
}

static int count(struct shelf *shelf)
{
	struct number *number = shelf->number;

	if (!number) {
		number = bpf_percpu_obj_new(struct number);
		if (!number)
			return 1;
		number = bpf_kptr_xchg(&shelf->number, number);
		if (number)
			bpf_percpu_obj_drop(number);
		number = shelf->number;
		if (!number)
			return 1;
	}
	number = bpf_this_cpu_ptr(number);
	number->value += 7;
	counted = number->value;
	return 0;
}

SEC("tc")
int kptr(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *shelf = bpf_map_lookup_elem(&shelves, &key);
	struct note *note;

	if (!shelf || put(shelf, 3) || put(shelf, 4) || count(shelf) || count(shelf))
		return 1;
	note = shelf->note;
	again = note ? note->text : 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
