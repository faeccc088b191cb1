/*
 * Allocated objects in a list: pushed at both ends, popped at both, and given back.
 *
 * The list lies beside its lock. What is pushed belongs to the list; what is popped belongs to the program again.
 */
#include "objects.h"

struct item {
	u64 number;
	struct bpf_list_node node;
};

private(list) struct bpf_spin_lock lock;
private(list) struct bpf_list_head head __contains(item, node);

u64 popped[4];
u64 left;

static int push(u64 number, bool front)
{
	struct item *item = bpf_obj_new(struct item);

	if (!item)
		return 1;
	item->number = number;
	bpf_spin_lock(&lock);
	if (front)
		bpf_list_push_front(&head, &item->node);
	else
		bpf_list_push_back(&head, &item->node);
	bpf_spin_unlock(&lock);
	return 0;
}

static u64 pop(bool front)
{
	struct bpf_list_node *node;
	struct item *item;
	u64 number;

	bpf_spin_lock(&lock);
	node = front ? bpf_list_pop_front(&head) : bpf_list_pop_back(&head);
	bpf_spin_unlock(&lock);
	if (!node)
		return 0;
	item = container_of(node, struct item, node);
	number = item->number;
	bpf_obj_drop(item);
	return number;
}

SEC("tc")
int linked_list(struct __sk_buff *skb)
{
	if (push(2, true) || push(3, false) || push(1, true) || push(4, false))
		return 1;
	popped[0] = pop(true);
	popped[1] = pop(false);
	popped[2] = pop(true);
	popped[3] = pop(false);
	left = pop(true);
	/* One stays, for whoever frees the map to release. */
	return push(5, true);
}

char LICENSE[] SEC("license") = "GPL";
