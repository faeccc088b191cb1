// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What helpers answer at hooks that no test run reaches: connections, messages, streams, kernel parameters, options of
 * sockets, groups of sockets that share a port. A process in a cgroup makes all of it happen.
 */
#include "answers.h"

struct bpf_sock_ops {
	u32 op, args[4], family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
	u32 remote_port, local_port, is_fullsock, snd_cwnd, srtt_us, bpf_sock_ops_cb_flags;
};

struct sk_msg_md {
	u64 data, data_end;
	u32 family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, size;
};

struct bpf_sock_addr {
	u32 user_family, user_ip4, user_ip6[4], user_port, family, type, protocol;
};

struct bpf_sysctl {
	u32 write, file_pos;
};

struct bpf_sockopt {
	u64 sk, optval, optval_end;
	s32 level, optname, optlen, retval;
};

static long (*const bpf_setsockopt)(void *ctx, int level, int name, const void *value,
				    int len) = (void *)49;
static long (*const bpf_sk_redirect_map)(void *skb, void *map, u32 key, u64 flags) = (void *)52;
static long (*const bpf_sock_map_update)(void *ops, void *map, void *key, u64 flags) = (void *)53;
static long (*const bpf_getsockopt)(void *ctx, int level, int name, void *to, int len) = (void *)57;
static long (*const bpf_sock_ops_cb_flags_set)(void *ops, int flags) = (void *)59;
static long (*const bpf_msg_redirect_map)(void *msg, void *map, u32 key, u64 flags) = (void *)60;
static long (*const bpf_msg_apply_bytes)(void *msg, u32 bytes) = (void *)61;
static long (*const bpf_msg_cork_bytes)(void *msg, u32 bytes) = (void *)62;
static long (*const bpf_msg_pull_data)(void *msg, u32 start, u32 end, u64 flags) = (void *)63;
static long (*const bpf_bind)(void *ctx, const void *address, int len) = (void *)64;
static long (*const bpf_sock_hash_update)(void *ops, void *map, void *key, u64 flags) = (void *)70;
static long (*const bpf_msg_redirect_hash)(void *msg, void *map, void *key, u64 flags) = (void *)71;
static long (*const bpf_sk_redirect_hash)(void *skb, void *map, void *key, u64 flags) = (void *)72;
static long (*const bpf_sk_select_reuseport)(void *reuse, void *map, void *key,
					     u64 flags) = (void *)82;
static long (*const bpf_msg_push_data)(void *msg, u32 start, u32 len, u64 flags) = (void *)90;
static long (*const bpf_msg_pop_data)(void *msg, u32 start, u32 len, u64 flags) = (void *)91;
static long (*const bpf_sysctl_get_name)(void *ctx, char *to, u64 size, u64 flags) = (void *)101;
static long (*const bpf_sysctl_get_current_value)(void *ctx, char *to, u64 size) = (void *)102;
static long (*const bpf_sysctl_get_new_value)(void *ctx, char *to, u64 size) = (void *)103;
static long (*const bpf_sysctl_set_new_value)(void *ctx, const char *from, u64 size) = (void *)104;
static u64 (*const bpf_get_netns_cookie)(void *ctx) = (void *)122;
static long (*const bpf_load_hdr_opt)(void *ops, void *to, u32 len, u64 flags) = (void *)142;
static long (*const bpf_store_hdr_opt)(void *ops, const void *from, u32 len, u64 flags) = (void *)143;
static long (*const bpf_reserve_hdr_opt)(void *ops, u32 len, u64 flags) = (void *)144;
static int (*const bpf_get_retval)(void) = (void *)186;
static int (*const bpf_set_retval)(int retval) = (void *)187;

SMALL(sockets, BPF_MAP_TYPE_SOCKMAP);
SMALL(sockets_by_key, BPF_MAP_TYPE_SOCKHASH);
SMALL(tried, BPF_MAP_TYPE_SOCKMAP);
SMALL(tried_by_key, BPF_MAP_TYPE_SOCKHASH);
SMALL(of_port, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);

