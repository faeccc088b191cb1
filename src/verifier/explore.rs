//! The exploration: one path after the other, depth first, each state compared with earlier ones.
//!
//! What an instruction does to a state is in the modules that [`Verifier::step`] calls, one arm a
//! shape. Earlier states are found in [`super::visited`]; what makes two states equal is in
//! [`super::prune`], what makes a number matter in [`super::precision`].
//!
//! Kernel: `do_check`, `push_stack` and `pop_stack` in kernel/bpf/verifier.c, 6.12.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi::context::Context;
use crate::btf::Btf;
use crate::isa::{CallTarget, DecodeError, Insn, Pc, Reg};
use crate::object::{KernelCall, Program};

use super::callback::Callbacks;
use super::cfg::Flow;
use super::fail::{Check, Fail};
use super::kfunc::Kfuncs;
use super::log::Log;
use super::outcome::{AccessKind, Env, Errno, Fact, FunctionFact, Stats};
use super::privilege::Rights;
use super::recording::Recording;
use super::scalar::Scalar;
use super::special::KnownFields;
use super::speculation::Mask;
use super::state::{MapRef, Register, State, StateId, Step};
use super::visited::Compared;

/// The most branches that may wait to be explored (`BPF_COMPLEXITY_LIMIT_JMP_SEQ`).
const MAX_PENDING: usize = 8192;

/// A checkpoint: the state before an instruction, kept to compare later ones with.
#[derive(Debug)]
pub(super) struct Stored {
    /// The state.
    pub(super) state: State,
    /// The instruction it stands before.
    pub(super) pc: Pc,
    /// How many paths that continue it are still to be explored.
    pub(super) branches: u32,
    /// How often later states were equal to it.
    pub(super) hits: u32,
    /// How often they were not.
    pub(super) misses: u32,
    /// Whether later states are still compared with it.
    pub(super) compared: bool,
}

/// A branch to be explored later.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) state: State,
    pub(super) pc: Pc,
    pub(super) from: Pc,
    /// How long the log was, for a log that holds the failing path only.
    log_mark: usize,
}

/// Where a path goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flowing {
    /// To the next instruction of the path.
    To(Pc),
    /// Nowhere: it has ended.
    Ended,
}

