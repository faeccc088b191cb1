//! From a function of the program to Cranelift's form of it.
//!
//! It decides nothing about what a function is ([`super::flow`]) or which slots are values
//! ([`super::slots`]). The operations stand in the order of the instruction shapes, one call each.
//!
//! Rules:
//! - A native function takes the run, its depth in bytes, and of [`Passing::Native`] its arguments;
//!   of a program that makes tail calls, and not [`Passing::Native`], how many were taken. It returns `r0`.
//! - A [`Body`] is one activation: the function's own, or that of a subprogram compiled into it,
//!   with registers, slots and frame of its own.
//! - Whatever stops the run leads to one block that returns 0; the status of the run says why.

mod alu;
mod arena;
mod calls;
mod direct;
mod loop_ends;
mod memory;
mod tail;

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, BlockArg, FuncRef, Function as Clif,
    InstBuilder, MemFlagsData, Signature, SourceLoc, Value,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};

use crate::code::{Checks, Code, EntryId, Known, MAY_GOTO_BUDGET, Op};
use crate::isa::Reg;
use crate::isa::alu::imm;

use super::Counting;
use super::flow::{self, Burns, Flow, Function, Passing};
use super::shims::{Shim, Why};
use super::slots::Slots;
use super::state::{FRAME_STEP, Field};

/// What a native function may call, by whoever links it.
pub(super) trait Linker {
    /// A shim, for calls from a function.
    fn shim(&mut self, shim: Shim, from: &mut Clif) -> FuncRef;
    /// A function of the program, for calls from a function.
    fn entry(&mut self, entry: EntryId, from: &mut Clif) -> FuncRef;
}

/// A program on its way to native code.
#[derive(Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) code: &'a Code,
    pub(super) flow: &'a Flow,
    pub(super) counting: Counting,
    pub(super) host: TargetFrontendConfig,
    /// That of the program's functions.
    pub(super) convention: CallConv,
}

impl Unit<'_> {
    /// The signature of a function of the program.
    pub(super) fn signature(&self, function: &Function) -> Signature {
        match function.passing {
            Passing::Memory => self.entered(),
            Passing::Native => signature(self.convention, 1 + function.needs.iter().count()),
        }
    }

    /// The signature of functions that Rust gets to.
    pub(super) fn entered(&self) -> Signature {
        signature(self.convention, 1 + usize::from(self.makes_tail_calls()))
    }

    /// Whether the program's functions are of Cranelift's convention for tail calls.
    fn makes_tail_calls(&self) -> bool {
        self.convention != self.host.default_call_conv
    }
}

/// The convention of a program's functions.
pub(super) fn convention(code: &Code, host: TargetFrontendConfig) -> CallConv {
    let makes_tail_calls = code.ops.iter().any(|op| matches!(op, Op::TailCall));
    match makes_tail_calls {
        true => CallConv::Tail,
        false => host.default_call_conv,
    }
}

/// Translates the function by which Rust gets to one of the program's convention.
pub(super) fn enter(unit: Unit<'_>, clif: &mut Clif, context: &mut FunctionBuilderContext) {
    let mut builder = FunctionBuilder::new(clif, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let called = builder.import_signature(unit.entered());
    if let [run, frame, target] = *builder.block_params(entry) {
        let flags = MemFlagsData::trusted();
        let taken = Field::TailCalls.offset();
        let taken = builder.ins().load(I64, flags, run, taken);
        let args = [run, frame, taken];
        let call = builder.ins().call_indirect(called, target, &args);
        let results = builder.inst_results(call).to_vec();
        builder.ins().return_(&results);
    }
    builder.seal_all_blocks();
    builder.finalize(unit.host);
}

/// The signature of a function that takes the run and so many numbers, and gives one.
pub(super) fn signature(convention: CallConv, params: usize) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(I64); 1 + params];
    signature.returns = vec![AbiParam::new(I64)];
    signature
}