#define SOL_IP 0
#define SOL_SOCKET 1
#define SOL_TCP 6
#define SOL_IPV6 41

#define ACTIVE_ESTABLISHED 4
#define HEADER_MEASURED 14
#define HEADER_WRITTEN 15
#define WRITES_HEADERS 0x40

u32 times[3];

#define UPDATE(helper, map)                                               \
	({                                                                \
		u32 zero = 0;                                             \
		ANSWER(helper(ops, map, &zero, 3));                       \
		ANSWER(helper(ops, map, &zero, BPF_EXIST));               \
		ANSWER(helper(ops, map, &zero, BPF_ANY));                 \
		ANSWER(helper(ops, map, &zero, BPF_NOEXIST));             \
		ANSWER(helper(ops, map, &zero, BPF_EXIST));               \
	})

#define GET(level, name, len)                                             \
	({                                                                \
		u32 to[4] = { 7, 7, 7, 7 };                               \
		ANSWER(bpf_getsockopt(ctx, level, name, to, len));        \
		ANSWER(to[0]);                                            \
	})

#define SET(level, name, number, len)                                     \
	({                                                                \
		u32 from[4] = { number };                                 \
		ANSWER(bpf_setsockopt(ctx, level, name, from, len));      \
	})

#define OPTION(bytes, len, flags)                                         \
	({                                                                \
		u8 option[] = bytes;                                      \
		ANSWER(bpf_load_hdr_opt(ops, option, len, flags));        \
		ANSWER(option[0] | option[1] << 8);                       \
	})

#define BYTES(...) { __VA_ARGS__ }

static __always_inline void established(struct bpf_sock_ops *ops)
{
	u32 zero = 0, two = 2;

	UPDATE(bpf_sock_map_update, &tried);
	UPDATE(bpf_sock_hash_update, &tried_by_key);
	ANSWER(bpf_sock_map_update(ops, &tried, &two, BPF_ANY));
	/* These have programs on what goes through them. */
	ANSWER(bpf_sock_map_update(ops, &sockets, &zero, BPF_ANY));
	ANSWER(bpf_sock_hash_update(ops, &sockets_by_key, &zero, BPF_ANY));
	OPTION(BYTES(2, 0, 0, 0), 4, 0);
	OPTION(BYTES(2, 0, 0, 0), 3, 0);
	OPTION(BYTES(2, 0, 0, 0), 1, 0);
	OPTION(BYTES(2, 4, 0, 0), 4, 0);
	OPTION(BYTES(77, 0, 0, 0), 4, 0);
	OPTION(BYTES(0, 0, 0, 0), 4, 0);
	OPTION(BYTES(1, 0, 0, 0), 4, 0);
	OPTION(BYTES(2, 0, 0, 0), 4, 2);
	OPTION(BYTES(2, 0, 0, 0), 4, 1);
	OPTION(BYTES(254, 0, 0, 0), 4, 0);
	OPTION(BYTES(254, 4, 1, 2), 4, 0);
	OPTION(BYTES(254, 5, 1, 2), 4, 0);
	ANSWER(bpf_store_hdr_opt(ops, &two, 4, 0));
	ANSWER(bpf_reserve_hdr_opt(ops, 4, 0));
	ANSWER(bpf_sock_ops_cb_flags_set(ops, 0x7f));
	ANSWER(ops->bpf_sock_ops_cb_flags);
	ANSWER(bpf_sock_ops_cb_flags_set(ops, 0x80 | WRITES_HEADERS));
	ANSWER(ops->bpf_sock_ops_cb_flags);
}

