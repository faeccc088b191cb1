/* In one that is constant. */
#include "../src/trace.h"

const char wanted[8] = "bash";

SEC("raw_tp/sys_enter")
int compare(struct raw_sys_enter *ctx)
{
	char comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	return bpf_strncmp(comm, 4, wanted) == 0;
}

char LICENSE[] SEC("license") = "GPL";
