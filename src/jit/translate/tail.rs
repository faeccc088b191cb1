//! Tail calls: where they lead, and what the function that is left leaves to the next.
//!
//! Rules:
//! - A jump leads to programs that make tail calls themselves, a call to those that make none: a
//!   chain of jumps is as long as it likes, and a call is its end.
//! - The array that is known is read where it lies. What does not lead to a judged program at the
//!   first look is left to Rust: errors, and programs that nobody judged.
//! - A callee that went on in another program leaves that program's traces in the run, and its
//!   caller takes its own place back.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value};

use crate::code::{Checks, EntryId, MAX_TAIL_CALLS, Op};
use crate::isa::Reg;
use crate::maps::ProgArray;

use super::super::shims::Shim;
use super::super::state::Field;
use super::super::{LANDING_SHIFT, Landing};
use super::{Body, Translator, signature};

/// A program's own place in the run, before a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    native: Value,
    floor: Value,
}

/// Where a tail call may lead.
#[derive(Clone, Copy, Debug)]
struct Ways {
    /// To a program that makes tail calls; takes its address.
    jump: Block,
    /// To one that makes none; takes its address.
    call: Block,
    /// To Rust, which looks everything up.
    ask: Block,
}

impl Translator<'_, '_> {
    pub(super) fn tail_call(&mut self, body: &Body<'_>, index: usize) {
        let ways = Ways {
            jump: self.builder.create_block(),
            call: self.builder.create_block(),
            ask: self.builder.create_block(),
        };
        let failed = self.builder.create_block();
        self.builder.set_cold_block(ways.ask);
        let map = self.unit.code.maps.get(&index);
        match (self.unit.code.checks, map.and_then(|map| map.programs())) {
            (Checks::Proven, Some(programs)) => self.look_up(body, programs, ways),
            (Checks::Proven | Checks::Needed, _) => {
                self.builder.ins().jump(ways.ask, &[]);
            }
        }
        self.ask(body, ways, failed);
        self.go_on(ways);
        self.builder.switch_to_block(failed);
        let error = self.load_state(Field::Reg(Reg::R0));
        self.set(body, Reg::R0, error);
    }

    /// What a call of a function must put back afterwards, if the function can go on elsewhere.
    pub(super) fn own(&mut self) -> Option<Own> {
        let mut ops = self.unit.code.ops.iter();
        let goes_on = ops.any(|op| matches!(op, Op::TailCall));
        goes_on.then(|| Own {
            native: self.load_state(Field::Native),
            floor: self.load_state(Field::Floor),
        })
    }

    /// After a call.
    pub(super) fn take_back(&mut self, own: Option<Own>) {
        if let Some(Own { native, floor }) = own {
            self.store_state(Field::Native, native);
            self.store_state(Field::Floor, floor);
        }
    }

    /// Finds the program in an array that is known.
    fn look_up(&mut self, body: &Body<'_>, programs: &ProgArray, ways: Ways) {
        let index = self.get(body, Reg::R3);
        let index = self.builder.ins().ireduce(I32, index);
        let index = self.builder.ins().uextend(I64, index);
        let count = i64::from(programs.count());
        let outside = IntCC::UnsignedGreaterThanOrEqual;
        let missing = self.builder.ins().icmp_imm_u(outside, index, count);
        self.go_unless(missing, ways.ask);
        let table = self.number(programs.table().0 as i64);
        let off = self.builder.ins().ishl_imm_u(index, 2);
        let place = self.builder.ins().iadd(table, off);
        let flags = self.guest_flags();
        let id = self.builder.ins().uload32(flags, place, 0);
        let count = self.load_state(Field::LandingCount);
        let missing = self.builder.ins().icmp(outside, id, count);
        self.go_unless(missing, ways.ask);
        let landings = self.load_state(Field::Landings);
        let off = self.builder.ins().ishl_imm_u(id, LANDING_SHIFT);
        let landing = self.builder.ins().iadd(landings, off);
        self.land(body, landing, ways);
    }

    /// Goes on where a [`Landing`] says.
    fn land(&mut self, body: &Body<'_>, landing: Value, ways: Ways) {
        let taken = self.load_state(Field::TailCalls);
        let limit = i64::from(MAX_TAIL_CALLS);
        let over = IntCC::UnsignedGreaterThanOrEqual;
        let over = self.builder.ins().icmp_imm_u(over, taken, limit);
        self.go_unless(over, ways.ask);
        let flags = self.state_flags().with_readonly();
        let mut load = |offset: usize| {
            let offset = offset as i32;
            self.builder.ins().load(I64, flags, landing, offset)
        };
        let native = load(std::mem::offset_of!(Landing, native));
        let jump = load(std::mem::offset_of!(Landing, jump));
        let call = load(std::mem::offset_of!(Landing, call));
        let (is_call, to_jump) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(jump, to_jump, &[], is_call, &[]);
        self.builder.switch_to_block(is_call);
        let to_call = self.builder.create_block();
        self.builder.ins().brif(call, to_call, &[], ways.ask, &[]);
        for (block, way, target) in [(to_call, ways.call, call), (to_jump, ways.jump, jump)] {
            self.builder.switch_to_block(block);
            self.hand_over(body, native, taken);
            self.builder.ins().jump(way, &[BlockArg::Value(target)]);
        }
    }

    /// Leaves the run to another program.
    fn hand_over(&mut self, body: &Body<'_>, native: Value, taken: Value) {
        self.store_state(Field::Native, native);
        let taken = self.builder.ins().iadd_imm_s(taken, 1);
        self.store_state(Field::TailCalls, taken);
        let ctx = self.load_state(Field::Ctx);
        self.store_state(Field::Reg(Reg::R1), ctx);
        // A judged program is at the depth where it began as long as it is in its first function.
        if body.function.entry != EntryId::default() {
            self.store_state(Field::Floor, self.frame);
        }
    }

    /// Lets Rust look everything up.
    fn ask(&mut self, body: &Body<'_>, ways: Ways, failed: Block) {
        self.builder.switch_to_block(ways.ask);
        let args = [Reg::R2, Reg::R3].map(|reg| self.get(body, reg));
        let [map, index] = args;
        let found = self.call_shim(Shim::TailCall, &[map, index, self.frame]);
        let chosen = self.builder.create_block();
        self.builder.set_cold_block(chosen);
        self.builder.ins().brif(found, chosen, &[], failed, &[]);
        self.builder.switch_to_block(chosen);
        let jump = self.load_state(Field::NextJump);
        let call = self.load_state(Field::NextCall);
        let (to_jump, to_call) = ([BlockArg::Value(jump)], [BlockArg::Value(call)]);
        self.builder
            .ins()
            .brif(jump, ways.jump, &to_jump, ways.call, &to_call);
    }

    /// Fills the blocks that lead to the other program.
    fn go_on(&mut self, ways: Ways) {
        let args = [self.run, self.frame];
        let target = self.builder.append_block_param(ways.jump, I64);
        self.builder.switch_to_block(ways.jump);
        let jumped = self
            .builder
            .import_signature(signature(self.unit.convention, 1));
        self.builder
            .ins()
            .return_call_indirect(jumped, target, &args);
        let target = self.builder.append_block_param(ways.call, I64);
        self.builder.switch_to_block(ways.call);
        let host = self.unit.host.default_call_conv;
        let called = self.builder.import_signature(signature(host, 1));
        let call = self.builder.ins().call_indirect(called, target, &args);
        let results = self.builder.inst_results(call).to_vec();
        self.builder.ins().return_(&results);
    }
}
