//! Tail calls: where they lead, and what the function that is left leaves to the next.
//!
//! Rules:
//! - A jump leads to programs that make tail calls themselves, a call to those that make none: a
//!   chain of jumps is as long as it likes, and a call is its end.
//! - The array that is known is read where it lies. What does not lead to a judged program at the
//!   first look is left to Rust: errors, and programs that nobody judged.
//! - How many tail calls were taken goes from function to function in a register, so that a jump need not wait for
//!   what the one before has written. The run has it too, for Rust, and for after calls.
//! - A callee that went on in another program leaves that program's traces in the run, and its
//!   caller takes its own place back.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value};

use crate::code::{Checks, EntryId, MAX_TAIL_CALLS};
use crate::isa::{Reg, Width};
use crate::machine::Errno;
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
    /// To Rust, which looks everything up.
    ask: Block,
    /// To the next operation; takes `r0`.
    failed: Block,
}

impl Translator<'_, '_> {
    pub(super) fn tail_call(&mut self, body: &Body<'_>, index: usize) {
        let ways = Ways {
            ask: self.builder.create_block(),
            failed: self.builder.create_block(),
        };
        self.builder.set_cold_block(ways.ask);
        let error = self.builder.append_block_param(ways.failed, I64);
        let map = self.unit.code.maps.get(&index);
        match (self.unit.code.checks, map.and_then(|map| map.programs())) {
            (Checks::Proven, Some(programs)) => self.look_up(body, programs, ways),
            (Checks::Proven | Checks::Needed, _) => {
                self.builder.ins().jump(ways.ask, &[]);
            }
        }
        self.ask(body, ways);
        self.builder.switch_to_block(ways.failed);
        self.set(body, Reg::R0, error);
    }

    /// How many tail calls were taken, if the program makes some.
    pub(super) fn taken(&mut self) -> Option<Value> {
        let makes_some = self.unit.makes_tail_calls();
        makes_some.then(|| self.builder.use_var(self.taken))
    }

    /// Asks the run how many tail calls were taken: what was called may have made some.
    pub(super) fn recount(&mut self) {
        if self.unit.makes_tail_calls() {
            let taken = self.load_state(Field::TailCalls);
            self.builder.def_var(self.taken, taken);
        }
    }

    /// What a call of a function must put back afterwards, if the function can go on elsewhere.
    pub(super) fn own(&mut self) -> Option<Own> {
        let goes_on = self.unit.makes_tail_calls();
        goes_on.then(|| Own {
            native: self.load_state(Field::Native),
            floor: self.load_state(Field::Floor),
        })
    }