/// Translates one function.
pub(super) fn translate(
    unit: Unit<'_>,
    function: &Function,
    clif: &mut Clif,
    context: &mut FunctionBuilderContext,
    linker: &mut dyn Linker,
) {
    let mut builder = FunctionBuilder::new(clif, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let (run, frame, args) = match builder.block_params(entry) {
        [run, frame, args @ ..] => (*run, *frame, args.to_vec()),
        [] | [_] => return,
    };
    let stopped = builder.create_block();
    builder.set_cold_block(stopped);
    let region = |user_id, description: &'static str| AliasRegionData {
        user_id,
        description: description.into(),
    };
    let regions = &mut builder.func.dfg.alias_regions;
    let state = regions.insert(region(0, "run"));
    let guest = regions.insert(region(1, "guest memory"));
    let taken = builder.declare_var(I64);
    let mut translator = Translator {
        unit,
        builder,
        taken,
        linker,
        run,
        frame,
        stopped,
        state,
        guest,
        shims: BTreeMap::new(),
        entries: BTreeMap::new(),
        stops: Vec::new(),
        inlined: 0,
    };
    translator.function(function, &args);
    translator.finish();
}

/// The translation of one function.
struct Translator<'a, 'b> {
    unit: Unit<'a>,
    builder: FunctionBuilder<'b>,
    linker: &'a mut dyn Linker,
    run: Value,
    /// The depth of the function in bytes.
    frame: Value,
    /// How many tail calls were taken, in a program that makes some.
    taken: Variable,
    /// Where the function returns to when the run has stopped.
    stopped: Block,
    state: AliasRegion,
    guest: AliasRegion,
    shims: BTreeMap<Shim, FuncRef>,
    entries: BTreeMap<EntryId, FuncRef>,
    /// Blocks that stop the run, yet to be filled.
    stops: Vec<(Block, usize, Why)>,
    /// Operations of subprograms compiled into this function.
    inlined: usize,
}

/// One activation of a function.
struct Body<'a> {
    function: &'a Function,
    /// How many frames further than that of the native function.
    level: u64,
    regs: [Variable; Reg::COUNT],
    slots: Slots,
    slot_values: Vec<Variable>,
    /// Iterations of `may_goto` that are left.
    budget: Variable,
    blocks: BTreeMap<usize, Block>,
    leave: Leave,
    /// The functions that are being compiled into each other, this one last.
    chain: Vec<EntryId>,
}

/// What the end of an activation leads to.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// A return.
    Return,
    /// A block of the caller, which takes `r0`.
    Join(Block),
}

impl Body<'_> {
    fn var(&self, reg: Reg) -> Option<Variable> {
        self.regs.get(reg.index()).copied()
    }
}

