//! Functions: calls within the program, returning, stack depth.
//!
//! What global functions take is in [`super::global`].
//!
//! Kernel: `check_func_call`, `prepare_func_exit`, `check_return_code`, `check_max_stack_depth` in
//! kernel/bpf/verifier.c, 6.12.

use std::collections::BTreeSet;

use crate::abi::helpers::{Effect, by_number};
use crate::abi::{AttachType, LsmHook, ProgType, lsm_return_range, return_range};
use crate::btf::{BtfId, Type};
use crate::isa::{CallTarget, Insn, Pc, Reg};
use crate::object::{Linkage, Program};

use super::argument::ARGUMENTS;
use super::cfg::{Flow, function_offset};
use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};
use super::log::range_text;
use super::outcome::Errno;
use super::scalar::Scalar;
use super::state::{Frame, Kind, Live, MAX_FRAMES, MAX_STACK, Reference, Register};

/// Stack is reserved in units of this many bytes, as the kernel's JIT does.
const STACK_UNIT: i32 = 16;

/// The functions' names, where the object tells them.
pub(super) fn names(program: &Program, flow: &Flow) -> Vec<String> {
    flow.starts
        .iter()
        .enumerate()
        .map(|(index, start)| {
            match program
                .subprogs
                .iter()
                .find(|subprog| subprog.start == *start)
            {
                Some(subprog) => subprog.name.clone(),
                None if index == 0 => program.name.clone(),
                None => format!("func#{index}"),
            }
        })
        .collect()
}

/// The refusal of one call too many.
pub(super) fn too_deep(frames: usize) -> Fail {
    let frames = frames + 1;
    Fail::new(
        Errno::TooBig,
        format!("the call stack of {frames} frames is too deep"),
    )
}