static __always_inline void options_of_connection(struct bpf_sock_ops *ctx)
{
	char name[16];

	SET(SOL_SOCKET, 36, 5, 4);
	GET(SOL_SOCKET, 36, 4);
	SET(SOL_SOCKET, 36, 5, 3);
	GET(SOL_SOCKET, 36, 8);
	SET(SOL_SOCKET, 9999, 5, 4);
	GET(SOL_SOCKET, 9999, 4);
	SET(SOL_SOCKET, 15, 1, 4);
	SET(SOL_TCP, 1, 1, 4);
	GET(SOL_TCP, 1, 4);
	SET(SOL_TCP, 4, 77, 4);
	GET(SOL_TCP, 4, 4);
	SET(SOL_TCP, 5, 9, 4);
	GET(SOL_TCP, 5, 4);
	SET(SOL_TCP, 6, 9, 4);
	GET(SOL_TCP, 6, 4);
	SET(SOL_TCP, 16, 1, 4);
	SET(SOL_TCP, 18, 99, 4);
	GET(SOL_TCP, 18, 4);
	SET(SOL_TCP, 1001, 0, 4);
	SET(SOL_TCP, 1003, 5000, 4);
	SET(SOL_TCP, 1004, 5000, 4);
	SET(SOL_TCP, 1004, 5000, 3);
	GET(SOL_TCP, 1001, 4);
	GET(SOL_TCP, 9999, 4);
	ANSWER(bpf_getsockopt(ctx, SOL_TCP, 13, name, sizeof(name)));
	SET(SOL_IP, 1, 8, 4);
	GET(SOL_IP, 1, 4);
	SET(SOL_IP, 2, 8, 4);
	SET(SOL_IPV6, 67, 8, 4);
	GET(SOL_IPV6, 67, 4);
	SET(99, 1, 8, 4);
	GET(99, 1, 4);
}

#define STORE(len, flags, ...)                                            \
	({                                                                \
		u8 option[48] = { __VA_ARGS__ };                          \
		ANSWER(bpf_store_hdr_opt(ops, option, len, flags));       \
	})

static __always_inline void measured(struct bpf_sock_ops *ops)
{
	ANSWER(bpf_reserve_hdr_opt(ops, 1, 0));
	ANSWER(bpf_reserve_hdr_opt(ops, 4, 1));
	ANSWER(bpf_reserve_hdr_opt(ops, 41, 0));
	ANSWER(bpf_reserve_hdr_opt(ops, 8, 0));
}

static __always_inline void written(struct bpf_sock_ops *ops)
{
	STORE(1, 0, 253, 4, 1, 2);
	STORE(4, 1, 253, 4, 1, 2);
	STORE(4, 0, 0, 4, 1, 2);
	STORE(4, 0, 1, 4, 1, 2);
	STORE(4, 0, 253, 5, 1, 2);
	STORE(4, 0, 253, 1, 1, 2);
	STORE(4, 0, 253, 3, 1, 2);
	STORE(48, 0, 253, 41, 1, 2);
	STORE(4, 0, 253, 4, 1, 2);
	STORE(4, 0, 253, 4, 1, 2);
	STORE(4, 0, 253, 4, 1, 3);
	ANSWER(bpf_reserve_hdr_opt(ops, 4, 0));
}

/* Each happening is asked about once. */
SEC("sockops")
int answers_connection(struct bpf_sock_ops *ops)
{
	if (ops->op == ACTIVE_ESTABLISHED && !times[0]++) {
		established(ops);
	} else if (ops->op == HEADER_MEASURED) {
		if (!times[1]++)
			measured(ops);
	} else if (ops->op == HEADER_WRITTEN) {
		if (!times[2]++)
			written(ops);
	}
	return 1;
}

u32 optioned;

SEC("sockops")
int answers_options(struct bpf_sock_ops *ops)
{
	if (ops->op == ACTIVE_ESTABLISHED && !optioned++)
		options_of_connection(ops);
	return 1;
}

u32 messages;

