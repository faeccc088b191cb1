/* A field that holds a reference is overwritten: what it held would never be released. */
#include "../src/objects.h"

struct note {
	u64 text;
};

struct shelf {
	struct note __kptr *note;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shelf);
} shelves SEC(".maps");

SEC("tc")
int put(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *shelf = bpf_map_lookup_elem(&shelves, &key);
	struct note *note;

	if (!shelf)
		return 0;
	note = bpf_obj_new(struct note);
	if (!note)
		return 0;
	note->text = skb->len;
	shelf->note = note;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
