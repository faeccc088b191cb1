//! Loading: from an object to maps and programs that are attached.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::abi::sections;
use crate::code::{self, Bindings, Code, LowerError, MapBinding};
use crate::events::Attachment;
use crate::machine::{Errno, MapId, ProgId};
use crate::maps::{BPF_ANY, Map, MapError};
use crate::object::{
    Autoload, Initial, Joint, LinkError, LinkOptions, MapSpec, Object, Pinning, Program,
};
use crate::verifier::{self, Env, Rejection, Verified};

use super::fire::{Attached, Reached};
use super::kernel_functions;
use super::replace::ReplaceError;
use super::surroundings::Wants;
use super::{EngineError, LoadError, Ready, Sim, Verify};

/// One loaded object.
#[derive(Debug, Default)]
pub struct Load {
    /// The name of its file, or of the program that came from none.
    pub name: String,
    /// The object, unless the program came from none.
    pub object: Option<Object>,
    /// Its programs, in the order of the file.
    pub programs: Vec<LoadedProgram>,
    /// The ids of its maps, in the order of [`Object::maps`]; empty if one could not be made.
    pub maps: Vec<MapId>,
}

/// One program and what became of it.
#[derive(Debug)]
pub struct LoadedProgram {
    /// Its id, if it is loaded.
    pub id: Option<ProgId>,
    /// Its name.
    pub name: String,
    /// The section it came from.
    pub section: String,
    /// The program, unless it does not link.
    pub program: Option<Arc<Program>>,
    /// What became of it.
    pub verdict: Verdict,
    /// What runs, if it can run.
    pub ready: Option<Ready>,
    /// How long judging it took.
    pub duration: Duration,
}

/// What became of a program.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was judged, accepted, and can run.
    Accepted {
        /// What was learnt.
        verified: Arc<Verified>,
        /// What runs.
        code: Arc<Code>,
    },
    /// Nobody judged it; it can run.
    Unverified {
        /// What runs.
        code: Arc<Code>,
    },
    /// It cannot be loaded.
    Refused(Refusal),
    /// It is loaded only when asked for (`SEC("?…")`).
    Skipped,
}

/// Why a program cannot be loaded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// It does not link.
    #[error(transparent)]
    Link(LinkError),
    /// The verifier refuses it.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// It is accepted, but a map of its object cannot be made.
    #[error("{error}")]
    Map {
        /// What the verifier learnt, if it was asked.
        verified: Option<Arc<Verified>>,
        /// Why there is no map.
        error: Arc<MapError>,
    },
    /// It is accepted, but the engine does not take it.
    #[error("{error}")]
    Engine {
        /// What the verifier learnt, if it was asked.
        verified: Option<Arc<Verified>>,
        /// Why it does not.
        error: EngineError,
    },
    /// It is accepted, but the simulator cannot run it.
    #[error("{error}")]
    Lower {
        /// What the verifier learnt, if it was asked.
        verified: Option<Arc<Verified>>,
        /// Why it cannot run.
        error: LowerError,
    },
    /// It is accepted, but does not run in place of the function that it replaces.
    #[error("{error}")]
    Replace {
        /// What the verifier learnt, if it was asked.
        verified: Option<Arc<Verified>>,
        /// Why not.
        error: ReplaceError,
    },
}

impl Verdict {
    /// What runs, if it can run.
    pub fn code(&self) -> Option<&Arc<Code>> {
        match self {
            Verdict::Accepted { code, .. } | Verdict::Unverified { code } => Some(code),
            Verdict::Refused(_) | Verdict::Skipped => None,
        }
    }

    /// What the verifier learnt, if it accepted the program.
    pub fn verified(&self) -> Option<&Arc<Verified>> {
        match self {
            Verdict::Accepted { verified, .. } => Some(verified),
            Verdict::Refused(
                Refusal::Map { verified, .. }
                | Refusal::Lower { verified, .. }
                | Refusal::Replace { verified, .. }
                | Refusal::Engine { verified, .. },
            ) => verified.as_ref(),
            Verdict::Unverified { .. } | Verdict::Refused(_) | Verdict::Skipped => None,
        }
    }