    /// After a call: puts it back. Where the other program threw, and ended with the function, gives what came of that
    /// in place of `r0`.
    pub(super) fn take_back(&mut self, own: Option<Own>, inner: Value, r0: Value) -> Value {
        let Some(Own { native, floor }) = own else {
            return r0;
        };
        self.store_state(Field::Native, native);
        self.store_state(Field::Floor, floor);
        self.recount();
        let (stopped, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(stopped);
        let result = self.builder.append_block_param(next, I64);
        let status = self.load_state(Field::Status);
        let given = [BlockArg::Value(r0)];
        self.builder.ins().brif(status, stopped, &[], next, &given);
        self.builder.switch_to_block(stopped);
        let caught = self.call_shim(Shim::Catch, &[inner, r0]);
        self.builder.ins().jump(next, &[BlockArg::Value(caught)]);
        self.builder.switch_to_block(next);
        result
    }

    /// Finds the program in an array that is known.
    fn look_up(&mut self, body: &Body<'_>, programs: &ProgArray, ways: Ways) {
        let index = self.get(body, Reg::R3);
        let index = match programs.index_width() {
            Width::W32 => {
                let low = self.builder.ins().ireduce(I32, index);
                self.builder.ins().uextend(I64, low)
            }
            Width::W64 => index,
        };
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
        let flags = self.state_flags().with_readonly();
        let mut load = |offset: usize| {
            let offset = offset as i32;
            self.builder.ins().load(I64, flags, landing, offset)
        };
        let native = load(std::mem::offset_of!(Landing, native));
        let jump = load(std::mem::offset_of!(Landing, jump));
        let (is_call, to_jump) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(is_call);
        self.builder.ins().brif(jump, to_jump, &[], is_call, &[]);
        self.builder.switch_to_block(to_jump);
        let taken = self.hand_over(body, native, ways);
        self.jump_on([self.run, self.frame, taken], jump);
        self.builder.switch_to_block(is_call);
        let offset = std::mem::offset_of!(Landing, call) as i32;
        let call = self.builder.ins().load(I64, flags, landing, offset);
        let to_call = self.builder.create_block();
        self.builder.set_cold_block(to_call);
        self.builder.ins().brif(call, to_call, &[], ways.ask, &[]);
        self.builder.switch_to_block(to_call);
        self.hand_over(body, native, ways);
        self.call_on([self.run, self.frame], call);
    }

    /// Leaves the run to another program, if this was not one tail call too many, and gives how many there were.
    fn hand_over(&mut self, body: &Body<'_>, native: Value, ways: Ways) -> Value {
        let taken = self.builder.use_var(self.taken);
        let limit = i64::from(MAX_TAIL_CALLS);
        let over = IntCC::UnsignedGreaterThanOrEqual;
        let over = self.builder.ins().icmp_imm_u(over, taken, limit);
        let too_many = self.builder.create_block();
        self.builder.set_cold_block(too_many);
        self.go_unless(over, too_many);
        let next = self.builder.current_block();
        self.builder.switch_to_block(too_many);
        let error = self.number(Errno::E2BIG.as_return() as i64);
        let error = [BlockArg::Value(error)];
        self.builder.ins().jump(ways.failed, &error);
        if let Some(next) = next {
            self.builder.switch_to_block(next);
        }
        self.store_state(Field::Native, native);
        let taken = self.builder.ins().iadd_imm_s(taken, 1);
        self.store_state(Field::TailCalls, taken);
        // A judged program is at the depth where it began as long as it is in its first function.
        if body.function.entry != EntryId::default() {
            self.store_state(Field::Floor, self.frame);
        }
        taken
    }

    /// Lets Rust look everything up. It gives the run back, so that no register must be kept.
    fn ask(&mut self, body: &Body<'_>, ways: Ways) {
        self.builder.switch_to_block(ways.ask);
        let (map, index) = (self.get(body, Reg::R2), self.get(body, Reg::R3));
        let found = self.call_shim(Shim::TailCall, &[map, index, self.frame]);
        let negative = IntCC::SignedLessThan;
        let failed = self.builder.ins().icmp_imm_s(negative, found, 0);
        let chosen = self.builder.create_block();
        self.builder.set_cold_block(chosen);
        let error = [BlockArg::Value(found)];
        self.builder
            .ins()
            .brif(failed, ways.failed, &error, chosen, &[]);
        self.builder.switch_to_block(chosen);
        let own = std::mem::replace(&mut self.run, found);
        let [frame, taken, jump, call] = [
            Field::Floor,
            Field::TailCalls,
            Field::NextJump,
            Field::NextCall,
        ]
        .map(|field| self.load_state(field));
        self.run = own;
        let (to_jump, to_call) = (self.builder.create_block(), self.builder.create_block());
        for block in [to_jump, to_call] {
            self.builder.set_cold_block(block);
        }
        self.builder.ins().brif(jump, to_jump, &[], to_call, &[]);
        self.builder.switch_to_block(to_jump);
        self.jump_on([found, frame, taken], jump);
        self.builder.switch_to_block(to_call);
        self.call_on([found, frame], call);
    }

    /// Goes on in a program that makes tail calls: the run, the depth and how many were taken.
    fn jump_on(&mut self, args: [Value; 3], target: Value) {
        let signature = self.builder.import_signature(self.unit.entered());
        self.builder
            .ins()
            .return_call_indirect(signature, target, &args);
    }

    /// Goes on in one that makes none: the run and the depth.
    fn call_on(&mut self, args: [Value; 2], target: Value) {
        let signature = signature(self.unit.host.default_call_conv, 1);
        let signature = self.builder.import_signature(signature);
        let call = self.builder.ins().call_indirect(signature, target, &args);
        let results = self.builder.inst_results(call).to_vec();
        self.builder.ins().return_(&results);
    }
}
