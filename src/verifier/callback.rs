//! Functions of the program that helpers call back: the path on which they do, and which calls engines may make
//! themselves.
//!
//! A call of `bpf_loop` that always calls the same function, without flags, is a loop around a call of it: Linux
//! compiles it in (kernel/bpf/verifier.c, `optimize_bpf_loop`, 6.12), and so do the engines.

use std::collections::{BTreeMap, BTreeSet};

use super::argument::ARGUMENTS;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::helper::Call;
use super::outcome::Loops;
use super::state::{Frame, Kind, MAX_FRAMES, Register, Trust};
use crate::abi::helpers::Callback;
use crate::isa::{Pc, Reg};

/// The functions that are called back, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    /// All that helpers call, or timers.
    pub(super) all: BTreeSet<usize>,
    /// Those of timers and work queues.
    pub(super) later: BTreeSet<usize>,
    /// Those that others than `bpf_loop` call at once.
    at_once: BTreeSet<usize>,
    /// The calls of `bpf_loop` that some path makes.
    loops: BTreeMap<Pc, LoopCall>,
}

/// A call of `bpf_loop`, over all paths.
#[derive(Debug)]
struct LoopCall {
    subprogs: BTreeSet<usize>,
    /// Whether its flags were known to be none.
    plain: bool,
}

impl LoopCall {
    /// The function, if it is always the same, and nothing else is to be asked.
    fn fits(&self) -> Option<usize> {
        let only = self.subprogs.first().filter(|_| self.subprogs.len() == 1);
        only.copied().filter(|_| self.plain)
    }
}

impl Verifier<'_> {
    /// Which calls of `bpf_loop` are loops around a call of a function, and which functions are called in other ways.
    pub(super) fn loops(&self) -> Loops {
        let start = |subprog: usize| self.flow.starts.get(subprog).copied();
        let Callbacks {
            later,
            at_once,
            loops,
            ..
        } = &self.callbacks;
        let fitting = |(pc, call): (&Pc, &LoopCall)| Some((*pc, start(call.fits()?)?));
        let others = loops.values().filter(|call| call.fits().is_none());
        let others = others.flat_map(|call| &call.subprogs);
        Loops {
            bodies: loops.iter().filter_map(fitting).collect(),
            called_back: others
                .chain(later)
                .chain(at_once)
                .filter_map(|subprog| start(*subprog))
                .collect(),
        }
    }

    /// Whether it calls the same function as on other paths, and that its flags are none, matter from here on.
    fn note_loop(&mut self, pc: Pc, subprog: usize) {
        let call = self.callbacks.loops.get(&pc);
        if call.is_some_and(|call| call.fits().is_none()) {
            return;
        }
        let plain = self.cur.reg(Reg::R4).is_null();
        if plain {
            self.mark_precise(Reg::R4);
        }
        let call = self.callbacks.loops.entry(pc).or_insert(LoopCall {
            subprogs: BTreeSet::new(),
            plain,
        });
        call.subprogs.insert(subprog);
        call.plain &= plain;
    }

    /// Leaves a path on which the helper calls the function back once more, while the current one
    /// goes on as if it was done.
    pub(super) fn enter_callback(
        &mut self,
        pc: Pc,
        call: &Call,
        callback: Callback,
        subprog: usize,
    ) -> Check {
        let regs = self.cur.frame().regs;
        if callback == Callback::Loop {
            self.note_loop(pc, subprog);
            self.mark_precise(Reg::R1);
            let done = self.cur.frame().callback_depth;
            if done >= self.cur.reg(Reg::R1).value.umax {
                self.cur.frame_mut().callback_depth = 0;
                return Ok(());
            }
        }
        let mut given = [Register::uninit(); 3];
        let ctx = match callback {
            Callback::Loop => {
                given[0] = Register::unknown();
                (Reg::R2, Reg::R3)
            }
            Callback::MapElem => {
                let Some(map) = call.map else {
                    return Err(Fail::invalid("a callback without a map"));
                };
                let kinds = [Kind::Map(map), Kind::MapKey(map), Kind::MapValue(map)];
                given = kinds.map(Register::pointer);
                (Reg::R4, Reg::R3)
            }
            Callback::FindVma => {
                let area = Kind::Btf(self.kernel_struct("vm_area_struct")?, Trust::Plain);
                given[0] = regs[Reg::R1.index()].with_live(Default::default());
                given[1] = Register::pointer(area);
                (Reg::R3, Reg::R4)
            }
            Callback::UserRingbuf => {
                given[0] = self.foreign_dynptr();
                (Reg::R2, Reg::R3)
            }
            Callback::Timer => {
                return Err(Fail::unsupported(format!(
                    "the callback of {}#{}",
                    call.name, call.number
                )));
            }
        };
        let fill = |frame: &mut Frame| {
            for (reg, content) in ARGUMENTS.into_iter().zip(given) {
                *frame.reg_mut(reg) = content;
            }
            *frame.reg_mut(ctx.0) = regs[ctx.1.index()].with_live(Default::default());
        };
        match callback {
            Callback::Loop => self.leave_to(pc, subprog, fill),
            Callback::MapElem | Callback::FindVma | Callback::UserRingbuf | Callback::Timer => {
                self.call_back(pc, subprog, fill)
            }
        }
    }

    /// Leaves a path on which a function of the program's is called back once more, with what
    /// `fill` puts into its registers, while the current path goes on as if it was done.
    pub(super) fn call_back(
        &mut self,
        pc: Pc,
        subprog: usize,
        fill: impl FnOnce(&mut Frame),
    ) -> Check {
        self.callbacks.at_once.insert(subprog);
        self.leave_to(pc, subprog, fill)
    }

    fn leave_to(&mut self, pc: Pc, subprog: usize, fill: impl FnOnce(&mut Frame)) -> Check {
        let depth = self.cur.frames.len();
        if depth >= MAX_FRAMES {
            return Err(super::subprog::too_deep(depth));
        }
        self.callbacks.all.insert(subprog);
        let activation = self.new_activation();
        let mut frame = Frame::new(depth, subprog, pc, activation);
        frame.callback_range = Some((0, 1));
        fill(&mut frame);
        let mut state = self.cur.clone();
        state.callback_depth += 1;
        state.frame_mut().callback_depth += 1;
        state.frames.push(frame);
        let entry = self.flow.starts[subprog];
        self.cur.frame_mut().callback_depth = 0;
        self.push_branch(state, entry, pc)?;
        Ok(())
    }
}