    /// Why it cannot be loaded.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Accepted { .. } | Verdict::Unverified { .. } | Verdict::Skipped => None,
        }
    }
}

impl Load {
    /// The program of that name.
    pub fn program(&self, name: &str) -> Option<&LoadedProgram> {
        self.programs.iter().find(|program| program.name == name)
    }
}

impl Sim {
    /// Loads an object file: makes its maps, judges every program that is loaded without being
    /// asked for, and attaches the accepted to what their sections name. A program that is refused
    /// is no error: its verdict says why.
    ///
    /// # Errors
    /// The file cannot be read or is no object.
    pub fn load_file(&mut self, path: impl AsRef<Path>) -> Result<Arc<Load>, LoadError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        self.load_bytes(&path.to_string_lossy(), &bytes)
    }

    /// As [`Sim::load_file`], from bytes; `name` is the file's name.
    ///
    /// # Errors
    /// The bytes are no object.
    pub fn load_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Load>, LoadError> {
        let object = Object::parse(name, bytes).map_err(|source| LoadError::Object {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        let linked = object.link(&LinkOptions {
            target_btf: self.options.kernel_btf.as_deref(),
            setup: Some(&self.options.setup),
            module_btfs: &self.options.module_btfs,
            target: self.options.target.as_deref(),
            ..LinkOptions::default()
        });
        let load = Load {
            name: name.to_owned(),
            object: Some(object),
            ..Load::default()
        };
        Ok(self.finish(load, &linked.maps, linked.programs))
    }

    /// Loads one program that comes from no object.
    pub fn load_program(&mut self, program: Program) -> Arc<Load> {
        let load = Load {
            name: program.name.clone(),
            ..Load::default()
        };
        let maps = Arc::clone(&program.maps);
        self.finish(load, &maps, vec![Ok(program)])
    }

    fn finish(
        &mut self,
        mut load: Load,
        specs: &[MapSpec],
        programs: Vec<Result<Program, LinkError>>,
    ) -> Arc<Load> {
        let maps = self.make_maps(specs);
        load.programs = programs
            .into_iter()
            .map(|program| self.load_one(program, &maps))
            .collect();
        for loaded in &mut load.programs {
            let maps = maps.as_deref().unwrap_or_default();
            if let Err(error) = self.replace(loaded, maps) {
                let verified = loaded.verdict.verified().cloned();
                loaded.verdict = Verdict::Refused(Refusal::Replace { verified, error });
                loaded.id = None;
            }
        }
        if let Ok(maps) = &maps {
            load.maps = maps.iter().map(|map| map.id).collect();
            self.fill_arrays(&load, maps);
        }
        self.attach(&load);
        let load = Arc::new(load);
        self.loads.push(Arc::clone(&load));
        load
    }

    /// Makes maps, and puts the inner into the outer.
    fn make_maps(&self, specs: &[MapSpec]) -> Result<Vec<Arc<Map>>, Arc<MapError>> {
        let make = |spec: &MapSpec| match self.pinned(spec)? {
            Some(pinned) => Ok(pinned),
            None => Map::create(&self.machine, spec),
        };
        let made: Result<Vec<_>, _> = specs.iter().map(make).collect();
        let maps = made.map_err(Arc::new)?;
        maps.iter()
            .for_each(|map| self.maps.insert(Arc::clone(map)));
        for map in &maps {
            let Initial::Maps(inner) = &map.spec.initial else {
                continue;
            };
            for (key, index) in inner {
                let Some(inner) = maps.get(*index as usize) else {
                    continue;
                };
                map.insert_map(&key.to_le_bytes(), inner, BPF_ANY)
                    .map_err(|errno| {
                        let reason = "an inner map has another shape than declared";
                        MapError::Refused {
                            map: map.spec.name.clone(),
                            errno,
                            reason,
                        }
                    })?;
            }
        }
        Ok(maps)
    }

    /// The map that another object has pinned by the name of this one, which stands for both.
    fn pinned(&self, spec: &MapSpec) -> Result<Option<Arc<Map>>, MapError> {
        let is_pinned =
            |map: &&Arc<Map>| map.spec.pinning == Pinning::ByName && map.spec.name == spec.name;
        let Some(map) = self.maps.iter().find(is_pinned) else {
            return Ok(None);
        };
        let shape = |spec: &MapSpec| {
            let sizes = (spec.key_size, spec.value_size, spec.flags, spec.extra);
            (spec.map_type, sizes)
        };
        let entries = spec.max_entries == map.spec.max_entries || spec.max_entries == 0;
        match spec.pinning {
            Pinning::None => Ok(None),
            Pinning::ByName if shape(spec) == shape(&map.spec) && entries => {
                Ok(Some(Arc::clone(map)))
            }
            Pinning::ByName => Err(MapError::Refused {
                map: spec.name.clone(),
                errno: Errno::EINVAL,
                reason: "a map of another definition is pinned by that name",
            }),
        }
    }

    fn load_one(
        &mut self,
        program: Result<Program, LinkError>,
        maps: &Result<Vec<Arc<Map>>, Arc<MapError>>,
    ) -> LoadedProgram {
        let program = match program {
            Ok(program) => Arc::new(program),
            Err(error) => {
                return LoadedProgram {
                    id: None,
                    name: error.program.clone(),
                    section: error.section.clone(),
                    program: None,
                    ready: None,
                    verdict: match self
                        .options
                        .programs
                        .takes(&error.program, autoload(&error))
                    {
                        true => Verdict::Refused(Refusal::Link(error)),
                        false => Verdict::Skipped,
                    },
                    duration: Duration::ZERO,
                };
            }
        };
        let start = Instant::now();
        let taken = self.options.programs.takes(&program.name, program.autoload);
        let judged = taken.then(|| self.judge(&program));
        let duration = start.elapsed();
        let verdict = judged.map_or(Verdict::Skipped, |judged| {
            let bindings = self.bindings_of(&program, judged.as_ref().ok());
            lower(&program, judged, maps, bindings)
        });
        let (verdict, ready) = self.compile(verdict);
        let id = ready.as_ref().map(|ready| {
            let id = self.machine.registry.next_prog();
            ready.code().id.get_or_init(|| id);
            self.programs.insert(id, Arc::clone(ready.code()));
            self.engines.insert(id, ready);
            id
        });
        let (name, section) = (program.name.clone(), program.section.clone());
        LoadedProgram {
            id,
            name,
            section,
            program: Some(program),
            verdict,
            ready,
            duration,
        }
    }

    /// Where a program finds what is not in a map: variables of the kernel, and, if nobody judged it, its functions.
    fn bindings_of(
        &mut self,
        program: &Program,
        judged: Option<&Option<Arc<Verified>>>,
    ) -> Bindings {
        let kfuncs = match judged {
            Some(None) => kernel_functions::called(program, self.options.kernel_btf.as_deref()),
            Some(Some(_)) | None => BTreeMap::new(),
        };
        Bindings {
            // A variable for which there is no room is one that there is not.
            variables: self.variables(program).unwrap_or_default(),
            kfuncs,
            ..Bindings::default()
        }
    }

    /// Makes what can run ready for the engine.
    fn compile(&self, verdict: Verdict) -> (Verdict, Option<Ready>) {
        let Some(code) = verdict.code() else {
            return (verdict, None);
        };
        match self.engines.prepare(code) {
            Ok(ready) => (verdict, Some(ready)),
            Err(error) => {
                let verified = verdict.verified().cloned();
                let refusal = Refusal::Engine { verified, error };
                (Verdict::Refused(refusal), None)
            }
        }
    }

    /// Asks the verifier, if it is to be asked.
    fn judge(&self, program: &Arc<Program>) -> Result<Option<Arc<Verified>>, Box<Rejection>> {
        let env = Env {
            kernel_btf: self.options.kernel_btf.clone(),
            log_level: self.options.log_level,
            loader: self.options.loader,
            ..Env::default()
        };
        match self.options.verify {
            Verify::Always => {
                verifier::verify(program, &env).map(|verified| Some(Arc::new(verified)))
            }
            Verify::Never => Ok(None),
        }
    }

    /// Puts programs into the arrays that the object declares them in.
    fn fill_arrays(&self, load: &Load, maps: &[Arc<Map>]) {
        for map in maps {
            let (Initial::Programs(entries), Some(array)) = (&map.spec.initial, map.programs())
            else {
                continue;
            };
            for (index, name) in entries {
                let id = load.program(name).and_then(|program| program.id);
                let set = array.set(&self.machine.memory, *index, id);
                debug_assert!(set.is_ok(), "initial programs lie in their array: {set:?}");
            }
        }
    }

    fn attach(&mut self, load: &Load) {
        let called = called(load);
        for loaded in &load.programs {
            let (Some(id), Some(ready), Some(program)) =
                (loaded.id, &loaded.ready, &loaded.program)
            else {
                continue;
            };
            let target = program.attach_program.as_ref();
            if target.is_some_and(|target| target.joint == Joint::Replaces) {
                // It runs where the function does that it replaces.
                continue;
            }
            self.attached.push(Attached {
                id,
                ready: ready.clone(),
                attachment: Attachment::of(program),
                object: load.name.clone(),
                called: called.contains(loaded.name.as_str()),
                wants: Wants::of(program, ready.code()),
                reached: Reached::No,
            });
        }
    }
}

/// The programs that an object puts into arrays.
fn called(load: &Load) -> BTreeSet<&str> {
    let maps = load.object.iter().flat_map(|object| object.maps().iter());
    let lists = maps.filter_map(|map| match &map.initial {
        Initial::Programs(entries) => Some(entries),
        Initial::Empty | Initial::Data(_) | Initial::Maps(_) | Initial::StructOps(_) => None,
    });
    lists.flatten().map(|(_, name)| name.as_str()).collect()
}

/// Whether a program that does not link would be loaded without being asked for.
fn autoload(error: &LinkError) -> Autoload {
    match sections::parse(&error.section) {
        Some(section) if !section.autoload => Autoload::No,
        Some(_) | None => Autoload::Yes,
    }
}

/// Makes code of a judged program.
fn lower(
    program: &Arc<Program>,
    judged: Result<Option<Arc<Verified>>, Box<Rejection>>,
    maps: &Result<Vec<Arc<Map>>, Arc<MapError>>,
    bindings: Bindings,
) -> Verdict {
    let verified = match judged {
        Ok(verified) => verified,
        Err(rejection) => return Verdict::Refused(Refusal::Rejected(rejection)),
    };
    let maps = match maps {
        Ok(maps) => maps,
        Err(error) => {
            return Verdict::Refused(Refusal::Map {
                verified,
                error: Arc::clone(error),
            });
        }
    };
    let bindings = Bindings {
        maps: maps.iter().map(MapBinding::of).collect(),
        ..bindings
    };
    let code = match &verified {
        Some(verified) => code::lower(verified, &bindings),
        None => code::lower_unverified(&program.as_part(), &bindings),
    };
    match (code.map(Arc::new), verified) {
        (Ok(code), Some(verified)) => Verdict::Accepted { verified, code },
        (Ok(code), None) => Verdict::Unverified { code },
        (Err(error), verified) => Verdict::Refused(Refusal::Lower { verified, error }),
    }
}
