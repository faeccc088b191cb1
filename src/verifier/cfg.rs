//! The control flow of a program, judged before any path is explored.
//!
//! Finds the functions (targets of local calls and of function references), refuses jumps that
//! leave their function and instructions that nothing reaches, and marks where exploration
//! compares states (`prune points`). It looks at no register.
//!
//! Kernel: `check_subprogs`, `check_cfg` and `visit_insn` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{ArgType, Prototype, by_number};
use crate::isa::{CallTarget, Imm64, Insn, Pc};

use super::fail::{Check, Fail};
use super::kfunc::Kfuncs;
use super::outcome::Errno;
use super::privilege::Rights;
use super::timer::sets_function;

/// The most functions a program may have (`BPF_MAX_SUBPROGS`).
const MAX_SUBPROGS: usize = 256;

/// What is known of a program's control flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// First slot of each function, rising; the first is the program's.
    pub(super) starts: Vec<Pc>,
    /// Per slot: whether states are compared there.
    pub(super) prune: Vec<bool>,
    /// Per slot: whether a state must be stored there.
    pub(super) force: Vec<bool>,
    /// Per slot: whether some jump, call or return leads there, so that the way there must be
    /// remembered.
    pub(super) jumped_to: Vec<bool>,
}

/// Whether a program may jump backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loops {
    /// It may, and is explored until it leaves the loop.
    Allowed,
    /// It may not.
    Refused,
}

impl Loops {
    pub(super) fn of(rights: &Rights) -> Loops {
        match rights.is_capable {
            true => Loops::Allowed,
            false => Loops::Refused,
        }
    }
}

impl Flow {
    /// Judges the control flow of `insns`.
    /// `callback` is where the function starts that runs when the program throws.
    pub(super) fn of(
        insns: &[Insn],
        kfuncs: &Kfuncs,
        callback: Option<Pc>,
        loops: Loops,
    ) -> Check<Flow> {
        if insns.is_empty() {
            return Err(Fail::new(Errno::Invalid, "the program has no instructions"));
        }
        let mut flow = Flow {
            starts: find_starts(insns, callback)?,
            prune: vec![false; insns.len()],
            force: vec![false; insns.len()],
            jumped_to: vec![false; insns.len()],
        };
        flow.check_ranges(insns)?;
        if loops == Loops::Refused {
            check_acyclic(insns)?;
        }
        flow.walk(insns, callback)?;
        let next_calls = (0..).map(Pc).zip(insns);
        for (pc, _) in next_calls.filter(|(_, insn)| kfuncs.is_iter_next(insn)) {
            flow.mark_prune(pc);
            flow.mark_forced(pc);
        }
        for (pc, insn) in (0..).map(Pc).zip(insns) {
            if kfuncs.calls_back(insn) {
                flow.mark_prune(pc);
                flow.mark_forced(pc);
            }
            if kfuncs.sets_function(insn) {
                flow.mark_prune(pc);
            }
        }
        Ok(flow)
    }

    /// The function that starts at the slot.
    pub(super) fn subprog_at(&self, pc: Pc) -> Option<usize> {
        self.starts.binary_search(&pc).ok()
    }

    /// The slot after a function's last.
    pub(super) fn end_of(&self, subprog: usize) -> Pc {
        self.starts
            .get(subprog + 1)
            .copied()
            .unwrap_or(Pc(len_of(&self.prune)))
    }

    /// Refuses jumps out of a function, and functions that run off their end.
    fn check_ranges(&self, insns: &[Insn]) -> Check {
        for (subprog, start) in self.starts.iter().enumerate() {
            let end = self.end_of(subprog);
            for pc in (start.0..end.0).map(Pc) {
                let Some(insn) = insns.get(pc.index()) else {
                    continue;
                };
                if let Some(off) = jump_offset(insn) {
                    let inside = pc.target(off).is_some_and(|to| *start <= to && to < end);
                    if !inside {
                        let to = i64::from(pc.0) + 1 + i64::from(off);
                        return Err(Fail::new(
                            Errno::Invalid,
                            format!("jump out of range from insn {pc} to {to}"),
                        ));
                    }
                }
            }
            let last = end
                .0
                .checked_sub(1)
                .and_then(|last| insns.get(last as usize));
            if !matches!(last, Some(Insn::Exit | Insn::Jump { .. })) {
                return Err(Fail::new(Errno::Invalid, "last insn is not an exit or jmp"));
            }
        }
        Ok(())
    }

