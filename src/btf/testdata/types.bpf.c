/* Types of every kind that clang makes, and CO-RE relocations; see ../testdata.rs. */
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))

enum color { RED, GREEN = 5, BLUE = -3 };
enum wide { BIG = 0x100000000ULL };
struct later;
union other;

struct inner {
	char name[8];
	unsigned char mac[6];
	u32 flags : 3;
	int delta : 5;
	_Bool on;
};

struct outer {
	u64 id;
	struct {
		int x;
		union {
			int y;
			struct inner *link;
		};
	};
	struct inner parts[3];
	enum color color;
	enum wide wide;
	const volatile char *text;
	int (*callback)(void *, const char *, ...);
	int matrix[2][3];
	struct later *later;
	union other *other;
	short tail[];
};

struct packed {
	char a;
	int b;
} __attribute__((packed));

/* As a kernel has them; the target of CO-RE tests is the embedded kernel. */
struct list_head {
	struct list_head *next, *prev;
} CORE;
struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *real_parent;
	long no_such_field;
} CORE;
struct sk_buff___mine {
	u32 len;
	char cb[48];
	unsigned char ip_summed : 2;
} CORE;

struct outer global SEC(".data.mine");
static const volatile u32 limit = 7;
float ratio;
int tagged __attribute__((btf_decl_tag("mine")));
int __attribute__((btf_type_tag("kptr"))) *pointer;
struct packed packed;
extern int outside __attribute__((section(".ksyms")));

struct counted {
	int plain;
	int marked __attribute__((btf_decl_tag("second"))) __attribute__((btf_decl_tag("first")));
};
struct counted counted;

static __attribute__((noinline)) int half(int n)
{
	return (n >> 1) + limit;
}

SEC("kprobe/one") int one(struct task_struct *task)
{
	int pid = task->pid;
	return pid + half(task->comm[3]) + outside;
}

SEC("kprobe/two") long two(struct sk_buff___mine *skb)
{
	struct task_struct *task = (void *)skb;
	if (__builtin_preserve_field_info(task->no_such_field, 2))
		return task->no_such_field;
	return skb->len + __builtin_preserve_field_info(skb->cb[2], 0) +
	       __builtin_preserve_field_info(task->comm, 1) +
	       __builtin_preserve_field_info(skb->ip_summed, 0) +
	       __builtin_preserve_field_info(skb->ip_summed, 3);
}

char gpl[] SEC("license") = "GPL";
