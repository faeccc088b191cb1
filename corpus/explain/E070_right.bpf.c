/* The list is touched under its lock, and then holds the object. */
#include "../src/objects.h"

struct item {
	u64 number;
	struct bpf_list_node node;
};

private(list) struct bpf_spin_lock lock;
private(list) struct bpf_list_head head __contains(item, node);

SEC("tc")
int push(struct __sk_buff *skb)
{
	struct item *item = bpf_obj_new(struct item);

	if (!item)
		return 0;
	item->number = skb->len;
	bpf_spin_lock(&lock);
	bpf_list_push_front(&head, &item->node);
	bpf_spin_unlock(&lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
