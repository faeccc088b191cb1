/*
 * Everything that may not be done with locks, lists, trees, allocated objects and the fields that hold them: a program
 * for each sentence of the kernel's.
 *
 * Their names say what is wrong. None is loaded unless it is asked for.
 */
#include "objects.h"

#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;

struct inner {
	u64 x;
};

struct outer {
	u64 y;
	struct inner __kptr *in;
	struct bpf_spin_lock lock;
};

struct cnt {
	u64 a;
	struct bpf_refcount ref;
	struct bpf_rb_node r;
	struct bpf_list_node l;
};

struct shelf {
	struct task_struct __kptr_untrusted *u;
	struct task_struct __kptr *t;
	struct outer __kptr *o;
	struct cnt __kptr *c;
	struct inner __percpu_kptr *p;
	u64 data;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct shelf);
} m SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct shelf);
} h SEC(".maps");

struct lv {
	struct bpf_spin_lock lock;
	u64 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct lv);
} lk SEC(".maps");

private(A) struct bpf_spin_lock glock;
private(A) struct bpf_list_head ghead __contains(cnt, l);
private(A) struct bpf_rb_root groot __contains(cnt, r);

u64 sink;

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct cnt, r)->a < container_of(b, struct cnt, r)->a;
}

SEC("?tc")
int untrusted_store_number(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	v->u = (void *)(u64)skb->len;
	return 0;
}

SEC("?tc")
int untrusted_store_imm1(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	asm volatile("*(u64 *)(%0 + 0) = 1" :: "r"(v));
	return 0;
}

SEC("?tc")
int untrusted_store_local(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct inner *i = bpf_obj_new(struct inner);
	if (!i)
		return 0;
	v->u = (void *)i;
	bpf_obj_drop(i);
	return 0;
}

SEC("?tc")
int ref_load_nonull(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct task_struct *t = v->t;
	sink = t->pid;
	return 0;
}

