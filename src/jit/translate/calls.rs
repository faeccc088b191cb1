//! Jumps, calls, and what comes back from them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value};

use crate::code::{Branch, Checks, EntryId, MAX_FRAMES, MAX_LOOPS, Op, TOO_MANY_TURNS, Target};
use crate::helpers::{self, kfunc};
use crate::isa::{JumpOp, Reg};

use super::super::Counting;
use super::super::direct::{self, Direct};
use super::super::flow::{self, Function, Passing, RegSet, Stops};
use super::super::shims::{Shim, Why};
use super::super::state::{FRAME_STEP, Field};
use super::{Body, Leave, Translator};

/// A subprogram of at most so many operations is compiled into its callers.
const INLINE_OPS: usize = 64;

/// At most so many operations of subprograms are compiled into one function.
const INLINE_BUDGET: usize = 1024;

impl<'a> Translator<'a, '_> {
    pub(super) fn jump(&mut self, body: &Body<'_>, index: usize, target: Target) {
        let block = self.block(body, index, target.index());
        self.builder.ins().jump(block, &[]);
    }

    /// Goes where a branch on two registers leads, or else to `next`.
    pub(super) fn branch_reg(
        &mut self,
        body: &Body<'_>,
        index: usize,
        (branch, src): (Branch, Reg),
        next: Block,
    ) {
        let taken = self.compare_reg(body, branch, src);
        let to = self.block(body, index, branch.target.index());
        self.builder.ins().brif(taken, to, &[], next, &[]);
    }

    /// Goes where a branch on a register and a number leads, or else to `next`.
    pub(super) fn branch_imm(
        &mut self,
        body: &Body<'_>,
        index: usize,
        (branch, imm): (Branch, i32),
        next: Block,
    ) {
        let taken = self.compare_imm(body, branch, imm);
        let to = self.block(body, index, branch.target.index());
        // Few values are that very number.
        if branch.op != JumpOp::Eq || imm <= 0 || branch.target.index() > index {
            self.builder.ins().brif(taken, to, &[], next, &[]);
            return;
        }
        // What must be moved between registers for a way that leads back and is gone seldom is out of the other one's way.
        let edge = self.builder.create_block();
        self.builder.set_cold_block(edge);
        self.builder.ins().brif(taken, edge, &[], next, &[]);
        self.builder.switch_to_block(edge);
        self.builder.ins().jump(to, &[]);
    }

    pub(super) fn may_goto(&mut self, body: &Body<'_>, index: usize, target: Target) {
        let left = self.builder.use_var(body.budget);
        let (to, next) = (
            self.block(body, index, target.index()),
            self.block(body, index, index + 1),
        );
        let on = self.builder.create_block();
        self.builder.ins().brif(left, on, &[], to, &[]);
        self.builder.switch_to_block(on);
        let left = self.builder.ins().iadd_imm_s(left, -1);
        self.builder.def_var(body.budget, left);
        self.builder.ins().jump(next, &[]);
    }

    /// The block that begins at an operation, or where it jumps to: what a loop hands on from a branch of its own is computed
    /// before the branch, once for both ways. Where loops start it goes no further: fuel is burnt there, and jumps that
    /// lead in a circle end there.
    pub(super) fn block(&mut self, body: &Body<'_>, from: usize, index: usize) -> Block {
        let mut index = index;
        while self.unit.counting == Counting::Off
            && !body.function.headers.contains(&index)
            && let Some(Op::Jump { target }) = self.unit.code.ops.get(index)
        {
            index = target.index();
        }
        match body.blocks.get(&index) {
            Some(block) => *block,
            None => self.stop_block(from, Why::PastEnd),
        }
    }

    pub(super) fn call_helper(
        &mut self,
        body: &Body<'_>,
        index: usize,
        helper: &'static helpers::Entry,
    ) {
        if let Some(direct) = Direct::of(self.unit.code, index, helper) {
            return self.call_direct(body, index, direct);
        }
        let count = match self.unit.code.checks {
            Checks::Proven => flow::arg_count(helper, self.unit.code),
            Checks::Needed => 5,
        };
        self.call_body(body, index, count);
    }

    pub(super) fn call_kfunc(&mut self, body: &Body<'_>, index: usize, kfunc: &kfunc::Entry) {
        match direct::is_next_number(self.unit.code, kfunc) {
            true => self.next_number(body),
            false => self.call_body(body, index, kfunc.args()),
        }
    }

    /// Calls the body of a helper or a kernel function, with so many arguments.
    fn call_body(&mut self, body: &Body<'_>, index: usize, count: usize) {
        let index = self.number(index as i64);
        let mut args = vec![index];
        args.extend(RegSet::args(count).iter().map(|reg| self.get(body, reg)));
        if self.unit.flow.calls_back {
            let depth = self.depth(body);
            self.store_state(Field::Frame, depth);
        }
        let r0 = self.call_shim(Shim::Helper(count as u8), &args);
        if self.unit.flow.calls_back {
            self.recount();
        }
        self.go_unless_stopped();
        self.set(body, Reg::R0, r0);
    }

    pub(super) fn call_local(&mut self, body: &Body<'a>, index: usize, entry: EntryId) {
        let Some(callee) = self.unit.flow.function(entry) else {
            return self.call_nothing(index);
        };
        match self.unit.code.checks {
            Checks::Needed => self.call_with_all(body, index, entry),
            Checks::Proven => {
                let r0 = self.invoke(body, callee, |this, reg| this.get(body, reg));
                self.set(body, Reg::R0, r0);
            }
        }
    }

    /// A call of a function that there is not.
    fn call_nothing(&mut self, index: usize) {
        let stop = self.stop_block(index, Why::PastEnd);
        let next = self.builder.create_block();
        self.builder.ins().jump(stop, &[]);
        self.builder.switch_to_block(next);
    }

    /// A call by a program that nobody judged: all registers go and come.
    fn call_with_all(&mut self, body: &Body<'_>, index: usize, entry: EntryId) {
        let inner = self.enter(body, index);
        let callee = self.entry(entry);
        let own = self.own();
        let mut args = vec![self.run, inner];
        args.extend(self.taken());
        let r0 = self.call(callee, &args);
        let r0 = self.take_back(own, inner, r0);
        self.come_back(body, r0);
    }

    pub(super) fn call_reg(&mut self, body: &Body<'_>, index: usize, target: Reg) {
        let value = self.get(body, target);
        let at = self.number(index as i64);
        let inner = self.enter(body, index);
        let r0 = self.call_shim(Shim::CallReg, &[at, inner, value]);
        self.recount();
        self.come_back(body, r0);
    }

    /// Hands the registers over, and gives the depth of the callee.
    fn enter(&mut self, body: &Body<'_>, index: usize) -> Value {
        self.spill(body, Reg::COUNT - 1);
        let inner = self.builder.ins().iadd_imm_u(self.frame, FRAME_STEP as i64);
        let floor = self.load_state(Field::Floor);
        let depth = self.builder.ins().isub(inner, floor);
        let limit = (MAX_FRAMES as u64 * FRAME_STEP) as i64;
        let too_deep = self.builder.ins().icmp_imm_u(IntCC::Equal, depth, limit);
        let stop = self.stop_block(index, Why::CallDepth);
        self.go_unless(too_deep, stop);
        inner
    }

    /// Takes `r1` to `r5` as the callee left them.
    fn come_back(&mut self, body: &Body<'_>, r0: Value) {
        self.go_unless_stopped();
        self.set(body, Reg::R0, r0);
        for reg in RegSet::args(5).iter() {
            let value = self.load_state(Field::Reg(reg));
            self.set(body, reg, value);
        }
        let top = self.frame_top(body);
        self.set(body, Reg::FP, top);
    }

    /// `bpf_loop`, whose function is known.
    pub(super) fn repeat(&mut self, body: &Body<'a>, index: usize, entry: EntryId) {
        let Some(callee) = self.unit.flow.function(entry) else {
            return self.call_nothing(index);
        };
        let (count, data) = (self.get(body, Reg::R1), self.get(body, Reg::R3));
        let count = self.builder.ins().ireduce(I32, count);
        let count = self.builder.ins().uextend(I64, count);
        let limit = i64::from(MAX_LOOPS);
        let too_many = IntCC::UnsignedGreaterThan;
        let too_many = self.builder.ins().icmp_imm_u(too_many, count, limit);
        let (turn, over) = (self.builder.create_block(), self.builder.create_block());
        let done = self.builder.append_block_param(turn, I64);
        let result = self.builder.append_block_param(over, I64);
        let (error, zero) = (self.number(TOO_MANY_TURNS as i64), self.number(0));
        let [error, first] = [error, zero].map(|value| [BlockArg::Value(value)]);
        self.builder
            .ins()
            .brif(too_many, over, &error, turn, &first);
        self.builder.switch_to_block(turn);
        let (called, end) = (self.builder.create_block(), [BlockArg::Value(done)]);
        let is_over = self.builder.ins().icmp(IntCC::Equal, done, count);
        self.builder.ins().brif(is_over, over, &end, called, &[]);
        self.builder.switch_to_block(called);
        if self.unit.counting == Counting::Off {
            self.burn(index);
        }
        let r0 = self.invoke(body, callee, |_, reg| match reg {
            Reg::R1 => done,
            Reg::R2 => data,
            _ => zero,
        });
        let next = self.builder.ins().iadd_imm_s(done, 1);
        let next = [BlockArg::Value(next)];
        self.builder.ins().brif(r0, over, &next, turn, &next);
        self.builder.switch_to_block(over);
        self.set(body, Reg::R0, result);
    }

    /// Calls a function of a judged program, or does here what it does.
    fn invoke(
        &mut self,
        body: &Body<'a>,
        callee: &'a Function,
        given: impl Fn(&mut Self, Reg) -> Value,
    ) -> Value {
        let args: Vec<_> = callee
            .needs
            .iter()
            .map(|reg| (reg, given(self, reg)))
            .collect();
        match self.can_inline(body, callee) {
            true => self.inline(body, callee, &args),
            false => self.call_native(body, callee, &args),
        }
    }

    fn call_native(&mut self, body: &Body<'_>, callee: &Function, given: &[(Reg, Value)]) -> Value {
        let passing = callee.passing;
        let inner = self.depth(body);
        let inner = self.builder.ins().iadd_imm_u(inner, FRAME_STEP as i64);
        let mut args = vec![self.run, inner];
        if passing == Passing::Memory {
            args.extend(self.taken());
        }
        for (reg, value) in given {
            match passing {
                Passing::Native => args.push(*value),
                Passing::Memory => self.store_state(Field::Reg(*reg), *value),
            }
        }
        let entry = self.entry(callee.entry);
        let own = match callee.stops {
            Stops::Might => self.own(),
            Stops::Never => None,
        };
        let r0 = self.call(entry, &args);
        let r0 = self.take_back(own, inner, r0);
        if callee.stops == Stops::Might {
            self.go_unless_stopped();
        }
        r0
    }

    /// Whether a subprogram becomes part of its caller: it is small, and returns to it in any case.
    fn can_inline(&self, body: &Body<'_>, callee: &Function) -> bool {
        let tail_calls =
            |index: &usize| matches!(self.unit.code.ops.get(*index), Some(Op::TailCall));
        callee.passing == Passing::Native
            && callee.ops.len() <= INLINE_OPS
            && self.inlined + callee.ops.len() <= INLINE_BUDGET
            && !body.chain.contains(&callee.entry)
            && body.chain.len() < MAX_FRAMES
            && !callee.ops.iter().any(tail_calls)
    }

    fn inline(&mut self, body: &Body<'a>, callee: &'a Function, args: &[(Reg, Value)]) -> Value {
        self.inlined += callee.ops.len();
        let join = self.builder.create_block();
        let r0 = self.builder.append_block_param(join, I64);
        let inner = self.body(callee, body.level + 1, Leave::Join(join), &body.chain);
        self.activation(&inner, args);
        self.builder.switch_to_block(join);
        r0
    }

    fn entry(&mut self, entry: EntryId) -> cranelift_codegen::ir::FuncRef {
        match self.entries.get(&entry) {
            Some(callee) => *callee,
            None => {
                let callee = self.linker.entry(entry, self.builder.func);
                self.entries.insert(entry, callee);
                callee
            }
        }
    }
}
