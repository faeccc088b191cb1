; There are 16.
.type lsm.s/file_open
.license GPL
r1 = r10
r1 += -16
r2 = 16
r3 = 0
r4 = 0
call bpf_copy_from_user_str
r0 = 0
exit
