// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Connections of a control group: those to 192.0.2.1 go to the machine itself, those to port 23 nowhere.
 */
#include "net.h"

struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4; /* big-endian, as is the port */
	u32 user_ip6[4];
	u32 user_port;
};

SEC("cgroup/connect4")
int connect_elsewhere(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(23))
		return 0;
	if (ctx->user_ip4 == bpf_htonl(0xc0000201)) {
		ctx->user_ip4 = bpf_htonl(0x7f000001);
		ctx->user_port = bpf_htons(8080);
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
