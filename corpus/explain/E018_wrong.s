; The function hands out the address of its own variable.
.type socket_filter
call variable
r0 = 0
exit
variable:
r0 = r10
r0 += -8
exit
