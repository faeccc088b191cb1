//! Programs given as the target of others: those that replace a function of one, or trace it.
//!
//! It finds functions by name and judges nothing: whether a function can be attached to is the verifier's business.
//!
//! Rules, after libbpf's `bpf_program__set_attach_target`: a program that replaces a function always attaches to a
//! program; one at a function's entry or return does so where a target has a function of that name, and attaches to the
//! kernel's otherwise. A function that is named beside the target counts in place of the section's.

use std::sync::Arc;

use crate::abi::sections::{SectionMatch, TargetRule};
use crate::abi::{AttachType, ProgType};

use super::Program;
use super::error::AttachProblem;

/// The programs of one object that may be attached to.
#[derive(Clone, Debug, Default)]
pub struct TargetPrograms {
    /// The object's name, as it was loaded.
    pub object: Arc<str>,
    /// Its programs, or the one of them that is meant.
    pub programs: Vec<Arc<Program>>,
    /// The function that is attached to, in place of the one that sections name.
    pub function: Option<String>,
}

/// The function of a program that another is attached to.
#[derive(Clone, Debug)]
pub struct AttachProgram {
    /// The name of the object it is from.
    pub object: Arc<str>,
    /// The program.
    pub program: Arc<Program>,
    /// The function, in [`Program::subprogs`].
    pub subprog: usize,
    /// What becomes of it.
    pub joint: Joint,
}

/// How a program is attached to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// It runs in place of the function.
    Replaces,
    /// It runs when the function is entered or returns.
    Traces,
}

impl TargetPrograms {
    /// The function that a program of that section attaches to, if it is one of a target's.
    pub(super) fn find(
        &self,
        section: &SectionMatch<'_>,
    ) -> Result<Option<AttachProgram>, AttachProblem> {
        let named = section.attach_target.filter(|name| !name.is_empty());
        let function = self.function.as_deref().or(named);
        let joint = match joint(section) {
            Some(joint) => joint,
            None => return Ok(None),
        };
        let mut found = self
            .programs
            .iter()
            .filter_map(|program| Some((program, function_of(program, function)?)));
        match (found.next(), found.next()) {
            (Some((program, subprog)), None) => Ok(Some(AttachProgram {
                object: Arc::clone(&self.object),
                program: Arc::clone(program),
                subprog,
                joint,
            })),
            (Some((one, _)), Some((other, _))) => Err(AttachProblem::Ambiguous {
                one: one.name.clone(),
                other: other.name.clone(),
            }),
            (None, _) if joint == Joint::Traces && self.function.is_none() => Ok(None),
            (None, _) => Err(AttachProblem::NoFunction {
                name: function.unwrap_or_default().to_owned(),
            }),
        }
    }
}

impl Program {
    /// The program as it is judged and run: one that replaces a function is a part of the program that has it, and of
    /// its type.
    pub fn as_part(self: &Arc<Program>) -> Arc<Program> {
        match &self.attach_program {
            Some(target) if target.joint == Joint::Replaces => Arc::new(Program {
                prog_type: target.program.prog_type,
                attach_type: target.program.attach_type,
                attach_target: None,
                ..(**self).clone()
            }),
            Some(_) | None => Arc::clone(self),
        }
    }
}

/// How programs of a section are attached to programs, if they can be.
fn joint(section: &SectionMatch<'_>) -> Option<Joint> {
    let traces = matches!(
        section.attach_type,
        Some(AttachType::TraceFentry | AttachType::TraceFexit | AttachType::ModifyReturn)
    );
    match section.target_rule {
        TargetRule::Program => Some(Joint::Replaces),
        TargetRule::Btf { .. } if section.prog_type == ProgType::Tracing && traces => {
            Some(Joint::Traces)
        }
        TargetRule::Btf { .. } | TargetRule::Free => None,
    }
}

/// The function of that name; without a name, the program itself.
fn function_of(program: &Program, name: Option<&str>) -> Option<usize> {
    match name {
        Some(name) => program.subprogs.iter().position(|one| one.name == name),
        None => Some(0),
    }
}
