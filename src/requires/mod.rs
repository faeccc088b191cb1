//! What an object asks of a kernel: the releases that brought what it uses, and where it uses it.
//!
//! It runs nothing and asks no verifier: a kernel that has everything may still refuse a program. The answer is a
//! lower bound, for mainline Linux on x86-64:
//! - a helper may have come to a program type later than it came to others;
//! - distributions backport;
//! - what the loader leaves out or replaces where a kernel lacks it (most of type information, `bpf_probe_read_kernel`)
//!   is [`Strength::Adapted`], and no part of the bound; which that is, is libbpf 1.5's doing.
//!
//! - `code` looks at instructions, `data` at maps and type information.

mod code;
mod data;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::abi::Version;
use crate::isa::Pc;
use crate::object::{LinkOptions, Needs, Object, Program};

/// What an object asks of a kernel.
#[derive(Debug)]
pub struct Requirements {
    /// What it asks for: first what came last.
    pub all: Vec<Requirement>,
    /// Programs that do not link and so could not be looked at, and why.
    pub unknown: Vec<(String, String)>,
}

/// One thing that a kernel must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The release that brought it.
    pub since: Version,
    /// Which kind of thing.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// Whether the loader can do without.
    pub strength: Strength,
    /// Where it is first used.
    pub place: Place,
    /// How many places use it.
    pub uses: usize,
}

/// Kinds of things that kernels have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A program type.
    ProgramType,
    /// An attach type.
    AttachType,
    /// A helper.
    Helper,
    /// A kernel function.
    Kfunc,
    /// A kernel variable, or an address of the kernel's.
    Ksym,
    /// A value of the kernel's configuration.
    Config,
    /// An instruction, or something that instructions do together.
    Instruction,
    /// A map type.
    MapType,
    /// A flag of a map.
    MapFlag,
    /// Something that a map's values hold.
    MapValue,
    /// A kind of type information.
    Btf,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ProgramType => "program type",
            Kind::AttachType => "attach type",
            Kind::Helper => "helper",
            Kind::Kfunc => "kfunc",
            Kind::Ksym => "ksym",
            Kind::Config => "kernel option",
            Kind::Instruction => "instruction",
            Kind::MapType => "map type",
            Kind::MapFlag => "map flag",
            Kind::MapValue => "map value",
            Kind::Btf => "BTF",
        }
    }
}

/// Whether an object loads where something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// It does not.
    Needed,
    /// The loader leaves it out or uses something else.
    Adapted,
}

/// Where something is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the object.
    Object,
    /// By a map.
    Map(String),
    /// By a program as such.
    Program {
        /// Its name.
        program: String,
        /// Its section.
        section: String,
    },
    /// By an instruction.
    Instruction {
        /// The program's name.
        program: String,
        /// Its section.
        section: String,
        /// The instruction.
        pc: Pc,
        /// File and line of its source.
        source: Option<(String, u32)>,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Object => f.write_str("the object"),
            Place::Map(name) => write!(f, "map {name}"),
            Place::Program { program, section } => write!(f, "{program} ({section})"),
            Place::Instruction {
                program,
                source: Some((file, line)),
                ..
            } => write!(f, "{program}, {file}:{line}"),
            Place::Instruction { program, pc, .. } => write!(f, "{program}, instruction {pc}"),
        }
    }
}

impl Requirements {
    /// Looks at everything in an object, linked for the kernel of the options.
    pub fn of(object: &Object, options: &LinkOptions<'_>) -> Requirements {
        let linked = object.link(&LinkOptions {
            needs: Needs::Listed,
            ..*options
        });
        let kernel = options.target_btf;
        let mut found = Found::default();
        let mut unknown = Vec::new();
        for program in &linked.programs {
            match program {
                Ok(program) => code::program(program, kernel, &mut found),
                Err(error) => unknown.push((error.program.clone(), error.source.to_string())),
            }
        }
        data::object(object, &linked.maps, &mut found);
        Requirements {
            all: found.sorted(),
            unknown,
        }
    }

    /// The release that brought the last of what cannot be done without, and what that is.
    pub fn minimum(&self) -> Option<&Requirement> {
        let mut needed = self.all.iter();
        needed.find(|requirement| requirement.strength == Strength::Needed)
    }
}

/// Requirements while they are collected: each thing once.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<(Kind, String), Requirement>,
}

/// A thing that is required, before it is known where.
struct Thing {
    kind: Kind,
    name: String,
    since: Version,
    strength: Strength,
}

impl Thing {
    fn needed(kind: Kind, name: impl Into<String>, since: Version) -> Thing {
        Thing {
            kind,
            name: name.into(),
            since,
            strength: Strength::Needed,
        }
    }

    fn adapted(kind: Kind, name: impl Into<String>, since: Version) -> Thing {
        Thing {
            strength: Strength::Adapted,
            ..Thing::needed(kind, name, since)
        }
    }
}

impl Found {
    fn add(&mut self, thing: Thing, place: impl FnOnce() -> Place) {
        let key = (thing.kind, thing.name.clone());
        let entry = self.by_name.entry(key).or_insert_with(|| Requirement {
            since: thing.since,
            kind: thing.kind,
            name: thing.name,
            strength: thing.strength,
            place: place(),
            uses: 0,
        });
        entry.uses += 1;
        entry.strength = entry.strength.min(thing.strength);
    }

    /// Adds what the object declares as not its own. What code was found to use is counted already,
    /// and only the declaration says whether it can do without.
    fn declare(&mut self, thing: Thing) {
        let known = self.by_name.get_mut(&(thing.kind, thing.name.clone()));
        match known {
            Some(known) => known.strength = thing.strength,
            None => self.add(thing, || Place::Object),
        }
    }

    /// The latest release first; within one, as kinds and names go.
    fn sorted(self) -> Vec<Requirement> {
        let mut all: Vec<Requirement> = self.by_name.into_values().collect();
        all.sort_by_key(|requirement| std::cmp::Reverse(requirement.since));
        all
    }
}

fn of_program(program: &Program) -> Place {
    Place::Program {
        program: program.name.clone(),
        section: program.section.clone(),
    }
}
