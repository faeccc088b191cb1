// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Objects that all CPUs exchange: each run puts new ones where others left theirs, and looks at what lies there without
 * holding it. None may be lost, and none may go while a run can still see it.
 */
#include "objects.h"

#define SHELVES 4
#define LOOKS 32

struct item {
	u64 text;
	u64 mirrored;
	struct bpf_refcount count;
	struct bpf_list_node node;
};

struct shelf {
	struct item __kptr *item;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHELVES);
	__type(key, u32);
	__type(value, struct shelf);
} shelves SEC(".maps");

private(queue) struct bpf_spin_lock lock;
private(queue) struct bpf_list_head queue __contains(item, node);

u64 runs;
u64 made;
u64 dropped;
u64 broken;

static struct item *make(u64 text)
{
	struct item *item = bpf_obj_new(struct item);

	if (!item)
		return NULL;
	__sync_fetch_and_add(&made, 1);
	item->text = text;
	item->mirrored = ~text;
	return item;
}

static void drop(struct item *item)
{
	if (item->mirrored != ~item->text)
		__sync_fetch_and_add(&broken, 1);
	bpf_obj_drop(item);
	__sync_fetch_and_add(&dropped, 1);
}

/* Looks again and again at an item that others may give back meanwhile. */
static void look(struct shelf *shelf)
{
	struct item *item = shelf->item;

	if (!item)
		return;
	for (int i = 0; i < LOOKS; i++) {
		if (*(volatile u64 *)&item->mirrored != ~*(volatile u64 *)&item->text)
			__sync_fetch_and_add(&broken, 1);
	}
}

/* Puts an item on the shelf, and a second reference to it into the queue. */
static void stash(struct shelf *shelf, u64 text)
{
	struct item *item = make(text), *other;

	if (!item)
		return;
	other = bpf_refcount_acquire(item);
	item = bpf_kptr_xchg(&shelf->item, item);
	if (item)
		drop(item);
	bpf_spin_lock(&lock);
	bpf_list_push_back(&queue, &other->node);
	bpf_spin_unlock(&lock);
}

static void serve(void)
{
	struct bpf_list_node *node;
	struct item *item;

	bpf_spin_lock(&lock);
	node = bpf_list_pop_front(&queue);
	bpf_spin_unlock(&lock);
	if (!node)
		return;
	item = container_of(node, struct item, node);
	if (item->mirrored != ~item->text)
		__sync_fetch_and_add(&broken, 1);
	bpf_obj_drop(item);
}

SEC("tc")
int many_objects(struct __sk_buff *skb)
{
	u64 number = __sync_fetch_and_add(&runs, 1);
	u32 own = number % SHELVES, other = (number / SHELVES) % SHELVES;
	struct shelf *mine = bpf_map_lookup_elem(&shelves, &own);
	struct shelf *theirs = bpf_map_lookup_elem(&shelves, &other);

	if (!mine || !theirs)
		return 1;
	look(theirs);
	stash(mine, number);
	look(theirs);
	serve();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