/// The verifier at work on one program.
pub(super) struct Verifier<'a> {
    pub(super) program: &'a Program,
    pub(super) env: &'a Env,
    pub(super) insns: &'a [Insn],
    pub(super) flow: &'a Flow,
    pub(super) context: Context,
    pub(super) names: Vec<String>,
    /// Instructions that are none, by rising pc.
    pub(super) broken: Vec<(Pc, DecodeError)>,
    /// The state of the path that is being explored.
    pub(super) cur: State,
    /// The instruction it is at.
    pub(super) pc: Pc,
    /// The first instruction of the function that is explored.
    pub(super) start: Pc,
    pub(super) stored: Vec<Stored>,
    pub(super) explored: Vec<Vec<StateId>>,
    pending: Vec<Pending>,
    pub(super) facts: Vec<Fact>,
    pub(super) stats: Stats,
    pub(super) log: Log,
    /// When that was.
    pub(super) began: std::time::Instant,
    /// Per function: whether it, or one that it calls, may change the packet.
    pub(super) changes_packet: Vec<bool>,
    /// Global functions that some path calls, and that are judged alone.
    pub(super) called_globals: Vec<usize>,
    /// Deepest stack use of each function, in bytes.
    pub(super) stack_depths: Vec<i32>,
    /// The kernel functions that the program calls.
    pub(super) kfuncs: &'a Kfuncs,
    /// The calls of kernel functions that some path makes.
    pub(super) kernel_calls: BTreeMap<Pc, KernelCall>,
    /// The function that runs when the program throws.
    pub(super) exception_callback: Option<usize>,
    /// What the program may do.
    pub(super) rights: Rights,
    /// How additions to pointers are masked, for those that must not speculate.
    pub(super) masks: BTreeMap<Pc, Mask>,
    /// Whether numbers matter exactly as they are, since a mask hangs on them.
    pub(super) explores_limits: bool,
    /// The maps of tail calls.
    pub(super) tail_call_maps: BTreeMap<Pc, MapRef>,
    /// Whether one of them has another map on another path.
    pub(super) mixed_tail_call: bool,
    /// Functions that are called back.
    pub(super) callbacks: Callbacks,
    /// The program's arena.
    pub(super) arena: Option<MapRef>,
    /// The special fields of values and of objects.
    pub(super) known: KnownFields,
    /// Functions whose arguments are not what their prototypes say.
    pub(super) unreliable: BTreeSet<usize>,
    /// Of a function of another program that is traced.
    pub(super) traced_fact: FunctionFact,
    /// What is held before each instruction, where that is wanted.
    pub(super) recording: Option<Recording>,
    last_id: u32,
    last_activation: u32,
    pub(super) kept_states: u64,
    pub(super) jumps_processed: u64,
    pub(super) jumps_at_checkpoint: u64,
    pub(super) insns_at_checkpoint: u64,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(
        program: &'a Program,
        env: &'a Env,
        insns: &'a [Insn],
        flow: &'a Flow,
        kfuncs: &'a Kfuncs,
    ) -> Verifier<'a> {
        Verifier {
            program,
            env,
            insns,
            flow,
            context: crate::abi::context::of_attached(program.prog_type, program.attach_type),
            names: super::subprog::names(program, flow),
            broken: Vec::new(),
            cur: State::new(0, 0),
            pc: Pc(0),
            start: Pc(0),
            stored: Vec::new(),
            explored: vec![Vec::new(); insns.len()],
            pending: Vec::new(),
            facts: vec![Fact::default(); insns.len()],
            stats: Stats::default(),
            log: Log::new(env.log_level, env.log_totals),
            began: std::time::Instant::now(),
            changes_packet: Vec::new(),
            called_globals: Vec::new(),
            stack_depths: vec![0; flow.starts.len()],
            kfuncs,
            kernel_calls: BTreeMap::new(),
            exception_callback: None,
            rights: Rights::of(&env.loader),
            masks: BTreeMap::new(),
            explores_limits: false,
            tail_call_maps: BTreeMap::new(),
            mixed_tail_call: false,
            callbacks: Callbacks::default(),
            arena: None,
            known: KnownFields::default(),
            unreliable: BTreeSet::new(),
            traced_fact: FunctionFact::default(),
            recording: None,
            last_id: 0,
            last_activation: 0,
            kept_states: 0,
            jumps_processed: 0,
            jumps_at_checkpoint: 0,
            insns_at_checkpoint: 0,
        }
    }

    /// The kernel's type information, read when first asked for.
    pub(super) fn kernel_btf(&self) -> &Btf {
        match &self.env.kernel_btf {
            Some(btf) => btf,
            None => crate::btf::kernel_6_12(),
        }
    }

    /// An id that no register has yet.
    pub(super) fn new_id(&mut self) -> u32 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    /// Tells one activation of a function from others.
    pub(super) fn new_activation(&mut self) -> u32 {
        self.last_activation = self.last_activation.saturating_add(1);
        self.last_activation
    }

    /// Explores every path from `initial` at the start of function `subprog`.
    pub(super) fn explore(&mut self, initial: State, subprog: usize) -> Check {
        self.cur = initial;
        self.pc = self.flow.starts[subprog];
        self.start = self.pc;
        self.pending.clear();
        self.explored.iter_mut().for_each(Vec::clear);
        self.stored.clear();
        self.log.begin();
        loop {
            let flowing = self.advance()?;
            match flowing {
                Flowing::To(pc) => self.pc = pc,
                Flowing::Ended => {
                    if !self.resume() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Judges the instruction that the path is at.
    fn advance(&mut self) -> Check<Flowing> {
        let pc = self.pc;
        let Some(insn) = self.insns.get(pc.index()).copied() else {
            return Err(Fail::invalid(format!(
                "invalid insn idx {pc} insn_cnt {}",
                self.insns.len()
            )));
        };
        self.stats.insns_processed += 1;
        if self.stats.insns_processed > self.env.insn_limit {
            let count = self.stats.insns_processed;
            return Err(Fail::new(
                Errno::TooBig,
                format!("BPF program is too large. Processed {count} insn"),
            ));
        }
        if self.flow.prune[pc.index()] && self.compare_states()? == Compared::Covered {
            self.log.safe(pc);
            return Ok(Flowing::Ended);
        }
        self.record();
        self.log_insn(&insn);
        let shows_address = super::address::is_shown(&self.cur, &insn);
        let fact = &mut self.facts[pc.index()];
        // What only speculation reaches never runs.
        fact.reached |= !self.cur.speculative;
        fact.shows_address |= shows_address;
        if let Ok(at) = self.broken.binary_search_by_key(&pc, |(pc, _)| *pc) {
            return Err(Fail::invalid(self.broken[at].1.to_string()));
        }
        let frame = super::state::frame_number(self.cur.top());
        self.cur.history.push(Step {
            pc,
            frame,
            slot: None,
            called_back: false,
            link: None,
        });
        let jumped_to = self.flow.jumped_to[pc.index()];
        let flowing = self.step(pc, &insn)?;
        let step = self.cur.history.last();
        let moved = step.is_some_and(|step| step.slot.is_some() || step.link.is_some());
        self.cur.noted_steps += u32::from(jumped_to || moved);
        Ok(flowing)
    }

    /// What one instruction does to the state.
    fn step(&mut self, pc: Pc, insn: &Insn) -> Check<Flowing> {
        let next = Flowing::To(pc.next());
        match *insn {
            Insn::Alu {
                width,
                op,
                dst,
                src,
            } => self.check_alu(width, op, dst, src).map(|()| next),
            Insn::Neg { dst, .. } => self.check_unary(dst, Scalar::negated).map(|()| next),
            Insn::MovSx {
                width,
                from,
                dst,
                src,
            } => self.check_movsx(width, from, dst, src).map(|()| next),
            Insn::Endian { dst, .. } => self.check_unary(dst, Scalar::byte_swapped).map(|()| next),
            Insn::AddrSpaceCast { cast, dst, src } => {
                self.check_cast(cast, dst, src).map(|()| next)
            }
            Insn::LoadImm64 { dst, value } => {
                self.check_load_imm64(pc, dst, value)?;
                Ok(Flowing::To(pc.next().next()))
            }
            Insn::Imm64High => Err(Fail::invalid(format!(
                "jump into the middle of ldimm64 insn {pc}"
            ))),
            Insn::Load {
                size,
                extend,
                dst,
                base,
                off,
            } => self.check_load(size, extend, dst, base, off).map(|()| next),
            Insn::Store {
                size,
                base,
                off,
                src,
            } => self.check_store(size, base, off, src).map(|()| next),
            Insn::Atomic {
                op,
                width,
                base,
                off,
                src,
            } => self.check_atomic(op, width, base, off, src).map(|()| next),
            Insn::LegacyLoad { mode, .. } => self.check_legacy_load(pc, mode),
            Insn::Jump { off, .. } => {
                self.jumps_processed += 1;
                self.target(pc, off)
            }
            Insn::JumpIf {
                width,
                op,
                dst,
                src,
                off,
            } => {
                self.jumps_processed += 1;
                let flowing = self.check_jump_if(pc, width, op, dst, src, i32::from(off))?;
                self.log_touched();
                Ok(flowing)
            }
            Insn::MayGoto { off } => {
                self.jumps_processed += 1;
                self.check_may_goto(pc, i32::from(off))
            }
            Insn::Call(CallTarget::Helper(number)) => {
                self.jumps_processed += 1;
                self.check_helper(pc, number)
            }
            Insn::Call(CallTarget::Local(off)) => {
                self.jumps_processed += 1;
                self.check_local_call(pc, off)
            }
            Insn::Call(CallTarget::Kfunc { id, btf_index }) => {
                self.jumps_processed += 1;
                self.check_kfunc(pc, id, btf_index)
            }
            Insn::Call(CallTarget::Reg(reg)) => {
                Err(Fail::invalid(format!("unknown opcode 8d (callx {reg})")))
            }
            Insn::Exit => {
                self.jumps_processed += 1;
                self.check_exit()
            }
        }
    }

    /// The name of a kernel function or variable, or its id.
    pub(super) fn kernel_name(&self, id: u32) -> String {
        match self.kernel_btf().ty(crate::btf::BtfId(id)) {
            crate::btf::Type::Func { name, .. } | crate::btf::Type::Var { name, .. } => {
                name.to_owned()
            }
            _ => format!("#{id}"),
        }
    }

    /// Continues at `off` from the instruction at `pc`.
    pub(super) fn target(&self, pc: Pc, off: i32) -> Check<Flowing> {
        match pc.target(off) {
            Some(to) => Ok(Flowing::To(to)),
            None => Err(Fail::invalid(format!("jump out of range from insn {pc}"))),
        }
    }

    /// Leaves a state that continues the current path to be explored later from `to`, and gives it
    /// to change.
    pub(super) fn push_branch(&mut self, state: State, to: Pc, from: Pc) -> Check<&mut State> {
        if self.pending.len() >= MAX_PENDING {
            let count = self.pending.len() + 1;
            return Err(Fail::new(
                Errno::TooBig,
                format!("The sequence of {count} jumps is too complex."),
            ));
        }
        if let Some(parent) = self.cur.parent {
            self.stored[parent.index()].branches += 1;
        }
        self.push(state, to, from)
    }

    /// Leaves a state to be explored later that continues no path.
    pub(super) fn push_apart(&mut self, state: State, to: Pc, from: Pc) -> Check {
        if self.pending.len() >= MAX_PENDING {
            let count = self.pending.len() + 1;
            return Err(Fail::new(
                Errno::Fault,
                format!("The sequence of {count} jumps is too complex for async cb."),
            ));
        }
        self.push(state, to, from).map(|_| ())
    }

    fn push(&mut self, state: State, to: Pc, from: Pc) -> Check<&mut State> {
        let log_mark = self.log.mark();
        self.pending.push(Pending {
            state,
            pc: to,
            from,
            log_mark,
        });
        self.stats.peak_pending = self.stats.peak_pending.max(self.pending.len() as u64);
        let pushed = self.pending.last_mut().expect("a branch was just pushed");
        Ok(&mut pushed.state)
    }

    /// Ends the current path and takes up the latest branch; false when there is none.
    fn resume(&mut self) -> bool {
        self.release_parents();
        let Some(pending) = self.pending.pop() else {
            return false;
        };
        self.log.rewind(pending.log_mark);
        self.cur = pending.state;
        self.pc = pending.pc;
        self.log.begin_path(pending.from, self.cur.speculative);
        true
    }

    /// Tells the checkpoints of the ended path that one path less continues them, and those whose
    /// last path it was that their parents are in the same loops.
    fn release_parents(&mut self) {
        let mut parent = self.cur.parent;
        let mut joined = self.cur.loop_entry;
        while let Some(id) = parent {
            if let Some(head) = joined {
                let entry = self.loop_entry_of(id);
                let depth = self.stored[id.index()].state.depth;
                if self.encloses(head, entry, depth) {
                    self.stored[id.index()].state.loop_entry = Some(head);
                }
            }
            let stored = &mut self.stored[id.index()];
            stored.branches = stored.branches.saturating_sub(1);
            if stored.branches > 0 {
                break;
            }
            // Nothing continues it: nobody will walk back over it any more.
            stored.state.history = Vec::new();
            stored.state.links = Vec::new();
            parent = stored.state.parent;
            joined = stored.state.loop_entry;
            if !stored.compared {
                self.forget(id);
            }
        }
    }

    /// Notes what the current instruction touches; it must be the same on every path.
    pub(super) fn note_access(&mut self, access: AccessKind) -> Check {
        let fact = &mut self.facts[self.pc.index()];
        match fact.access {
            Some(known) if known != access => Err(Fail::invalid(
                "same insn cannot be used with different pointers",
            )),
            _ => {
                fact.access = Some(access);
                Ok(())
            }
        }
    }

    /// Marks a register of the running frame as written with this content.
    pub(super) fn write_reg(&mut self, reg: Reg, content: Register) {
        let slot = self.cur.reg_mut(reg);
        let mut live = slot.live;
        live.written = true;
        *slot = content.with_live(live);
        if reg == Reg::R0 {
            self.cur.frame_mut().returned_from = None;
        }
        self.log.changed(reg);
    }

    /// The latest checkpoint of this path at `pc` from `from` on backwards, if there is one.
    pub(super) fn previous_at(
        &self,
        pc: Pc,
        depth: usize,
        from: Option<StateId>,
    ) -> Option<StateId> {
        let mut parent = from;
        while let Some(id) = parent {
            let stored = &self.stored[id.index()];
            if stored.pc == pc && stored.state.frames.len() == depth {
                return Some(id);
            }
            parent = stored.state.parent;
        }
        None
    }
}
