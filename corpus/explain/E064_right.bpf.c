/* So it is called only where there is one. */
#include "../src/net.h"

extern int bpf_no_such_function(void) SEC(".ksyms") __attribute__((weak));

SEC("tc")
int ask(struct __sk_buff *skb)
{
	if (!bpf_no_such_function)
		return TC_ACT_OK;
	return bpf_no_such_function();
}

char LICENSE[] SEC("license") = "GPL";
