//! What a function of the program is made of: the operations that its start leads to, where blocks
//! begin, and what it needs of whoever calls it.
//!
//! It translates nothing. Functions of judged programs are disjoint and contiguous; a program nobody
//! judged may jump from one into another, and then both have the operations in common.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi;
use crate::code::{Checks, Code, EntryId, Op};
use crate::helpers;
use crate::isa::{AluOp, AtomicOp, Fetch, JumpOp, LegacyMode, Reg, Width};

use super::JitError;

/// Most operations that the functions of a program may reach together.
const MAX_OPS: usize = 1 << 20;

/// Numbers of helpers that take more than their prototype says: `bpf_trace_printk` whatever its format asks for in `r3` to
/// `r5`, and `bpf_get_branch_snapshot` flags in `r3`, which the kernel's prototype lacks.
const MORE_ARGS: [u32; 2] = [6, 176];

/// How many operations before a division are asked whether they test the divisor.
const TESTED_BEFORE: usize = 16;

/// A set of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegSet(u16);

impl RegSet {
    /// These.
    pub(super) fn of(regs: impl IntoIterator<Item = Reg>) -> RegSet {
        RegSet(regs.into_iter().fold(0, |set, reg| set | 1 << reg.index()))
    }

    /// `r1` to the one of that number.
    pub(super) fn args(count: usize) -> RegSet {
        RegSet::of(Reg::all().skip(1).take(count))
    }

    /// Whether it has a register.
    pub(super) fn has(self, reg: Reg) -> bool {
        self.0 & (1 << reg.index()) != 0
    }

    /// Its members in order.
    pub(super) fn iter(self) -> impl Iterator<Item = Reg> {
        Reg::all().filter(move |reg| self.has(*reg))
    }

    fn with(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }

    fn without(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }
}

/// How a function gets its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// In the registers of the run, where Rust puts them too.
    Memory,
    /// As native arguments.
    Native,
}

/// Whether a function may end without a result: by a trap or a tail call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stops {
    /// It always returns.
    Never,
    /// It may.
    Might,
}

/// Where a function burns fuel when instructions are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Burns {
    /// Nowhere: the verifier has walked it to its end.
    Nothing,
    /// At the back-edges of its loops.
    Loops,
    /// There, and when it is called.
    Calls,
}

/// One function.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) entry: EntryId,
    /// Indices of its operations, rising.
    pub(super) ops: Vec<usize>,
    /// Those among them at which a block begins; the start is one.
    pub(super) leaders: BTreeSet<usize>,
    pub(super) passing: Passing,
    /// The arguments it reads.
    pub(super) needs: RegSet,
    pub(super) stops: Stops,
    /// Whether a jump leads back: it has a loop.
    pub(super) loops: bool,
    /// Where jumps lead to.
    targets: BTreeSet<usize>,
    /// Where jumps lead back to.
    pub(super) headers: BTreeSet<usize>,
}

/// The functions of a program.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) functions: Vec<Function>,
    /// Whether something in it can run for longer than the verifier has walked.
    pub(super) unbounded: bool,
    /// Whether helpers may call its functions back.
    pub(super) calls_back: bool,
}

impl Flow {
    /// Finds the functions of a program.
    pub(super) fn of(code: &Code) -> Result<Flow, JitError> {
        let handles = handles(code);
        let mut total = 0;
        let mut functions = Vec::with_capacity(code.entries.len());
        for index in 0..code.entries.len() {
            let id = EntryId(u32::try_from(index).unwrap_or(u32::MAX));
            let function = function(code, id, &handles);
            total += function.ops.len();
            if total > MAX_OPS {
                return Err(JitError::TooLarge {
                    program: code.name.to_string(),
                    ops: total,
                    limit: MAX_OPS,
                });
            }
            functions.push(function);
        }
        let unbounded = code.checks == Checks::Needed
            || !handles.is_empty()
            || functions.len() > 1
            || code.ops.iter().any(outlasts_judging);
        let mut flow = Flow {
            functions,
            unbounded,
            calls_back: code.checks == Checks::Needed || !handles.is_empty(),
        };
        flow.settle(code);
        Ok(flow)
    }