impl<'a> Translator<'a, '_> {
    /// The whole native function.
    fn function(&mut self, function: &'a Function, args: &[Value]) {
        match (function.passing, args) {
            (Passing::Memory, [taken, ..]) => self.builder.def_var(self.taken, *taken),
            (Passing::Memory | Passing::Native, _) => self.recount(),
        }
        let args: Vec<(Reg, Value)> = match function.passing {
            Passing::Native => function.needs.iter().zip(args.iter().copied()).collect(),
            Passing::Memory => {
                let regs = Reg::all().filter(|reg| match self.unit.code.checks {
                    Checks::Needed => *reg != Reg::FP,
                    Checks::Proven => function.needs.has(*reg),
                });
                regs.map(|reg| (reg, self.argument(function, reg)))
                    .collect()
            }
        };
        let body = self.body(function, 0, Leave::Return, &[]);
        self.activation(&body, &args);
    }

    /// A register of a function that Rust calls. What the first function of a judged program is
    /// given is the context: the verifier lets nobody else call it.
    fn argument(&mut self, function: &Function, reg: Reg) -> Value {
        let first = function.entry == EntryId::default();
        match (self.unit.code.checks, reg) {
            (Checks::Proven, Reg::R1) if first => {
                let flags = self.state_flags().with_readonly().with_can_move();
                let ctx = Field::Ctx.offset();
                self.builder.ins().load(I64, flags, self.run, ctx)
            }
            (Checks::Proven | Checks::Needed, reg) => self.load_state(Field::Reg(reg)),
        }
    }

    /// Fills what was left open.
    fn finish(mut self) {
        for (block, index, why) in std::mem::take(&mut self.stops) {
            self.builder.switch_to_block(block);
            let (index, why) = (self.number(index as i64), self.number(why as i64));
            self.call_shim(Shim::Stop, &[index, why]);
            self.builder.ins().jump(self.stopped, &[]);
        }
        self.builder.switch_to_block(self.stopped);
        let zero = self.number(0);
        self.builder.ins().return_(&[zero]);
        self.builder.seal_all_blocks();
        self.builder.finalize(self.unit.host);
    }

    /// An activation of a function, its registers not yet set.
    fn body(
        &mut self,
        function: &'a Function,
        level: u64,
        leave: Leave,
        chain: &[EntryId],
    ) -> Body<'a> {
        let slots = Slots::of(function, self.unit.flow, self.unit.code);
        let mut variable = |_| self.builder.declare_var(I64);
        let slot_values = (0..slots.count).map(&mut variable).collect();
        let regs = std::array::from_fn(&mut variable);
        let budget = variable(0);
        let leaders = function.leaders.iter();
        let blocks = leaders
            .map(|leader| (*leader, self.builder.create_block()))
            .collect();
        Body {
            function,
            level,
            regs,
            slots,
            slot_values,
            budget,
            blocks,
            leave,
            chain: [chain, &[function.entry]].concat(),
        }
    }

    /// Sets up an activation, and translates its operations.
    fn activation(&mut self, body: &Body<'a>, args: &[(Reg, Value)]) {
        let zero = self.number(0);
        for variable in body.regs.iter().chain(&body.slot_values) {
            self.builder.def_var(*variable, zero);
        }
        for (reg, value) in args {
            self.set(body, *reg, *value);
        }
        let budget = self.number(MAY_GOTO_BUDGET as i64);
        self.builder.def_var(body.budget, budget);
        let top = self.frame_top(body);
        self.set(body, Reg::FP, top);
        for word in &body.slots.cleared {
            let flags = self.guest_flags();
            self.builder.ins().store(flags, zero, top, *word);
        }
        let entry = self.unit.code.entries.get(body.function.entry.index());
        let start = entry.map_or(0, |entry| entry.start.index());
        if self.burns(body) == Burns::Calls {
            self.burn(start);
        }
        match body.blocks.get(&start) {
            Some(block) => self.builder.ins().jump(*block, &[]),
            None => self.builder.ins().jump(self.stopped, &[]),
        };
        self.operations(body);
    }

    /// The operations of an activation.
    fn operations(&mut self, body: &Body<'a>) {
        let code = self.unit.code;
        let mut open = false;
        let mut counted_to = 0;
        for &index in &body.function.ops {
            if let Some(block) = body.blocks.get(&index) {
                if open {
                    self.fall_into(body, index, *block);
                }
                self.builder.switch_to_block(*block);
                counted_to = index;
                if body.function.headers.contains(&index) && self.burns(body) != Burns::Nothing {
                    self.burn(index);
                }
            }
            self.builder.set_srcloc(SourceLoc::new(index as u32));
            let Some(op) = code.ops.get(index) else {
                let past = self.stop_block(index.saturating_sub(1), Why::PastEnd);
                self.builder.ins().jump(past, &[]);
                open = false;
                continue;
            };
            if self.unit.counting == Counting::On && index >= counted_to {
                counted_to = self.count(body, index);
            }
            self.operation(body, index, op);
            open = op.falls_through() && flow::target(op).is_none();
        }
    }

    /// The one exhaustive match.
    fn operation(&mut self, body: &Body<'a>, index: usize, op: &Op) {
        match *op {
            Op::Alu64Reg { op, dst, src } => self.alu64_reg(body, index, op, (dst, src)),
            Op::Alu64Imm { op, dst, imm } => self.alu64_imm(body, op, dst, imm),
            Op::Alu32Reg { op, dst, src } => self.alu32_reg(body, index, op, (dst, src)),
            Op::Alu32Imm { op, dst, imm } => self.alu32_imm(body, op, dst, imm),
            Op::Neg { width, dst } => self.neg(body, width, dst),
            Op::MovSx {
                width,
                from,
                dst,
                src,
            } => self.movsx(body, width, from, (dst, src)),
            Op::Endian { order, size, dst } => self.endian(body, order, size, dst),
            Op::Cast { dst, src, base } => self.cast(body, dst, src, base),
            Op::LoadImm { dst, value } => {
                let value = self.number(value as i64);
                self.set(body, dst, value);
            }
            Op::Load(load) => self.load(body, index, load),
            Op::LoadProbed(load) => self.load_probed(body, load),
            Op::LoadContext(load) => self.load_context(body, index, load),
            Op::LoadArena(load) => self.load_arena(body, index, load),
            Op::StoreReg { at, src } => {
                let value = self.get(body, src);
                self.store(body, index, at, value);
            }
            Op::StoreImm { at, imm: value } => {
                let value = self.number(imm(value) as i64);
                self.store(body, index, at, value);
            }
            Op::StoreArenaReg { at, src } => {
                let value = self.get(body, src);
                self.store_arena(body, index, at, value);
            }
            Op::StoreArenaImm { at, imm: value } => {
                let value = self.number(imm(value) as i64);
                self.store_arena(body, index, at, value);
            }
            Op::Atomic(atomic) => self.atomic(body, index, atomic),
            Op::AtomicArena(atomic) => self.atomic_arena(body, index, atomic),
            Op::LegacyLoad { mode, .. } => self.legacy_load(body, index, mode),
            Op::Jump { target } => self.jump(body, index, target),
            Op::JumpIfReg { branch, src } => {
                let next = self.block(body, index, index + 1);
                self.branch_reg(body, index, (branch, src), next);
            }
            Op::JumpIfImm { branch, imm } => {
                let next = self.block(body, index, index + 1);
                self.branch_imm(body, index, (branch, imm), next);
            }
            Op::MayGoto { target } => self.may_goto(body, index, target),
            Op::CallHelper { helper } => self.call_helper(body, index, helper),
            Op::CallKfunc { kfunc, .. } => self.call_kfunc(body, index, kfunc),
            Op::LookupArray { array } => self.lookup_array(body, index, array),
            Op::Tell { what } => {
                let value = match what {
                    Known::Cpu => self.load_state(Field::Cpu),
                    Known::PidTgid => self.load_state(Field::PidTgid),
                    Known::Now => self.call_shim(Shim::Now, &[]),
                    Known::Jiffies => self.call_shim(Shim::Jiffies, &[]),
                };
                self.set(body, Reg::R0, value);
            }
            Op::Loop { entry } => self.repeat(body, index, entry),
            Op::TailCall => self.tail_call(body, index),
            Op::CallLocal { entry } => self.call_local(body, index, entry),
            Op::CallReg { target } => self.call_reg(body, index, target),
            Op::Exit => {
                let r0 = self.get(body, Reg::R0);
                self.leave(body, r0);
            }
            Op::Unreached => {
                let stop = self.stop_block(index, Why::Unreached);
                self.builder.ins().jump(stop, &[]);
            }
        }
    }

    /// Ends an activation.
    fn leave(&mut self, body: &Body<'_>, r0: Value) {
        match body.leave {
            Leave::Return => {
                if self.unit.code.checks == Checks::Needed {
                    self.set(body, Reg::R0, r0);
                    self.spill(body, 6);
                }
                self.builder.ins().return_(&[r0]);
            }
            Leave::Join(block) => {
                self.builder.ins().jump(block, &[BlockArg::Value(r0)]);
            }
        }
    }

    /// Counts the operations from `index` to the next that can be seen from outside or can stop the
    /// run, and gives the index of the one after it: those before have no effect if fuel ends there.
    fn count(&mut self, body: &Body<'_>, index: usize) -> usize {
        let ops = self.unit.code.ops.iter().enumerate().skip(index);
        let begins = |at: usize| at > index && body.blocks.contains_key(&at);
        let mut end = index;
        for (at, op) in ops {
            if begins(at) {
                break;
            }
            end = at + 1;
            if !is_quiet(op) {
                break;
            }
        }
        let fuel = self.load_state(Field::Fuel);
        let count = self.number((end - index) as i64);
        let short = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedLessThan, fuel, count);
        let stop = self.stop_block(index, Why::OutOfFuelAfter);
        self.go_unless(short, stop);
        let left = self.builder.ins().isub(fuel, count);
        self.store_state(Field::Fuel, left);
        end
    }

    /// Burns a unit of fuel.
    fn burn(&mut self, index: usize) {
        let fuel = self.load_state(Field::Fuel);
        let stop = self.stop_block(index, Why::OutOfFuel);
        let empty = self.builder.ins().icmp_imm_u(IntCC::Equal, fuel, 0);
        self.go_unless(empty, stop);
        let left = self.builder.ins().iadd_imm_s(fuel, -1);
        self.store_state(Field::Fuel, left);
    }

    fn burns(&self, body: &Body<'_>) -> Burns {
        match self.unit.counting {
            Counting::On => Burns::Nothing,
            Counting::Off => self.unit.flow.burns(body.function),
        }
    }

    /// Goes on in a new block unless a condition leads elsewhere. It is as seldom gone through as the one before.
    fn go_unless(&mut self, condition: Value, elsewhere: Block) {
        let next = self.builder.create_block();
        let block = self.builder.current_block();
        if block.is_some_and(|block| self.builder.func.layout.is_cold(block)) {
            self.builder.set_cold_block(next);
        }
        self.builder
            .ins()
            .brif(condition, elsewhere, &[], next, &[]);
        self.builder.switch_to_block(next);
    }

    /// A block that stops the run.
    fn stop_block(&mut self, index: usize, why: Why) -> Block {
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        self.stops.push((block, index, why));
        block
    }

    /// Returns if what was called has stopped the run.
    fn go_unless_stopped(&mut self) {
        let status = self.load_state(Field::Status);
        self.go_unless(status, self.stopped);
    }

    fn number(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(I64, value)
    }

    fn get(&mut self, body: &Body<'_>, reg: Reg) -> Value {
        match body.var(reg) {
            Some(variable) => self.builder.use_var(variable),
            None => self.number(0),
        }
    }

    fn set(&mut self, body: &Body<'_>, reg: Reg, value: Value) {
        if let Some(variable) = body.var(reg) {
            self.builder.def_var(variable, value);
        }
    }

    /// The depth of an activation, in bytes.
    fn depth(&mut self, body: &Body<'_>) -> Value {
        match body.level {
            0 => self.frame,
            level => self
                .builder
                .ins()
                .iadd_imm_u(self.frame, (level * FRAME_STEP) as i64),
        }
    }

    /// The end of an activation's frame.
    fn frame_top(&mut self, body: &Body<'_>) -> Value {
        let flags = self.state_flags().with_readonly().with_can_move();
        let tops = Field::Tops.offset();
        let tops = self.builder.ins().load(I64, flags, self.run, tops);
        let place = self.builder.ins().iadd(tops, self.frame);
        let offset = (body.level * FRAME_STEP) as i32;
        self.builder.ins().load(I64, flags, place, offset)
    }

    fn state_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.state))
    }

    fn guest_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(self.guest))
    }

    fn load_state(&mut self, field: Field) -> Value {
        let flags = self.state_flags();
        self.builder
            .ins()
            .load(I64, flags, self.run, field.offset())
    }

    fn store_state(&mut self, field: Field, value: Value) {
        let flags = self.state_flags();
        self.builder
            .ins()
            .store(flags, value, self.run, field.offset());
    }

    /// Puts `r0` and those after it, so many, into the registers of the run.
    fn spill(&mut self, body: &Body<'_>, count: usize) {
        for reg in Reg::all().take(count) {
            let value = self.get(body, reg);
            self.store_state(Field::Reg(reg), value);
        }
    }

    /// Calls a shim, and gives what it returns.
    fn call_shim(&mut self, shim: Shim, args: &[Value]) -> Value {
        let callee = match self.shims.get(&shim) {
            Some(callee) => *callee,
            None => {
                let callee = self.linker.shim(shim, self.builder.func);
                self.shims.insert(shim, callee);
                callee
            }
        };
        self.call(callee, &[&[self.run], args].concat())
    }

    fn call(&mut self, callee: FuncRef, args: &[Value]) -> Value {
        let call = self.builder.ins().call(callee, args);
        match self.builder.inst_results(call) {
            [result, ..] => *result,
            [] => self.number(0),
        }
    }
}

/// Whether nobody sees if an operation was run or not, and it cannot stop the run.
pub(super) fn is_quiet(op: &Op) -> bool {
    matches!(
        op,
        Op::Alu64Reg { .. }
            | Op::Alu64Imm { .. }
            | Op::Alu32Reg { .. }
            | Op::Alu32Imm { .. }
            | Op::Neg { .. }
            | Op::MovSx { .. }
            | Op::Endian { .. }
            | Op::Cast { .. }
            | Op::LoadImm { .. }
    ) || matches!(op, Op::Tell { what } if what.stays())
}
