; There are not that many helpers.
.type socket_filter
call 100000
exit
