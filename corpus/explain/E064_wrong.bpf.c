/* No kernel has this function. */
#include "../src/net.h"

extern int bpf_no_such_function(void) SEC(".ksyms") __attribute__((weak));

SEC("tc")
int ask(struct __sk_buff *skb)
{
	return bpf_no_such_function();
}

char LICENSE[] SEC("license") = "GPL";
