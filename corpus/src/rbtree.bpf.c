/*
 * Allocated objects in a tree: added in any order, taken out in the order that a function of the program's gives them.
 */
#include "objects.h"

struct item {
	u64 number;
	struct bpf_rb_node node;
};

private(tree) struct bpf_spin_lock lock;
private(tree) struct bpf_rb_root root __contains(item, node);

u64 sorted[5];
const u64 numbers[5] = { 40, 10, 50, 20, 30 };

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, node)->number < container_of(b, struct item, node)->number;
}

static int add(u64 number)
{
	struct item *item = bpf_obj_new(struct item);

	if (!item)
		return 1;
	item->number = number;
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&root, &item->node, less);
	bpf_spin_unlock(&lock);
	return 0;
}

static u64 take(void)
{
	struct bpf_rb_node *node;
	struct item *item;
	u64 number;

	bpf_spin_lock(&lock);
	node = bpf_rbtree_first(&root);
	if (!node) {
		bpf_spin_unlock(&lock);
		return 0;
	}
	node = bpf_rbtree_remove(&root, node);
	bpf_spin_unlock(&lock);
	if (!node)
		return 0;
	item = container_of(node, struct item, node);
	number = item->number;
	bpf_obj_drop(item);
	return number;
}

SEC("tc")
int rbtree(struct __sk_buff *skb)
{
	for (u32 i = 0; i < 5; i++)
		if (add(numbers[i]))
			return 1;
	for (u32 i = 0; i < 4; i++)
		sorted[i] = take();
	/* The largest stays in the tree. */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