/* The message has 11 bytes, and is asked about once. */
SEC("sk_msg")
int answers_message(struct sk_msg_md *msg)
{
	u32 zero = 0, nine = 9;

	if (messages++)
		return 1;
	ANSWER(msg->size);
	ANSWER(bpf_msg_pull_data(msg, 0, 11, 0));
	ANSWER(msg->data_end - msg->data);
	ANSWER(bpf_msg_pull_data(msg, 0, 12, 0));
	ANSWER(bpf_msg_pull_data(msg, 5, 5, 0));
	ANSWER(bpf_msg_pull_data(msg, 6, 5, 0));
	ANSWER(bpf_msg_pull_data(msg, 0, 4, 1));
	ANSWER(bpf_msg_push_data(msg, 0, 0, 0));
	ANSWER(bpf_msg_push_data(msg, 99, 1, 0));
	ANSWER(bpf_msg_push_data(msg, 3, 2, 1));
	ANSWER(bpf_msg_push_data(msg, 3, 2, 0));
	ANSWER(msg->size);
	ANSWER(bpf_msg_pop_data(msg, 0, 0, 0));
	ANSWER(bpf_msg_pop_data(msg, 12, 2, 0));
	ANSWER(bpf_msg_pop_data(msg, 13, 1, 0));
	ANSWER(bpf_msg_pop_data(msg, 0, 1, 1));
	ANSWER(bpf_msg_pop_data(msg, 3, 2, 0));
	ANSWER(msg->size);
	ANSWER(bpf_msg_apply_bytes(msg, 4));
	ANSWER(bpf_msg_cork_bytes(msg, 0));
	ANSWER(bpf_msg_redirect_map(msg, &sockets, 9, 0));
	ANSWER(bpf_msg_redirect_map(msg, &sockets, 1, 0));
	ANSWER(bpf_msg_redirect_map(msg, &sockets, 0, 2));
	ANSWER(bpf_msg_redirect_hash(msg, &sockets_by_key, &nine, 0));
	ANSWER(bpf_msg_redirect_hash(msg, &sockets_by_key, &zero, 2));
	ANSWER(bpf_msg_redirect_hash(msg, &sockets_by_key, &zero, 1));
	ANSWER(bpf_msg_redirect_map(msg, &sockets, 0, 1));
	ANSWER(bpf_get_netns_cookie(msg) == bpf_get_netns_cookie(NULL));
	return 1;
}

SEC("sk_skb/stream_verdict")
int answers_stream(struct __sk_buff *skb)
{
	u32 zero = 0, nine = 9;

	ANSWER(bpf_sk_redirect_map(skb, &sockets, 9, 0));
	ANSWER(bpf_sk_redirect_map(skb, &sockets, 1, 0));
	ANSWER(bpf_sk_redirect_map(skb, &sockets, 0, 2));
	ANSWER(bpf_sk_redirect_hash(skb, &sockets_by_key, &nine, 0));
	ANSWER(bpf_sk_redirect_hash(skb, &sockets_by_key, &zero, 2));
	ANSWER(bpf_sk_redirect_hash(skb, &sockets_by_key, &zero, 0));
	ANSWER(bpf_sk_redirect_map(skb, &sockets, 0, 1));
	return 1;
}

#define BIND(len, ...)                                                    \
	({                                                                \
		u8 address[28] = { __VA_ARGS__ };                         \
		ANSWER(bpf_bind(ctx, address, len));                      \
	})

/* A connection shall be made; where from it is, this says. */
SEC("cgroup/connect4")
int answers_connecting(struct bpf_sock_addr *ctx)
{
	BIND(1, 2);
	BIND(16, 99);
	BIND(15, 2);
	BIND(16, 2, 0, 0, 0, 127, 0, 0, 2);
	BIND(23, 10);
	ANSWER(bpf_get_netns_cookie(ctx) != 0);
	ANSWER(bpf_get_netns_cookie(NULL) != 0);
	ANSWER(bpf_get_retval());
	ANSWER(bpf_set_retval(-13));
	ANSWER(bpf_get_retval());
	ANSWER(bpf_set_retval(5));
	ANSWER(bpf_get_retval());
	ANSWER(bpf_set_retval(-5000));
	ANSWER(bpf_get_retval());
	ANSWER(bpf_set_retval(0));
	SET(SOL_SOCKET, 36, 5, 4);
	GET(SOL_SOCKET, 36, 4);
	GET(SOL_TCP, 9999, 4);
	return 1;
}

