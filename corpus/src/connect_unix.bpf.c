// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Connections of a control group to Unix sockets: they go to another path, which the program reads back from the
 * context as the kernel has it.
 */
#include "kfuncs.h"

struct bpf_sock_addr {
	u32 user_family;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

struct bpf_sock_addr_kern {
	void *uaddr;
	u32 uaddrlen;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern void *bpf_rdonly_cast(const void *object, u32 type) __ksym;
extern int bpf_sock_addr_set_sun_path(struct bpf_sock_addr_kern *ctx, const u8 *path,
				      u32 path_size) __ksym;

/* A name without a file: it begins with a zero. */
static u8 path[] = "\0elsewhere";

SEC("cgroup/connect_unix")
int connect_unix(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kernel = bpf_cast_to_kern_ctx(ctx);
	struct sockaddr_un *address;

	answer(0, kernel->uaddrlen);
	address = bpf_rdonly_cast(kernel->uaddr, __builtin_btf_type_id(*(struct sockaddr_un *)0, 1));
	answer(1, address->sun_path[0]);
	answer(2, bpf_sock_addr_set_sun_path(kernel, path, sizeof(path) - 1));
	answer(3, kernel->uaddrlen);
	answer(4, address->sun_path[1]);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
