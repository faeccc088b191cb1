; straight_line: accepted
.type socket_filter
r0 = 0
exit
---
; no_exit: last insn is not an exit or jmp
.type socket_filter
r0 = 0
---
; jump_past_the_end: jump out of range from insn 0 to 5
.type socket_filter
goto pc+4
r0 = 0
exit
---
; jump_before_the_start: jump out of range from insn 0 to -1
.type socket_filter
goto pc-2
r0 = 0
exit
---
; dead_code: unreachable insn 2
.type socket_filter
r0 = 0
exit
r0 = 1
exit
---
; endless: infinite loop detected at insn 0
.type socket_filter
again:
goto again
---
; bounded_loop: accepted
.type socket_filter
r0 = 0
again:
r0 += 1
if r0 < 100 goto again
r0 = 0
exit
---
; loop_without_progress: infinite loop detected at insn 3
.type socket_filter
r0 = 0
r1 = 5
again:
r1 = 5
if r1 > 3 goto again
exit
---
; loop_over_unknown_bound: accepted
.type xdp
r6 = *(u32 *)(r1 +16)
r6 &= 63
r0 = 0
again:
if r0 >= r6 goto done
r0 += 1
goto again
done:
r0 = 2
exit
---
; too_many_instructions: BPF program is too large. Processed 1000001 insn
.type socket_filter
r0 = 0
again:
r0 += 1
if r0 < 0x7fffffff goto again
exit
---
; decided_branch_hides_dead_code: accepted
.type socket_filter
r0 = 1
if r0 == 1 goto done
r0 = r9
done:
exit
---
; fallthrough_past_function: last insn is not an exit or jmp
.type socket_filter
call sub
r0 = 0
exit
sub:
r0 = 1
---
; may_goto_loop: accepted
.type socket_filter
r0 = 0
again:
may_goto done
r0 += 1
goto again
done:
r0 = 0
exit
---
; may_goto_to_itself: infinite loop detected at insn 1
.type socket_filter
r0 = 0
again:
may_goto again
exit
---
; may_goto_between_a_jump_that_goes_back: infinite loop detected at insn 2
.type socket_filter
r0 = r1
goto over
again:
may_goto again
over:
r2 = 0
if r2 < 1 goto again
r0 = 0
exit
---
; may_goto_nowhere: invalid may_goto off 0 imm 0
.type sched_cls
may_goto pc+0
r0 = 0
exit