#define NAME(size, flags)                                                 \
	({                                                                \
		char to[24] = "-----------------------";                  \
		ANSWER(bpf_sysctl_get_name(ctx, to, size, flags));        \
		ANSWER(SUM(to));                                          \
	})

#define VALUE(helper, size)                                               \
	({                                                                \
		char to[24] = "-----------------------";                  \
		ANSWER(helper(ctx, to, size));                            \
		ANSWER(SUM(to));                                          \
	})

char long_text[4100];

/* The parameter is net/ipv4/ip_default_ttl, and 64. */
SEC("cgroup/sysctl")
int answers_parameter(struct bpf_sysctl *ctx)
{
	char other[2] = "64";

	if (ctx->write) {
		VALUE(bpf_sysctl_get_new_value, 24);
		VALUE(bpf_sysctl_get_new_value, 2);
		ANSWER(bpf_sysctl_set_new_value(ctx, long_text, 4096));
		ANSWER(bpf_sysctl_set_new_value(ctx, other, 2));
		VALUE(bpf_sysctl_get_new_value, 24);
		return 1;
	}
	NAME(24, 0);
	NAME(24, 1);
	NAME(6, 0);
	NAME(6, 1);
	NAME(24, 2);
	VALUE(bpf_sysctl_get_current_value, 24);
	VALUE(bpf_sysctl_get_current_value, 2);
	VALUE(bpf_sysctl_get_new_value, 24);
	ANSWER(bpf_sysctl_set_new_value(ctx, other, 2));
	ANSWER(bpf_get_retval());
	ANSWER(bpf_set_retval(-1));
	ANSWER(bpf_set_retval(0));
	return 1;
}

/* A datagram for a port that sockets share: the one in the first place is of the group, that in the second is not. */
SEC("sk_reuseport")
int answers_sharing(void *reuse)
{
	u32 zero = 0, one = 1, nine = 9;

	ANSWER(bpf_sk_select_reuseport(reuse, &of_port, &nine, 0));
	ANSWER(bpf_sk_select_reuseport(reuse, &of_port, &zero, 0));
	ANSWER(bpf_sk_select_reuseport(reuse, &of_port, &zero, 1));
	ANSWER(bpf_sk_select_reuseport(reuse, &of_port, &one, 0));
	ANSWER(bpf_sk_select_reuseport(reuse, &sockets, &nine, 0));
	ANSWER(bpf_sk_select_reuseport(reuse, &sockets_by_key, &nine, 0));
	return 1;
}

struct counted {
	u64 counter, enabled, running;
};

static long (*const bpf_perf_prog_read_value)(void *ctx, void *to, u32 size) = (void *)56;
static long (*const bpf_read_branch_records)(void *ctx, void *to, u32 size, u64 flags) = (void *)119;

SEC("perf_event")
int answers_sample(void *ctx)
{
	struct counted counted = { 0, 1, 2 };

	ANSWER(bpf_perf_prog_read_value(ctx, &counted, sizeof(counted)));
	ANSWER(counted.counter > 0);
	ANSWER(bpf_perf_prog_read_value(ctx, &counted, 16));
	ANSWER(counted.counter | counted.enabled);
	ANSWER(bpf_read_branch_records(ctx, &counted, sizeof(counted), 0));
	ANSWER(bpf_read_branch_records(ctx, &counted, sizeof(counted), 1));
	ANSWER(bpf_read_branch_records(ctx, &counted, sizeof(counted), 2));
	ANSWER(bpf_read_branch_records(ctx, NULL, 0, 1));
	return 0;
}

static long (*const bpf_lwt_push_encap)(void *skb, u32 type, void *header, u32 len) = (void *)73;

#define PUSH(type, first, len)                                            \
	({                                                                \
		u8 header[48] = { first, 0, 0, 20, 0, 0, 0, 0, 64, 4 };   \
		ANSWER(bpf_lwt_push_encap(skb, type, header, len));       \
	})

