//! Programs that run in place of functions of others that are loaded.
//!
//! What is put together, and how, is [`crate::code::join`]'s business.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::code::{self, Bindings, Code, MapBinding, join, join_verified};
use crate::machine::ProgId;
use crate::maps::Map;
use crate::object::{AttachProgram, Joint, Program};
use crate::verifier::Verified;

use super::load::LoadedProgram;
use super::{EngineError, Sim};

/// A program that runs, with what was put into it.
#[derive(Debug)]
pub(super) struct Whole {
    program: Arc<Program>,
    /// What was learnt of it, unless nobody judged it.
    verified: Option<Arc<Verified>>,
    maps: Vec<Arc<Map>>,
    /// Where variables of the kernel lie.
    variables: BTreeMap<u32, u64>,
    /// The functions that others run in place of.
    replaced: Vec<usize>,
}

/// Why a program does not run in place of a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// The program that has it is not loaded.
    #[error("{program} of {object}, a function of which it replaces, is not loaded")]
    NotLoaded {
        /// The program.
        program: String,
        /// The object it is from.
        object: String,
    },
    /// Another program runs in its place.
    #[error("another program runs in place of {function} already")]
    Taken {
        /// The function.
        function: String,
    },
    /// An exception of it would end more than itself.
    #[error("not supported yet: putting a program that throws in place of {function}")]
    Throws {
        /// The function.
        function: String,
    },
    /// The engine does not take what is put together.
    #[error("it cannot be put in place of {function}: {source}")]
    Engine {
        /// The function.
        function: String,
        /// Why.
        source: Box<EngineError>,
    },
    /// What is put together cannot be run.
    #[error("it cannot be put in place of {function}: {source}")]
    Lower {
        /// The function.
        function: String,
        /// Why.
        source: Box<code::LowerError>,
    },
}

/// Whether a program throws.
fn throws(loaded: &LoadedProgram) -> bool {
    let verified = loaded.verdict.verified();
    verified.is_some_and(|verified| {
        let mut calls = verified.kernel_calls.values();
        calls.any(|call| call.name == "bpf_throw")
    })
}

impl Sim {
    /// Puts a program in place of the function that it replaces.
    pub(super) fn replace(
        &mut self,
        loaded: &LoadedProgram,
        maps: &[Arc<Map>],
    ) -> Result<(), ReplaceError> {
        let program = loaded.program.as_deref();
        let target = program.and_then(|program| program.attach_program.as_ref());
        let (Some(program), Some(target)) = (&loaded.program, target) else {
            return Ok(());
        };
        if target.joint != Joint::Replaces || loaded.id.is_none() {
            return Ok(());
        }
        let function = function_name(target);
        if throws(loaded) && target.subprog != 0 {
            return Err(ReplaceError::Throws { function });
        }
        let (id, mut whole) = self.whole(target).ok_or_else(|| ReplaceError::NotLoaded {
            program: target.program.name.clone(),
            object: target.object.to_string(),
        })?;
        if whole.replaced.contains(&target.subprog) {
            return Err(ReplaceError::Taken { function });
        }
        whole.put(target.subprog, program, loaded.verdict.verified());
        whole.maps.extend(maps.iter().cloned());
        let variables = self.variables(program).unwrap_or_default();
        whole.variables.extend(variables);
        let code = whole.lower().map_err(|source| ReplaceError::Lower {
            function: function.clone(),
            source: Box::new(source),
        })?;
        let ready = self
            .engines
            .prepare(&code)
            .map_err(|source| ReplaceError::Engine {
                function,
                source: Box::new(source),
            })?;
        code.id.get_or_init(|| id);
        self.engines.insert(id, &ready);
        self.programs.insert(id, Arc::clone(&code));
        for attached in self
            .attached
            .iter_mut()
            .filter(|attached| attached.id == id)
        {
            attached.ready = ready.clone();
        }
        self.wholes.insert(id, whole);
        Ok(())
    }

    /// The program that is attached to, as it is by now.
    fn whole(&mut self, target: &AttachProgram) -> Option<(ProgId, Whole)> {
        let load = self.loads.iter().rev();
        let load = load.into_iter().find(|load| load.name == *target.object)?;
        let loaded = load.program(&target.program.name)?;
        let id = loaded.id?;
        if let Some(whole) = self.wholes.remove(&id) {
            return Some((id, whole));
        }
        let maps = load
            .maps
            .iter()
            .filter_map(|id| self.maps.get(*id).cloned());
        Some((
            id,
            Whole {
                program: Arc::clone(loaded.program.as_ref()?),
                verified: loaded.verdict.verified().cloned(),
                maps: maps.collect(),
                variables: self.variables.iter().map(|(id, at)| (*id, at.0)).collect(),
                replaced: Vec::new(),
            },
        ))
    }
}

impl Whole {
    fn put(&mut self, subprog: usize, part: &Arc<Program>, verified: Option<&Arc<Verified>>) {
        if self.replaced.contains(&0) {
            // Nothing of the program is left that would call the function.
            self.replaced.push(subprog);
            return;
        }
        let both = self.verified.as_ref().zip(verified);
        let judged = both.and_then(|(whole, part)| join_verified(whole, subprog, part));
        let joined = match &judged {
            Some(judged) => Some(Arc::clone(&judged.program)),
            None => join(&self.program, subprog, &part.as_part()).map(Arc::new),
        };
        if let Some(joined) = joined {
            self.program = joined;
        }
        self.verified = judged.map(Arc::new);
        self.replaced.push(subprog);
    }

    fn lower(&self) -> Result<Arc<Code>, code::LowerError> {
        let bindings = Bindings {
            maps: self.maps.iter().map(MapBinding::of).collect(),
            variables: self.variables.clone(),
            ..Bindings::default()
        };
        let code = match &self.verified {
            Some(verified) => code::lower(verified, &bindings),
            None => code::lower_unverified(&self.program, &bindings),
        };
        code.map(Arc::new)
    }
}

fn function_name(target: &AttachProgram) -> String {
    let subprog = target.program.subprogs.get(target.subprog);
    subprog.map_or_else(String::new, |subprog| subprog.name.clone())
}