impl Verifier<'_> {
    /// Judges the program: itself, then every global function that is called.
    pub(super) fn run(&mut self) -> Check {
        self.changes_packet = self.packet_changers();
        self.check_map_references()?;
        self.check_early_ends()?;
        self.check_maps()?;
        self.check_attach_target()?;
        let state = self.main_entry()?;
        self.log_functions();
        self.explore(state, 0)?;
        self.called_globals.extend(self.exception_callback);
        let mut judged = 0;
        while let Some(subprog) = self.called_globals.get(judged).copied() {
            judged += 1;
            self.log.line(&format!(
                "Validating {}() func#{subprog}...",
                self.names[subprog]
            ));
            let state = self.global_entry(subprog)?;
            self.explore(state, subprog)?;
            let name = &self.names[subprog];
            self.log.line(&format!(
                "Func#{subprog} ('{name}') is safe for any args that match its prototype"
            ));
        }
        self.check_throws()?;
        self.check_stack_depth()?;
        self.check_arena_loads()?;
        self.check_tail_calls()
    }

    /// Whether the function is judged alone.
    pub(super) fn is_global(&self, subprog: usize) -> bool {
        let Some(start) = self.flow.starts.get(subprog) else {
            return false;
        };
        subprog != 0
            && self.program.subprogs.iter().any(|one| {
                one.start == *start && one.linkage == Linkage::Global && one.func.is_some()
            })
    }

    pub(super) fn check_local_call(&mut self, pc: Pc, off: i32) -> Check<Flowing> {
        let subprog = pc.target(off).and_then(|to| self.flow.subprog_at(to));
        let Some(subprog) = subprog else {
            return Err(Fail::invalid(format!(
                "call to invalid destination at insn {pc}"
            )));
        };
        if self.is_global(subprog) {
            return self.call_global(pc, subprog);
        }
        let depth = self.cur.frames.len();
        if depth >= MAX_FRAMES {
            return Err(too_deep(depth));
        }
        if !self.has_plain_args(subprog) {
            self.unreliable.insert(subprog);
        }
        let activation = self.new_activation();
        let mut frame = Frame::new(depth, subprog, pc, activation);
        for reg in ARGUMENTS {
            let given = self.cur.reg(reg);
            let live = Live {
                read: false,
                ..given.live
            };
            *frame.reg_mut(reg) = given.with_live(live);
            self.mark_argument_read(reg);
        }
        self.clobber_arguments();
        self.cur.frames.push(frame);
        self.log_call();
        Ok(Flowing::To(self.flow.starts[subprog]))
    }

    /// The callee's first read of an argument counts as the caller's.
    fn mark_argument_read(&mut self, reg: Reg) {
        if self.cur.reg(reg).kind != Kind::Uninit {
            let frame = super::state::frame_number(self.cur.top());
            self.mark_read(super::state::Place::Reg(frame, reg));
        }
    }

    /// A call of a function that is judged alone: only its prototype counts.
    fn call_global(&mut self, pc: Pc, subprog: usize) -> Check<Flowing> {
        let name = self.names[subprog].clone();
        if self.cur.lock.is_some() {
            let first = "global function calls are not allowed while holding a lock,";
            return Err(Fail::invalid(first).then("use static function instead"));
        }
        if self.cur.preempt_disabled > 0 {
            let first = "global function calls are not allowed with preemption disabled,";
            return Err(Fail::invalid(first).then("use static function instead"));
        }
        self.check_global_args(subprog).map_err(|fail| {
            if fail.unsupported {
                return fail;
            }
            fail.then(format!(
                "Caller passes invalid args into func#{subprog} ('{name}')"
            ))
        })?;
        self.log.line(&format!(
            "Func#{subprog} ('{name}') is global and assumed valid."
        ));
        if !self.called_globals.contains(&subprog) {
            self.called_globals.push(subprog);
        }
        self.clobber_arguments();
        self.write_reg(Reg::R0, Register::unknown());
        // What it does to a packet is not known.
        if self.changes_packet[subprog] {
            self.forget_packet_pointers();
        }
        Ok(Flowing::To(pc.next()))
    }

    /// Which functions call a helper that changes the packet, or call a function that does.
    pub(super) fn packet_changers(&self) -> Vec<bool> {
        let functions = 0..self.flow.starts.len();
        let mut changes: Vec<bool> = functions
            .clone()
            .map(|one| self.changes_packet(one))
            .collect();
        let callees: Vec<Vec<usize>> = functions.clone().map(|one| self.callees(one)).collect();
        // Each round finds the callers of what the round before found.
        loop {
            let found: Vec<usize> = functions
                .clone()
                .filter(|one| !changes[*one] && callees[*one].iter().any(|callee| changes[*callee]))
                .collect();
            if found.is_empty() {
                return changes;
            }
            found.into_iter().for_each(|one| changes[one] = true);
        }
    }

    /// Whether the function itself calls a helper that changes the packet.
    fn changes_packet(&self, subprog: usize) -> bool {
        let range = self.flow.starts[subprog].index()..self.flow.end_of(subprog).index();
        let insns = self.insns.get(range).unwrap_or_default();
        insns.iter().any(|insn| {
            let Insn::Call(CallTarget::Helper(number)) = insn else {
                return false;
            };
            let prototype = by_number(*number).and_then(|helper| helper.prototype);
            prototype.is_some_and(|prototype| prototype.effect == Effect::ChangesPacket)
        })
    }

    /// The function that an instruction calls or refers to.
    pub(super) fn callee(&self, pc: Pc, insn: &Insn) -> Option<usize> {
        let to = pc.target(function_offset(insn)?)?;
        self.flow.subprog_at(to)
    }

    /// Parameter types and result type of a function.
    pub(super) fn prototype(&self, subprog: usize) -> Option<(Vec<BtfId>, BtfId)> {
        let start = self.flow.starts.get(subprog)?;
        let func = self
            .program
            .subprogs
            .iter()
            .find(|one| one.start == *start)?
            .func?;
        let btf = self.program.btf.as_ref()?;
        let Type::Func { proto, .. } = btf.ty(func) else {
            return None;
        };
        let Type::FuncProto { ret, params } = btf.ty(proto) else {
            return None;
        };
        Some((params.iter().map(|param| param.ty).collect(), ret))
    }

    pub(super) fn check_exit(&mut self) -> Check<Flowing> {
        if self.cur.frames.len() == 1 {
            self.check_sections_closed()?;
            self.check_released()?;
            match self.cur.frame().callback_range {
                Some(range) => self.check_async_result(range)?,
                None => self.check_result(Reg::R0)?,
            }
            return Ok(Flowing::Ended);
        }
        let returned = *self.cur.reg(Reg::R0);
        if let Kind::Stack(_) = returned.kind {
            return Err(Fail::invalid("cannot return stack pointer to the caller"));
        }
        self.leave_function()
    }

    /// Goes on behind the call, with what the function left in `r0`.
    pub(super) fn leave_function(&mut self) -> Check<Flowing> {
        let callback_range = self.cur.frame().callback_range;
        if let Some(range) = callback_range {
            return self.return_from_callback(range);
        }
        let returned = *self.cur.reg(Reg::R0);
        let callsite = self.cur.frame().callsite;
        let own = (self.cur.top(), self.cur.frame().activation);
        let from = self.cur.frame().returned_from.unwrap_or(own);
        self.log_return();
        self.cur.frames.pop();
        self.write_reg(Reg::R0, returned);
        // Whether the result matters is known only when the caller reads it.
        self.cur.reg_mut(Reg::R0).live = returned.live;
        self.cur.frame_mut().returned_from = (!returned.live.written).then_some(from);
        self.log_returned(callsite.next());
        Ok(Flowing::To(callsite.next()))
    }

    /// A callback returns to the call, which is judged again.
    fn return_from_callback(&mut self, range: (i64, i64)) -> Check<Flowing> {
        let returned = self.read_reg(Reg::R0)?;
        if !returned.is_scalar() {
            let name = self.type_name(&returned);
            return Err(Fail::access(format!("R0 not a scalar value ({name})")));
        }
        let frame = super::state::frame_number(self.cur.top());
        let mut held = self.cur.refs.iter();
        if let Some(reference) = held.find(|reference| reference.callback == frame) {
            return Err(unreleased(reference));
        }
        self.mark_precise(Reg::R0);
        check_in_range("At callback return", Reg::R0, &returned.value, range)?;
        if let Some(step) = self.cur.history.last_mut() {
            step.called_back = true;
        }
        let callsite = self.cur.frame().callsite;
        self.log_return();
        self.cur.frames.pop();
        self.log_returned(callsite);
        if let Some(previous) = self.previous_at(callsite, self.cur.frames.len(), self.cur.parent) {
            super::branch::widen(&self.stored[previous.index()].state, &mut self.cur);
        }
        Ok(Flowing::To(callsite))
    }

    /// What the function of a timer returns.
    fn check_async_result(&mut self, range: (i64, i64)) -> Check {
        let returned = self.read_reg(Reg::R0)?;
        self.check_leak(Reg::R0, "as return value")?;
        if !returned.is_scalar() {
            let name = self.type_name(&returned);
            return Err(Fail::invalid(format!(
                "At async callback return the register R0 is not a known value ({name})"
            )));
        }
        self.mark_precise(Reg::R0);
        check_in_range("At async callback return", Reg::R0, &returned.value, range)
    }

    /// Everything acquired must have been given back.
    fn check_released(&mut self) -> Check {
        match self.cur.refs.first() {
            None => Ok(()),
            Some(reference) => Err(unreleased(reference)),
        }
    }

    /// Refuses what may leave the program, inside a section that it opened.
    pub(super) fn check_outside_sections(&self, what: &str) -> Check {
        if self.cur.lock.is_some() {
            return Err(Fail::invalid(format!(
                "{what} cannot be used inside bpf_spin_lock-ed region"
            )));
        }
        let section = match (self.cur.rcu_locked, self.cur.preempt_disabled) {
            (true, _) => "bpf_rcu_read_lock",
            (false, 1..) => "bpf_preempt_disable",
            (false, 0) => return Ok(()),
        };
        Err(Fail::invalid(format!(
            "{what} cannot be used inside {section}-ed region"
        )))
    }

    /// Every section that was opened must have been closed.
    fn check_sections_closed(&self) -> Check {
        if self.cur.lock.is_some() {
            return Err(Fail::invalid("bpf_spin_unlock is missing"));
        }
        if self.cur.rcu_locked {
            return Err(Fail::invalid("bpf_rcu_read_unlock is missing"));
        }
        match self.cur.preempt_disabled {
            0 => Ok(()),
            1 => Err(Fail::invalid("1 bpf_preempt_enable is missing")),
            depth => Err(Fail::invalid(format!(
                "{depth} bpf_preempt_enable(s) are missing"
            ))),
        }
    }

    /// What the program returns must be a number, of those that its type allows.
    pub(super) fn check_result(&mut self, reg: Reg) -> Check {
        let subprog = self.cur.frame().subprog;
        let is_main = subprog == 0 || self.exception_callback == Some(subprog);
        if is_main && self.returns_nothing()? {
            return Ok(());
        }
        let number = reg.number();
        let result = self.read_reg(reg)?;
        self.check_leak(reg, "as return value")?;
        let name = self.type_name(&result);
        if !is_main {
            return match result.is_scalar() {
                true => Ok(()),
                false => Err(Fail::invalid(format!(
                    "At subprogram exit the register R{number} is not a scalar value ({name})"
                ))),
            };
        }
        let Some(range) = self.return_range() else {
            return Ok(());
        };
        if !result.is_scalar() {
            return Err(Fail::invalid(format!(
                "At program exit the register R{number} is not a known value ({name})"
            )));
        }
        self.mark_precise(reg);
        // An LSM hook returns 32 bits.
        let is_lsm = self.program.prog_type == ProgType::Lsm;
        if is_lsm && self.program.attach_type != Some(AttachType::LsmCgroup) {
            let (low, high) = (
                i64::from(result.value.s32_min),
                i64::from(result.value.s32_max),
            );
            if range.0 <= low && high <= range.1 {
                return Ok(());
            }
        }
        check_in_range("At program exit", reg, &result.value, range)
    }

    /// Whether what the program attaches to has no result, so that nothing is asked of the program's.
    fn returns_nothing(&self) -> Check<bool> {
        let hook = self.program.attach_target.as_deref();
        match (self.program.prog_type, self.program.attach_type, hook) {
            (ProgType::StructOps, ..) => Ok(self.stood_in_for()?.returns_nothing),
            (ProgType::Lsm, Some(AttachType::LsmCgroup), _) => Ok(false),
            (ProgType::Lsm, _, Some(hook)) => Ok(self.lsm_hook_kind(hook) == LsmHook::Void),
            _ => Ok(false),
        }
    }

    /// The numbers that the program may return, where its type restricts them.
    pub(super) fn return_range(&self) -> Option<(i64, i64)> {
        let (prog_type, attach_type) = (self.program.prog_type, self.program.attach_type);
        match self.program.attach_target.as_deref() {
            Some(hook) if prog_type == ProgType::Lsm => {
                lsm_return_range(attach_type, self.lsm_hook_kind(hook))
            }
            _ => return_range(prog_type, attach_type),
        }
    }

    /// No chain of calls may use more stack than there is, nor be too long.
    fn check_stack_depth(&mut self) -> Check {
        let apart = self.callbacks.later.iter().copied();
        let roots: Vec<usize> = std::iter::once(0).chain(apart).collect();
        for root in roots.into_iter().chain(self.exception_callback) {
            self.check_stack_depth_from(root)?;
        }
        Ok(())
    }

    /// The same, for the chains that start with one function.
    fn check_stack_depth_from(&mut self, first: usize) -> Check {
        let calls: Vec<Vec<usize>> = (0..self.flow.starts.len())
            .map(|one| self.callees_on_its_stack(one))
            .collect();
        let mut chain = vec![(first, 0_usize)];
        let mut depth = self.reserved(first);
        // What follows depends on these three alone; without this, layers of functions that all
        // call each other would be walked in every combination.
        let mut seen = BTreeSet::new();
        while let Some((subprog, next)) = chain.last_mut() {
            let Some(callee) = calls[*subprog].get(*next).copied() else {
                depth -= self.reserved(*subprog);
                chain.pop();
                continue;
            };
            *next += 1;
            chain.push((callee, 0));
            depth += self.reserved(callee);
            if chain.len() > MAX_FRAMES {
                let frames = chain.len() - 1;
                return Err(Fail::new(
                    Errno::TooBig,
                    format!("the call stack of {frames} frames is too deep !"),
                ));
            }
            if depth > MAX_STACK {
                let calls = chain.len();
                return Err(Fail::access(format!(
                    "combined stack size of {calls} calls is {depth}. Too large"
                )));
            }
            if !seen.insert((callee, chain.len(), depth)) {
                depth -= self.reserved(callee);
                chain.pop();
            }
        }
        Ok(())
    }

    fn reserved(&self, subprog: usize) -> i32 {
        let depth = self.stack_depths.get(subprog).copied().unwrap_or(0);
        (depth + STACK_UNIT - 1) / STACK_UNIT * STACK_UNIT
    }

    fn callees(&self, subprog: usize) -> Vec<usize> {
        self.callees_by(subprog, |_, _| true)
    }

    /// Those of a function that use its stack: what it only sets as the function of a timer does not.
    fn callees_on_its_stack(&self, subprog: usize) -> Vec<usize> {
        self.callees_by(subprog, |insn, callee| {
            matches!(insn, Insn::Call(_)) || !self.callbacks.later.contains(&callee)
        })
    }

    fn callees_by(&self, subprog: usize, counts: impl Fn(&Insn, usize) -> bool) -> Vec<usize> {
        let range = self.flow.starts[subprog].0..self.flow.end_of(subprog).0;
        let callee = |pc: Pc| {
            let insn = self.insns.get(pc.index())?;
            let callee = self.callee(pc, insn)?;
            counts(insn, callee).then_some(callee)
        };
        let callees: BTreeSet<usize> = range.map(Pc).filter_map(callee).collect();
        callees.into_iter().collect()
    }
}

/// The refusal of what was acquired and not given back.
pub(super) fn unreleased(reference: &Reference) -> Fail {
    Fail::invalid(format!(
        "Unreleased reference id={} alloc_insn={}",
        reference.id, reference.acquired_at
    ))
}

fn check_in_range(place: &str, reg: Reg, value: &Scalar, (low, high): (i64, i64)) -> Check {
    if low <= value.smin && value.smax <= high {
        return Ok(());
    }
    let known = range_text(value);
    Err(Fail::invalid(format!(
        "{place} the register R{} has{known} should have been in [{low}, {high}]",
        reg.number()
    )))
}