/* A packet that a route leads in gets headers before its own. */
SEC("lwt_in")
int answers_routed(struct __sk_buff *skb)
{
	PUSH(2, 0x45, 19);
	PUSH(2, 0x46, 20);
	PUSH(2, 0x35, 20);
	PUSH(2, 0x60, 39);
	PUSH(3, 0x45, 20);
	ANSWER(skb->len);
	PUSH(2, 0x45, 20);
	ANSWER(skb->len);
	ANSWER(skb->protocol);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} element SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;
struct task_struct;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct path {
	void *dentry;
};

struct file {
	struct path f_path;
};

struct vm_area_struct {
	struct file *vm_file;
};

struct pt_regs {
	unsigned long ip;
};

#pragma clang attribute pop

struct bpf_map;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	u32 *key;
	u64 *value;
};

struct btf_ptr {
	const void *value;
	u32 type, flags;
};

static long (*const bpf_seq_printf)(struct seq_file *seq, const char *format, u32 size,
				    const void *args, u32 args_size) = (void *)126;
static long (*const bpf_seq_write)(struct seq_file *seq, const void *data, u32 len) = (void *)127;
static long (*const bpf_d_path)(struct path *path, char *to, u32 size) = (void *)147;
static long (*const bpf_seq_printf_btf)(struct seq_file *seq, struct btf_ptr *value, u32 size,
					u64 flags) = (void *)150;

char large[32768];

/* The path of the file that a process runs; which it is differs, so only that it is one is kept. */
static long path_found(struct task_struct *task, struct vm_area_struct *area, void *unused)
{
	struct file *file = area->vm_file;
	char path[64] = "---------------------------------------------------------------";
	long len;

	if (!file)
		return 0;
	len = bpf_d_path(&file->f_path, path, sizeof(path));
	ANSWER(len > 1);
	ANSWER(path[0]);
	ANSWER(path[sizeof(path) - 1]);
	ANSWER(path[sizeof(path) - 2] != '-');
	ANSWER(bpf_d_path(&file->f_path, path, 1));
	ANSWER(bpf_d_path(&file->f_path, path, 0));
	return 0;
}

SEC("iter/bpf_map_elem")
int answers_reader(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = bpf_get_current_task_btf();
	static const char pair[] = "%d-%s\n", unknown[] = "%y", plain[] = "plain";
	struct btf_ptr value = { .value = ctx->value, .type = 0x7fffffff };
	u64 args[13] = { 7, (u64)plain };
	u64 unused = 0;

	if (!ctx->key || !ctx->value)
		return 0;
	ANSWER(bpf_seq_printf(seq, pair, sizeof(pair), args, 16));
	ANSWER(bpf_seq_printf(seq, pair, sizeof(pair), args, 8));
	ANSWER(bpf_seq_printf(seq, pair, sizeof(pair), args, 15));
	ANSWER(bpf_seq_printf(seq, pair, sizeof(pair), args, 104));
	ANSWER(bpf_seq_printf(seq, pair, sizeof(pair) - 1, args, 16));
	ANSWER(bpf_seq_printf(seq, unknown, sizeof(unknown), args, 8));
	ANSWER(bpf_seq_printf(seq, plain, sizeof(plain), NULL, 0));
	ANSWER(bpf_seq_write(seq, "+++", 3));
	ANSWER(bpf_seq_write(seq, plain, 0));
	ANSWER(bpf_seq_write(seq, large, sizeof(large)));
	ANSWER(bpf_seq_printf_btf(seq, &value, sizeof(value), 0));
	ANSWER(bpf_seq_printf_btf(seq, &value, 8, 0));
	ANSWER(bpf_seq_printf_btf(seq, &value, sizeof(value), 1 << 9));
	bpf_find_vma(task, ((struct pt_regs *)bpf_task_pt_regs(task))->ip, path_found, &unused, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
