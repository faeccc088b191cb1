//! Reading an iterator: each of its programs goes through all objects and writes for the reader.
//!
//! Rules, after Linux 6.12 (`kernel/bpf/bpf_iter.c`):
//! - Objects come in a fixed order: tasks by pid, maps by id, elements in their map's order. After the last
//!   the program is called once more, with none.
//! - A program that returns anything but 0 ends the reading.

use crate::code::RunEnv;
use crate::events::{EventError, MapFacts, Scene};
use crate::helpers::World;
use crate::machine::CpuId;
use crate::maps::{Map, MapEnv};

use super::Sim;
use super::fire::{Attached, HookRun, ProgramRun};

/// `EAGAIN`, with which a reading ends early.
const AGAIN: i64 = -11;

/// What came of a reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) hooks: Vec<HookRun>,
    pub(super) output: Vec<u8>,
    pub(super) result: i64,
}

impl Sim {
    /// Reads all iterators over that kind of object; over elements, of the map of that name.
    pub(super) fn read_iterators(
        &self,
        target: &str,
        map: Option<&str>,
        scene: &mut Scene<'_>,
    ) -> Result<Reading, EventError> {
        let mut reading = Reading::default();
        for program in &self.attached {
            if !program.attachment.iterates(target) {
                continue;
            }
            for objects in self.objects(target, map, scene)? {
                let number = reading.hooks.len() as u64;
                let run = self.visit(program, number, &objects, scene)?;
                let ended = run.outcome.as_ref().map_or(true, |r0| *r0 as u32 != 0);
                reading.hooks.push(HookRun {
                    hook: format!("iter {target}"),
                    runs: vec![run],
                });
                if ended {
                    reading.result = AGAIN;
                    break;
                }
            }
        }
        let file = scene.sequence()?;
        reading.output = self.machine.sequences.take(file);
        Ok(reading)
    }

    /// The arguments of each call behind the first.
    fn objects(
        &self,
        target: &str,
        map: Option<&str>,
        scene: &mut Scene<'_>,
    ) -> Result<Vec<Vec<u64>>, EventError> {
        let mut objects = Vec::new();
        match target {
            "task" => {
                for task in self.machine.tasks.all().iter().filter(|task| task.pid != 0) {
                    objects.push(vec![scene.task_struct(task)?.0]);
                }
                objects.push(vec![0]);
            }
            "bpf_map" => {
                for map in self.maps.iter() {
                    objects.push(vec![scene.map_object(&facts(map))?.0]);
                }
                objects.push(vec![0]);
            }
            "bpf_map_elem" => {
                let name = map.unwrap_or_default();
                let found = self.maps.iter().find(|map| map.spec.name == name);
                let known: Vec<_> = self.maps.iter().map(|map| map.spec.name.as_str()).collect();
                let map = found.ok_or_else(|| EventError::BadValue {
                    event: "iter:bpf_map_elem".to_owned(),
                    arg: "map".to_owned(),
                    value: format!("{name}` of {}", known.join(", ")),
                    wanted: "the name of a map",
                })?;
                let handle = scene.map_object(&facts(map))?.0;
                for (key, value) in map.entries() {
                    let key = scene.shown_bytes("key", &key)?.0;
                    let value = scene.shown_bytes("value", &value)?.0;
                    objects.push(vec![handle, key, value]);
                }
                objects.push(vec![handle, 0, 0]);
            }
            _ => {
                return Err(EventError::UnknownEvent {
                    name: format!("iter:{target}"),
                    known: "iter:task, iter:bpf_map, iter:bpf_map_elem".to_owned(),
                });
            }
        }
        Ok(objects)
    }

    fn visit(
        &self,
        program: &Attached,
        number: u64,
        objects: &[u64],
        scene: &mut Scene<'_>,
    ) -> Result<ProgramRun, EventError> {
        let context = scene.iteration(number, objects)?;
        let surroundings = self.surroundings(None, &self.task, scene)?;
        let code = program.ready.code();
        let world = World {
            task_struct: surroundings.task_struct,
            hook: surroundings.hook(),
            kernel: self.kernel_facts(),
            ..World::new(&self.machine, &self.maps, code.prog_type, &self.task)
        };
        let env = RunEnv {
            world,
            programs: &self.programs,
            stacks: &self.stacks,
            fuel: self.options.fuel,
        };
        let outcome = self.engines.run(&program.ready, &env, context.addr);
        self.maps.end_of_run(&MapEnv {
            memory: &self.machine.memory,
            cpu: CpuId(0),
        });
        Ok(ProgramRun {
            id: program.id,
            name: std::sync::Arc::clone(&code.name),
            verdict: None,
            outcome: outcome.result,
            insns: outcome.insns,
            tail_calls: outcome.tail_calls,
            state: outcome.state,
            changed: Vec::new(),
            written: None,
        })
    }
}

fn facts(map: &Map) -> MapFacts {
    let spec = &map.spec;
    MapFacts {
        id: map.id.0,
        name: spec.name.clone(),
        map_type: spec.map_type.number(),
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: spec.max_entries,
        flags: spec.flags,
    }
}