    /// The function of an entry.
    pub(super) fn function(&self, id: EntryId) -> Option<&Function> {
        self.functions.get(id.index())
    }

    /// Where a function burns fuel when instructions are not counted.
    pub(super) fn burns(&self, function: &Function) -> Burns {
        let called_back = function.passing == Passing::Memory;
        match (self.unbounded, function.loops) {
            (true, _) if called_back && function.entry != EntryId::default() => Burns::Calls,
            (true, true) => Burns::Loops,
            (true, false) | (false, _) => Burns::Nothing,
        }
    }

    /// Whether a register is not zero where an operation divides by it: a branch that was not taken has found that, and
    /// nothing else leads from there to the division. What the verifier knows would not do, since it holds of the ways
    /// that the verifier walked to the end, and not of those that it left out for being like them.
    pub(super) fn is_nonzero(
        &self,
        function: &Function,
        code: &Code,
        index: usize,
        (reg, width): (Reg, Width),
    ) -> bool {
        let start = code.entries.get(function.entry.index());
        for at in (index.saturating_sub(TESTED_BEFORE)..index).rev() {
            let comes_elsewhere = function.targets.contains(&(at + 1))
                || start.is_none_or(|entry| entry.start.index() == at + 1);
            let Some(op) = code.ops.get(at).filter(|_| !comes_elsewhere) else {
                return false;
            };
            if let Op::JumpIfImm { branch, imm: 0 } = op
                && (branch.op, branch.dst) == (JumpOp::Eq, reg)
            {
                return branch.width == Width::W32 || width == Width::W64;
            }
            if !goes_on(op) || self.effect(op, code).1.has(reg) {
                return false;
            }
        }
        false
    }

