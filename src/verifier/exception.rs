//! Exceptions: `bpf_throw` ends the program at once, whatever function runs; a function that a tag names may decide on
//! the result.
//!
//! Nothing is unwound: what is held when a program throws would be held for ever, so it must hold nothing.
//!
//! Kernel: `bpf_find_exception_callback_insn_off` in kernel/bpf/btf.c, `check_max_stack_depth_subprog` in
//! kernel/bpf/verifier.c, 6.12.

use std::collections::BTreeSet;

use crate::isa::{Insn, Pc, Reg};
use crate::object::Program;

use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};

/// What the tag on a program starts with that names the function.
const TAG: &str = "exception_callback:";

/// Where the function starts that runs when the program throws, if the program names one.
pub(super) fn callback_of(program: &Program) -> Check<Option<Pc>> {
    let main = program.subprogs.first().and_then(|main| main.func);
    let (Some(btf), Some(main)) = (program.btf.as_ref(), main) else {
        return Ok(None);
    };
    let mut names = btf
        .decl_tags(main)
        .filter_map(|(component, tag)| component.is_none().then(|| tag.strip_prefix(TAG))?);
    let Some(name) = names.next() else {
        return Ok(None);
    };
    if names.next().is_some() {
        return Err(Fail::invalid(
            "multiple exception callback tags for main subprog",
        ));
    }
    let mut subprogs = program.subprogs.iter();
    match subprogs.find(|subprog| subprog.name == name) {
        Some(subprog) => Ok(Some(subprog.start)),
        None => Err(Fail::invalid(format!(
            "exception callback '{name}' could not be found in BTF"
        ))),
    }
}

/// Where the function starts that runs when a program throws, if the program rightly names one.
pub fn exception_callback(program: &Program) -> Option<Pc> {
    callback_of(program).ok().flatten()
}

/// What a function does to the chain of calls.
#[derive(Clone, Copy, Debug)]
enum Act {
    Calls(usize),
    Throws,
}

impl Verifier<'_> {
    /// The program throws: this path ends here.
    pub(super) fn throw(&mut self) -> Check<Flowing> {
        if self.exception_callback.is_none() {
            // The cookie is the program's result.
            self.check_result(Reg::R1)?;
        }
        self.check_outside_sections("bpf_throw")?;
        match self.cur.refs.first() {
            Some(reference) => Err(super::subprog::unreleased(reference)),
            None => Ok(Flowing::Ended),
        }
    }

    /// Refuses to throw from what helpers call back, and to call the function that runs when the
    /// program throws.
    pub(super) fn check_throws(&self) -> Check {
        let acts: Vec<Vec<(Pc, Act)>> = (0..self.flow.starts.len())
            .map(|one| self.acts_of(one))
            .collect();
        let roots = [Some(0), self.exception_callback];
        let mut seen = BTreeSet::new();
        let mut todo: Vec<(usize, Option<usize>)> = roots
            .into_iter()
            .flatten()
            .rev()
            .map(|root| (root, self.called_back(root)))
            .collect();
        while let Some((subprog, within)) = todo.pop() {
            if !seen.insert((subprog, within)) {
                continue;
            }
            for (pc, act) in acts.get(subprog).into_iter().flatten() {
                match (*act, within) {
                    (Act::Throws, Some(callback)) => {
                        return Err(Fail::invalid(format!(
                            "bpf_throw kfunc (insn {pc}) cannot be called from callback subprog {callback}"
                        )));
                    }
                    (Act::Throws, None) => {}
                    (Act::Calls(callee), _) if Some(callee) == self.exception_callback => {
                        return Err(Fail::invalid(format!(
                            "insn {pc} cannot call exception cb directly"
                        )));
                    }
                    (Act::Calls(callee), _) => {
                        todo.push((callee, within.or(self.called_back(callee))));
                    }
                }
            }
        }
        Ok(())
    }

    /// The function itself, if something but the program calls it.
    fn called_back(&self, subprog: usize) -> Option<usize> {
        let is_callback =
            self.callbacks.all.contains(&subprog) || self.exception_callback == Some(subprog);
        is_callback.then_some(subprog)
    }

    fn acts_of(&self, subprog: usize) -> Vec<(Pc, Act)> {
        let range = self.flow.starts[subprog].0..self.flow.end_of(subprog).0;
        let act_of = |pc: Pc| {
            let insn: &Insn = self.insns.get(pc.index())?;
            if self.kfuncs.is_throw(insn) {
                return Some((pc, Act::Throws));
            }
            Some((pc, Act::Calls(self.callee(pc, insn)?)))
        };
        range.map(Pc).filter_map(act_of).collect()
    }
}