    /// Walks every edge, marking what is reached and where states are compared.
    fn walk(&mut self, insns: &[Insn], callback: Option<Pc>) -> Check {
        let mut seen = vec![false; insns.len()];
        let mut todo = vec![Pc(0)];
        todo.extend(callback);
        while let Some(pc) = todo.pop() {
            let Some(insn) = insns.get(pc.index()) else {
                return Err(Fail::new(Errno::Invalid, format!("invalid insn idx {pc}")));
            };
            if std::mem::replace(&mut seen[pc.index()], true) {
                continue;
            }
            todo.extend(self.visit(pc, insn));
        }
        check_seen(insns, &seen)
    }

    /// Marks the prune points that one instruction brings and returns what may run after it.
    fn visit(&mut self, pc: Pc, insn: &Insn) -> Vec<Pc> {
        let mut next = Vec::new();
        match insn {
            Insn::Exit => {}
            Insn::Jump { off, .. } => {
                let target = pc.target(*off);
                target.iter().for_each(|to| self.mark_target(*to));
                next.extend(target);
            }
            Insn::JumpIf { off, .. } => {
                self.mark_prune(pc);
                let target = pc.target(i32::from(*off));
                target.iter().for_each(|to| self.mark_target(*to));
                next.extend(target);
                next.push(pc.next());
            }
            Insn::MayGoto { off } => {
                self.mark_prune(pc);
                self.mark_forced(pc);
                let target = pc.target(i32::from(*off));
                target.iter().for_each(|to| self.mark_target(*to));
                next.extend(target);
                next.push(pc.next());
            }
            Insn::Call(CallTarget::Local(off)) => {
                next.push(pc.next());
                self.enter(pc, *off, &mut next);
            }
            Insn::Call(CallTarget::Helper(number)) => {
                if calls_back(*number) {
                    self.mark_prune(pc);
                    self.mark_forced(pc);
                }
                // The function of a timer is left to be explored for new states alone.
                if sets_function(*number) {
                    self.mark_prune(pc);
                }
                self.mark_target(pc.next());
                next.push(pc.next());
            }
            Insn::Call(CallTarget::Kfunc { .. } | CallTarget::Reg(_)) => {
                self.mark_target(pc.next());
                next.push(pc.next());
            }
            Insn::LoadImm64 {
                value: Imm64::Func(off),
                ..
            } => {
                next.push(pc.next().next());
                self.enter(pc, *off, &mut next);
            }
            Insn::LoadImm64 { .. } => next.push(pc.next().next()),
            Insn::Alu { .. }
            | Insn::Neg { .. }
            | Insn::MovSx { .. }
            | Insn::Endian { .. }
            | Insn::AddrSpaceCast { .. }
            | Insn::Imm64High
            | Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Atomic { .. }
            | Insn::LegacyLoad { .. } => next.push(pc.next()),
        }
        next
    }

    /// A call of, or reference to, a function: states are compared before, after and at its start.
    fn enter(&mut self, pc: Pc, off: i32, next: &mut Vec<Pc>) {
        self.mark_prune(pc);
        next.iter().for_each(|after| self.mark_target(*after));
        let target = pc.target(off);
        target.iter().for_each(|to| self.mark_target(*to));
        next.extend(target);
    }

    /// Something leads here other than the instruction before.
    fn mark_target(&mut self, pc: Pc) {
        self.mark_prune(pc);
        if let Some(mark) = self.jumped_to.get_mut(pc.index()) {
            *mark = true;
        }
    }

    fn mark_prune(&mut self, pc: Pc) {
        if let Some(mark) = self.prune.get_mut(pc.index()) {
            *mark = true;
        }
    }

    fn mark_forced(&mut self, pc: Pc) {
        if let Some(mark) = self.force.get_mut(pc.index()) {
            *mark = true;
        }
    }
}

