; 1 is.
.type cgroup_skb/ingress
r0 = 1
exit