    /// Works out what depends on called functions, until nothing changes.
    fn settle(&mut self, code: &Code) {
        loop {
            let mut changed = false;
            for index in (0..self.functions.len()).rev() {
                let Some(function) = self.functions.get(index) else {
                    continue;
                };
                let stops = self.stops(function, code);
                let needs = match code.checks {
                    Checks::Proven => self.needs(function, code),
                    Checks::Needed => function.needs,
                };
                if let Some(function) = self.functions.get_mut(index) {
                    changed |= (function.stops, function.needs) != (stops, needs);
                    (function.stops, function.needs) = (stops, needs);
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn stops(&self, function: &Function, code: &Code) -> Stops {
        let stops = |op: &Op| match op {
            Op::CallLocal { entry } => self
                .function(*entry)
                .is_none_or(|callee| callee.stops == Stops::Might),
            op => op_stops(op),
        };
        let mut ops = function.ops.iter().filter_map(|index| code.ops.get(*index));
        let burns = self.burns(function);
        match burns != Burns::Nothing || code.checks == Checks::Needed || ops.any(stops) {
            true => Stops::Might,
            false => Stops::Never,
        }
    }

    /// The arguments that are read before they are written.
    fn needs(&self, function: &Function, code: &Code) -> RegSet {
        let mut live: BTreeMap<usize, RegSet> = BTreeMap::new();
        loop {
            let mut changed = false;
            let mut after = RegSet::default();
            for index in function.ops.iter().rev() {
                let Some(op) = code.ops.get(*index) else {
                    continue;
                };
                let mut out = if op.falls_through() {
                    after
                } else {
                    RegSet::default()
                };
                if let Some(target) = target(op) {
                    out = out.with(live.get(&target).copied().unwrap_or_default());
                }
                let (reads, writes) = self.effect(op, code);
                after = out.without(writes).with(reads);
                if function.leaders.contains(index) {
                    changed |= live.insert(*index, after) != Some(after);
                }
            }
            if !changed {
                break;
            }
        }
        let start = code.entries.get(function.entry.index());
        let at_start = start.and_then(|entry| live.get(&entry.start.index()));
        let args = RegSet::args(5);
        RegSet::of(
            args.iter()
                .filter(|reg| at_start.is_some_and(|set| set.has(*reg))),
        )
    }

    /// What an operation reads and writes.
    fn effect(&self, op: &Op, code: &Code) -> (RegSet, RegSet) {
        let set = |regs: &[Reg]| RegSet::of(regs.iter().copied());
        match *op {
            Op::Alu64Reg { op, dst, src } | Op::Alu32Reg { op, dst, src } => {
                let reads = if op == AluOp::Mov {
                    set(&[src])
                } else {
                    set(&[dst, src])
                };
                (reads, set(&[dst]))
            }
            Op::Alu64Imm { op, dst, .. } | Op::Alu32Imm { op, dst, .. } => {
                let reads = if op == AluOp::Mov {
                    set(&[])
                } else {
                    set(&[dst])
                };
                (reads, set(&[dst]))
            }
            Op::Neg { dst, .. } | Op::Endian { dst, .. } => (set(&[dst]), set(&[dst])),
            Op::MovSx { dst, src, .. } | Op::Cast { dst, src, .. } => (set(&[src]), set(&[dst])),
            Op::LoadImm { dst, .. } => (set(&[]), set(&[dst])),
            Op::Load(load) | Op::LoadProbed(load) | Op::LoadContext(load) | Op::LoadArena(load) => {
                (set(&[load.at.base]), set(&[load.dst]))
            }
            Op::StoreReg { at, src } | Op::StoreArenaReg { at, src } => {
                (set(&[at.base, src]), set(&[]))
            }
            Op::StoreImm { at, .. } | Op::StoreArenaImm { at, .. } => (set(&[at.base]), set(&[])),
            Op::Atomic(atomic) | Op::AtomicArena(atomic) => {
                let reads = set(&[atomic.at.base, atomic.src]);
                match atomic.op {
                    AtomicOp::Cmpxchg => (reads.with(set(&[Reg::R0])), set(&[Reg::R0])),
                    AtomicOp::Xchg => (reads, set(&[atomic.src])),
                    AtomicOp::Add(fetch)
                    | AtomicOp::Or(fetch)
                    | AtomicOp::And(fetch)
                    | AtomicOp::Xor(fetch) => match fetch {
                        Fetch::Yes => (reads, set(&[atomic.src])),
                        Fetch::No => (reads, set(&[])),
                    },
                }
            }
            Op::LegacyLoad { mode, .. } => match mode {
                LegacyMode::Abs => (set(&[]), set(&[Reg::R0])),
                LegacyMode::Ind(reg) => (set(&[reg]), set(&[Reg::R0])),
            },
            Op::Jump { .. } | Op::MayGoto { .. } | Op::Unreached => (set(&[]), set(&[])),
            Op::JumpIfReg { branch, src } => (set(&[branch.dst, src]), set(&[])),
            Op::JumpIfImm { branch, .. } => (set(&[branch.dst]), set(&[])),
            Op::CallHelper { helper } => (RegSet::args(arg_count(helper, code)), set(&[Reg::R0])),
            Op::CallKfunc { kfunc, .. } => (RegSet::args(kfunc.args()), set(&[Reg::R0])),
            Op::LookupArray { .. } => (set(&[Reg::R2]), set(&[Reg::R0])),
            Op::Tell { .. } => (set(&[]), set(&[Reg::R0])),
            Op::Loop { .. } => (set(&[Reg::R1, Reg::R3]), set(&[Reg::R0])),
            Op::TailCall => (RegSet::args(3), set(&[Reg::R0])),
            Op::CallLocal { entry } => {
                let needs = self.function(entry).map(|callee| callee.needs);
                (needs.unwrap_or(RegSet::args(5)), set(&[Reg::R0]))
            }
            Op::CallReg { target } => (RegSet::args(5).with(set(&[target])), set(&[Reg::R0])),
            Op::Exit => (set(&[Reg::R0]), set(&[])),
        }
    }
}

/// How many arguments a helper takes in a program.
pub(super) fn arg_count(helper: &helpers::Entry, code: &Code) -> usize {
    let row = i32::try_from(helper.number())
        .ok()
        .and_then(abi::helpers::by_number);
    let prototype = row.and_then(|row| row.prototype_for(code.prog_type, None));
    let prototype = prototype.filter(|_| !MORE_ARGS.contains(&helper.number()));
    prototype.map_or(5, |prototype| {
        let is_arg = |arg: &abi::helpers::ArgType| *arg != abi::helpers::ArgType::None;
        prototype.args.iter().filter(|arg| is_arg(arg)).count()
    })
}

/// Whether an operation, if it does not jump, does nothing but what [`Flow::effect`] says of it.
fn goes_on(op: &Op) -> bool {
    matches!(
        op,
        Op::JumpIfImm { .. }
            | Op::JumpIfReg { .. }
            | Op::Alu64Reg { .. }
            | Op::Alu64Imm { .. }
            | Op::Alu32Reg { .. }
            | Op::Alu32Imm { .. }
            | Op::MovSx { .. }
            | Op::LoadImm { .. }
            | Op::Load(_)
            | Op::StoreReg { .. }
            | Op::StoreImm { .. }
    )
}

/// Where a jump leads.
pub(super) fn target(op: &Op) -> Option<usize> {
    if let Op::Jump { target } | Op::MayGoto { target } = op {
        Some(target.index())
    } else if let Op::JumpIfReg { branch, .. } | Op::JumpIfImm { branch, .. } = op {
        Some(branch.target.index())
    } else {
        None
    }
}

/// The entries that helpers may call: of a program nobody judged, those whose handle it takes.
fn handles(code: &Code) -> BTreeSet<EntryId> {
    if code.checks == Checks::Proven {
        return code.called_back.iter().copied().collect();
    }
    let handle = |op: &Op| match op {
        Op::LoadImm { value, .. } => code.entry_of(*value),
        _ => None,
    };
    code.ops.iter().filter_map(handle).collect()
}

/// Whether a loop around an operation may take longer than the verifier has walked: one that it advances an iterator
/// in, or whose turns are counted.
fn outlasts_judging(op: &Op) -> bool {
    matches!(op, Op::MayGoto { .. } | Op::CallKfunc { .. })
}

/// Whether an operation, but for calls of subprograms, may end the function without a result.
fn op_stops(op: &Op) -> bool {
    matches!(
        op,
        Op::CallHelper { .. }
            | Op::CallKfunc { .. }
            | Op::Loop { .. }
            | Op::TailCall
            | Op::CallLocal { .. }
            | Op::CallReg { .. }
            | Op::LegacyLoad { .. }
            | Op::Unreached
    )
}

fn function(code: &Code, entry: EntryId, handles: &BTreeSet<EntryId>) -> Function {
    let start = code
        .entries
        .get(entry.index())
        .map_or(0, |entry| entry.start.index());
    let mut reached = BTreeSet::new();
    let mut leaders = BTreeSet::from([start]);
    let mut open = vec![start];
    let (mut targets, mut headers) = (BTreeSet::new(), BTreeSet::new());
    while let Some(mut index) = open.pop() {
        // One past the last operation is a place too: where the run ends with a trap.
        while index <= code.ops.len() && reached.insert(index) {
            let Some(op) = code.ops.get(index) else {
                break;
            };
            if let Some(target) = target(op) {
                if target <= index {
                    headers.insert(target);
                }
                leaders.insert(target);
                targets.insert(target);
                open.push(target);
            }
            if ends_block(op) {
                leaders.insert(index + 1);
            }
            if !op.falls_through() {
                break;
            }
            index += 1;
        }
    }
    leaders.retain(|leader| reached.contains(leader));
    let rust_calls =
        entry == EntryId::default() || handles.contains(&entry) || code.exception == Some(entry);
    let passing = match code.checks == Checks::Needed || rust_calls {
        true => Passing::Memory,
        false => Passing::Native,
    };
    Function {
        entry,
        ops: reached.into_iter().collect(),
        leaders,
        passing,
        needs: RegSet::args(5),
        stops: Stops::Never,
        loops: !headers.is_empty(),
        targets,
        headers,
    }
}

/// Whether a block ends with an operation.
fn ends_block(op: &Op) -> bool {
    target(op).is_some() || !op.falls_through()
}
