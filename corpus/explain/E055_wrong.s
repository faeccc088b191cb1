; The kernel asks whether the packet may pass: 7 is no answer.
.type cgroup_skb/ingress
r0 = 7
exit