/// Refuses the first jump, depth first, that leads back to where it came from.
fn check_acyclic(insns: &[Insn]) -> Check {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; insns.len()];
    // Where the walk stands: an instruction, and how many of its ways were taken.
    let mut path = vec![(Pc(0), 0)];
    while let Some((pc, taken)) = path.last_mut() {
        let pc = *pc;
        if let Some(mark) = marks.get_mut(pc.index()) {
            *mark = Mark::Open;
        }
        let ways = insns
            .get(pc.index())
            .map_or([None; 2], |insn| ways(pc, insn));
        let Some(next) = ways.get(*taken).copied().flatten() else {
            if let Some(mark) = marks.get_mut(pc.index()) {
                *mark = Mark::Done;
            }
            path.pop();
            continue;
        };
        *taken += 1;
        match marks.get(next.index()) {
            Some(Mark::New) => path.push((next, 0)),
            Some(Mark::Open) => {
                return Err(Fail::invalid(format!("back-edge from insn {pc} to {next}")));
            }
            Some(Mark::Done) | None => {}
        }
    }
    Ok(())
}

/// Where an instruction of a program without functions leads: first straight on.
fn ways(pc: Pc, insn: &Insn) -> [Option<Pc>; 2] {
    match insn {
        Insn::Exit => [None, None],
        Insn::Jump { off, .. } => [pc.target(*off), None],
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => {
            [Some(pc.next()), pc.target(i32::from(*off))]
        }
        Insn::LoadImm64 { .. } => [Some(pc.next().next()), None],
        Insn::Alu { .. }
        | Insn::Neg { .. }
        | Insn::MovSx { .. }
        | Insn::Endian { .. }
        | Insn::AddrSpaceCast { .. }
        | Insn::Imm64High
        | Insn::Load { .. }
        | Insn::Store { .. }
        | Insn::Atomic { .. }
        | Insn::LegacyLoad { .. }
        | Insn::Call(_) => [Some(pc.next()), None],
    }
}

/// Whether a helper calls a subprogram back before it returns.
pub(super) fn calls_back(number: i32) -> bool {
    let prototype = by_number(number).and_then(|helper| helper.prototype.as_ref());
    let takes = |prototype: &Prototype| {
        let mut args = prototype.args.iter();
        args.any(|arg| matches!(arg, ArgType::Func(_)))
    };
    prototype.is_some_and(takes) && !sets_function(number)
}

/// How far away the function is that an instruction calls or refers to.
pub(super) fn function_offset(insn: &Insn) -> Option<i32> {
    let (Insn::Call(CallTarget::Local(off))
    | Insn::LoadImm64 {
        value: Imm64::Func(off),
        ..
    }) = insn
    else {
        return None;
    };
    Some(*off)
}

/// Refuses what nothing leads to, and ways into the second slot of a 64-bit load.
fn check_seen(insns: &[Insn], seen: &[bool]) -> Check {
    let mut is_second = false;
    for ((index, insn), seen) in insns.iter().enumerate().zip(seen) {
        let message = match (std::mem::take(&mut is_second), seen) {
            (false, true) => {
                is_second = matches!(insn, Insn::LoadImm64 { .. });
                continue;
            }
            (true, false) => continue,
            (true, true) => {
                let first = index.saturating_sub(1);
                format!("jump into the middle of ldimm64 insn {first}")
            }
            (false, false) => format!("unreachable insn {index}"),
        };
        return Err(Fail::new(Errno::Invalid, message));
    }
    Ok(())
}

/// The first slots of all functions.
fn find_starts(insns: &[Insn], callback: Option<Pc>) -> Check<Vec<Pc>> {
    let mut starts = vec![Pc(0)];
    starts.extend(callback);
    for (index, insn) in insns.iter().enumerate() {
        let Some(off) = function_offset(insn) else {
            continue;
        };
        let pc = Pc(u32::try_from(index).unwrap_or(u32::MAX));
        let target = pc.target(off).filter(|to| to.index() < insns.len());
        let Some(target) = target else {
            return Err(Fail::new(Errno::Invalid, "call to invalid destination"));
        };
        starts.push(target);
    }
    starts.sort_unstable();
    starts.dedup();
    if starts.len() > MAX_SUBPROGS {
        return Err(Fail::new(Errno::TooBig, "too many subprograms"));
    }
    Ok(starts)
}

/// How far an instruction may jump within its function.
fn jump_offset(insn: &Insn) -> Option<i32> {
    if let Insn::Jump { off, .. } = insn {
        return Some(*off);
    }
    if let Insn::JumpIf { off, .. } | Insn::MayGoto { off } = insn {
        return Some(i32::from(*off));
    }
    None
}

fn len_of(marks: &[bool]) -> u32 {
    u32::try_from(marks.len()).unwrap_or(u32::MAX)
}