SEC("?tc")
int ref_load_release(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct task_struct *t = v->t;
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("?tc")
int xchg_leak(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct task_struct *t = bpf_task_from_pid(1);
	if (!t)
		return 0;
	t = bpf_kptr_xchg(&v->t, t);
	return 0;
}

SEC("?tc")
int xchg_unref(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct task_struct *t = bpf_get_current_task_btf();
	t = bpf_kptr_xchg(&v->t, t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("?tc")
int xchg_untrusted_field(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_kptr_xchg(&v->u, 0);
	return 0;
}

SEC("?tc")
int xchg_data(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_kptr_xchg(&v->data, 0);
	return 0;
}

SEC("?tc")
int xchg_wrong_local(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct inner *i = bpf_obj_new(struct inner);
	if (!i)
		return 0;
	i = bpf_kptr_xchg(&v->o, i);
	if (i)
		bpf_obj_drop(i);
	return 0;
}

SEC("?tc")
int xchg_maybe_null(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct outer *i = bpf_obj_new(struct outer);
	i = bpf_kptr_xchg(&v->o, i);
	if (i)
		bpf_obj_drop(i);
	return 0;
}

SEC("?tc")
int xchg_task_maybe_null(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct task_struct *t = bpf_task_from_pid(1);
	t = bpf_kptr_xchg(&v->t, t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("?tc")
int xchg_use_after(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct outer *i = bpf_obj_new(struct outer);
	if (!i)
		return 0;
	struct outer *o = bpf_kptr_xchg(&v->o, i);
	if (o)
		bpf_obj_drop(o);
	sink = i->y;
	return 0;
}

SEC("?tc")
int local_direct(struct __sk_buff *skb)
{
	struct outer *o = bpf_obj_new(struct outer);
	if (!o)
		return 0;
	sink = (u64)o->in;
	bpf_obj_drop(o);
	return 0;
}

SEC("?tc")
int local_lock_two(struct __sk_buff *skb)
{
	struct outer *o = bpf_obj_new(struct outer);
	if (!o)
		return 0;
	struct outer *q = bpf_obj_new(struct outer);
	if (!q)  {
		bpf_obj_drop(o);
		return 0;
	}
	bpf_spin_lock(&o->lock);
	o->y++;
	bpf_spin_unlock(&q->lock);
	bpf_obj_drop(o);
	bpf_obj_drop(q);
	return 0;
}

SEC("?tc")
int local_load_rcu_lock(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct outer *o = v->o;
	if (!o)
		return 0;
	bpf_spin_lock(&o->lock);
	bpf_spin_unlock(&o->lock);
	return 0;
}

SEC("?tc")
int local_oob(struct __sk_buff *skb)
{
	struct inner *i = bpf_obj_new(struct inner);
	if (!i)
		return 0;
	sink = *(&i->x + 1);
	bpf_obj_drop(i);
	return 0;
}

SEC("?tc")
int local_varoff(struct __sk_buff *skb)
{
	struct cnt *i = bpf_obj_new(struct cnt);
	if (!i)
		return 0;
	u64 o = skb->len & 7;
	asm volatile("" : "+r"(o));
	sink = *(u64 *)((void *)i + o);
	bpf_obj_drop(i);
	return 0;
}

SEC("?tc")
int refcount_none(struct __sk_buff *skb)
{
	struct inner *c = bpf_obj_new(struct inner);
	if (!c)
		return 0;
	struct inner *d = bpf_refcount_acquire(c);
	bpf_obj_drop(c);
	if (d)
		bpf_obj_drop(d);
	return 0;
}

SEC("?tc")
int shared_after_unlock(struct __sk_buff *skb)
{
	struct cnt *c = bpf_obj_new(struct cnt);
	if (!c)
		return 0;
	bpf_spin_lock(&glock);
	bpf_rbtree_add(&groot, &c->r, less);
	c->a = 3;
	bpf_spin_unlock(&glock);
	sink = c->a;
	return 0;
}

SEC("?tc")
int percpu_direct(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct inner *p = v->p;
	if (!p)
		return 0;
	sink = p->x;
	return 0;
}

SEC("?tc")
int percpu_wrong_drop(struct __sk_buff *skb)
{
	struct inner *p = bpf_percpu_obj_new(struct inner);
	if (!p)
		return 0;
	bpf_obj_drop(p);
	return 0;
}

SEC("?tc")
int percpu_into_plain(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct outer *p = (void *)bpf_percpu_obj_new(struct inner);
	if (!p)
		return 0;
	p = bpf_kptr_xchg(&v->o, p);
	if (p)
		bpf_obj_drop(p);
	return 0;
}

SEC("?tc")
int kptr_half(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	sink = *(u32 *)&v->t;
	return 0;
}

SEC("?tc")
int kptr_misaligned(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	sink = *(u64 *)((void *)&v->t + 4);
	return 0;
}

SEC("?tc")
int kptr_varoff(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	u64 o = skb->len & 15;
	asm volatile("" : "+r"(o));
	sink = *(u8 *)((void *)v + o);
	return 0;
}

SEC("?tc")
int kptr_helper(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_get_current_comm(v, 16);
	return 0;
}

SEC("?tc")
int kptr_update_self(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_map_update_elem(&h, &key, v, 0);
	return 0;
}

SEC("?tc")
int lock_then_helper(struct __sk_buff *skb)
{
	u32 key = 0;
	struct lv *l = bpf_map_lookup_elem(&lk, &key);
	if (!l)
		return 0;
	bpf_spin_lock(&l->lock);
	sink = bpf_ktime_get_ns();
	bpf_spin_unlock(&l->lock);
	return 0;
}

SEC("?tc")
int lock_then_kfunc(struct __sk_buff *skb)
{
	u32 key = 0;
	struct lv *l = bpf_map_lookup_elem(&lk, &key);
	if (!l)
		return 0;
	bpf_spin_lock(&l->lock);
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	bpf_spin_unlock(&l->lock);
	return 0;
}

SEC("?tc")
int lock_two_maps(struct __sk_buff *skb)
{
	u32 key = 0, j = 1;
	struct lv *l = bpf_map_lookup_elem(&lk, &key);
	if (!l)
		return 0;
	struct lv *n = bpf_map_lookup_elem(&lk, &j);
	if (!n)
		return 0;
	bpf_spin_lock(&l->lock);
	bpf_spin_unlock(&n->lock);
	return 0;
}

SEC("?tc")
int lock_direct_write(struct __sk_buff *skb)
{
	u32 key = 0;
	struct lv *l = bpf_map_lookup_elem(&lk, &key);
	if (!l)
		return 0;
	l->lock.val = 0;
	return 0;
}

SEC("?tc")
int pop_wrong_drop(struct __sk_buff *skb)
{
	bpf_spin_lock(&glock);
	struct bpf_list_node *n = bpf_list_pop_front(&ghead);
	bpf_spin_unlock(&glock);
	if (n)
		bpf_obj_drop(n);
	return 0;
}

SEC("?tc")
int push_wrong_node(struct __sk_buff *skb)
{
	struct cnt *c = bpf_obj_new(struct cnt);
	if (!c)
		return 0;
	bpf_spin_lock(&glock);
	bpf_list_push_front(&ghead, (void *)&c->r);
	bpf_spin_unlock(&glock);
	return 0;
}

SEC("?tc")
int obj_leak(struct __sk_buff *skb)
{
	struct cnt *c = bpf_obj_new(struct cnt);
	if (!c)
		return 0;
	c->a = 1;
	return 0;
}

SEC("?tc")
int rcu_after(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_rcu_read_lock();
	struct cnt *c = v->c;
	if (!c)  {
		bpf_rcu_read_unlock();
		return 0;
	}
	bpf_rcu_read_unlock();
	sink = c->a;
	return 0;
}

SEC("?tc")
int rcu_after_untrusted_acquire(struct __sk_buff *skb)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	bpf_rcu_read_lock();
	struct cnt *c = v->c;
	if (!c)  {
		bpf_rcu_read_unlock();
		return 0;
	}
	bpf_rcu_read_unlock();
	struct cnt *d = bpf_refcount_acquire(c);
	if (d)
		bpf_obj_drop(d);
	return 0;
}

SEC("?syscall")
int sleepable_acquire(void *ctx)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct cnt *c = v->c;
	if (!c)
		return 0;
	struct cnt *d = bpf_refcount_acquire(c);
	if (d)
		bpf_obj_drop(d);
	return 0;
}

SEC("?syscall")
int sleepable_write(void *ctx)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct cnt *c = v->c;
	if (!c)
		return 0;
	c->a = 1;
	return 0;
}

SEC("?syscall")
int sleepable_percpu(void *ctx)
{
	u32 key = 0;
	struct shelf *v = bpf_map_lookup_elem(&m, &key);
	if (!v)
		return 0;
	struct inner *p = v->p;
	if (!p)
		return 0;
	p = bpf_this_cpu_ptr(p);
	p->x = 1;
	return 0;
}

SEC("?socket")
int filter(struct __sk_buff *skb)
{
	u32 key = 0;
	struct lv *l = bpf_map_lookup_elem(&lk, &key);
	if (!l)
		return 0;
	sink = l->n;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
