//! Reading an iterator: each of its programs goes through all objects and writes for the reader.
//!
//! Rules, after Linux 6.12 (`kernel/bpf/bpf_iter.c`):
//! - Objects come in a fixed order: tasks by pid, maps by id, elements in their map's order. After the last
//!   the program is called once more, with none.
//! - A program that returns anything but 0 ends the reading.

use crate::events::{EventError, IterateEvent, MapFacts, Scene};
use crate::machine::Protocol;
use crate::maps::Map;

use super::Sim;
use super::fire::{Attached, Firing, HookRun, ProgramRun};
use super::running::UnderWay;

/// `EAGAIN`, with which a reading ends early.
const AGAIN: i64 = -11;

impl Sim {
    /// Reads all iterators over that kind of object; over elements, of the map of that name.
    pub(super) fn read_iterators(
        &self,
        event: &IterateEvent,
        scene: &mut Scene<'_>,
        firing: &mut Firing,
    ) -> Result<(), EventError> {
        let (target, map) = (event.target.as_str(), event.map.as_deref());
        let mut result = 0;
        for program in &self.attached {
            if !program.attachment.iterates(target) {
                continue;
            }
            let objects = self.objects(target, map, scene)?;
            for (number, objects) in (0..).zip(objects) {
                let run = self.visit(program, number, &objects, scene)?;
                let ended = run.outcome.as_ref().map_or(true, |r0| *r0 as u32 != 0);
                firing.hooks.push(HookRun {
                    hook: format!("iter {target}"),
                    runs: vec![run],
                });
                if ended {
                    result = AGAIN;
                    break;
                }
            }
        }
        let file = scene.sequence()?;
        firing.output = Some(self.machine.sequences.take(file));
        firing.result = Some(result);
        Ok(())
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
            "tcp" | "udp" => {
                let protocol = match target {
                    "tcp" => Protocol::Tcp,
                    _ => Protocol::Udp,
                };
                let open = self.machine.sockets.all().into_iter();
                let mut open: Vec<_> = open.filter(|one| one.spec.protocol == protocol).collect();
                // The kernel goes through those that listen first.
                open.sort_by_key(|one| one.spec.remote.is_some());
                for socket in open {
                    let at = scene.kernel_socket(&socket)?.0;
                    // A number of a bucket ends the context of datagram sockets.
                    objects.push(vec![at, u64::from(socket.spec.uid), 0]);
                }
                objects.push(vec![0, 0, 0]);
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
                    let value = match map.element_user(&key) {
                        Some(value) => value,
                        None => scene.shown_values(&value)?,
                    };
                    objects.push(vec![handle, scene.shown_key(&key)?.0, value.0]);
                }
                objects.push(vec![handle, 0, 0]);
            }
            _ => {
                return Err(EventError::UnknownEvent {
                    name: format!("iter:{target}"),
                    known: "iter:task, iter:tcp, iter:udp, iter:bpf_map, iter:bpf_map_elem"
                        .to_owned(),
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
        let env = self.run_env(self.world(code.prog_type, &self.task, &surroundings));
        let under_way = UnderWay::begin(self, env.world.cpu);
        let outcome = self.engines.run(&program.ready, &env, context.addr);
        drop(under_way);
        Ok(ProgramRun::of(program.id, code, outcome))
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
