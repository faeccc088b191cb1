//! Firing: each hook of an event, each program there, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::abi::ProgType;
use crate::code::{Code, Outcome, Trap};
use crate::events::{
    Answer, Attachment, Event, EventError, Named, Passage, Point, Scene, SkbFields, Stop,
    UsdtEvent, changed, verdict_name,
};
use crate::helpers::{Hook, Redirect, RunState, Sysctl, World};
use crate::machine::{Addr, CpuId, Cpus, Holder, HolderKind, ProgId, ROOT_CGROUP};
use crate::maps::CgroupPlace;

use super::running::UnderWay;
use super::surroundings::Wants;
use super::{Ready, Sim};

/// What came of an event.
#[derive(Clone, Debug, Default)]
pub struct Firing {
    /// The CPU that it happened on.
    pub cpu: CpuId,
    /// The hooks it passed, in order, those without programs too.
    pub hooks: Vec<HookRun>,
    /// What a system call returned, or another hook that answers.
    pub result: Option<i64>,
    /// The packet afterwards.
    pub packet: Option<Vec<u8>>,
    /// What XDP programs left before it, if it is still a frame.
    pub metadata: Option<Vec<u8>>,
    /// What it carries beside its bytes, where a program saw it as a socket buffer.
    pub fields: Option<SkbFields>,
    /// What iterators wrote for their reader.
    pub output: Option<Vec<u8>>,
}

/// One hook that was passed.
#[derive(Clone, Debug)]
pub struct HookRun {
    /// Its name: `tracepoint syscalls/sys_enter_execve`.
    pub hook: String,
    /// The programs that ran there, in order.
    pub runs: Vec<ProgramRun>,
}

/// One run of a program.
#[derive(Clone, Debug)]
pub struct ProgramRun {
    /// The program.
    pub id: ProgId,
    /// Its name.
    pub name: Arc<str>,
    /// What it returned, or why it stopped.
    pub outcome: Result<u64, Box<Trap>>,
    /// What the return value means, where it is a verdict: `XDP_DROP`.
    pub verdict: Option<&'static str>,
    /// Instructions executed, if the engine counted them.
    pub insns: Option<u64>,
    /// Tail calls taken.
    pub tail_calls: u32,
    /// What helpers left: redirects, signals, overridden return values.
    pub state: RunState,
    /// Fields of its context that it changed, or members of what an operation works on: name, before and after.
    pub changed: Vec<(String, u64, u64)>,
    /// All of its context afterwards, where that is memory of who called it.
    pub context: Option<Vec<u8>>,
    /// The value that the kernel's parameter shall have, where it is one's that is written.
    pub written: Option<Vec<u8>>,
}

/// A program that no event reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// The program.
    pub id: ProgId,
    /// Its name.
    pub name: String,
    /// The object it came from.
    pub object: String,
    /// What would reach it: `--event openat`, `a packet: --data FILE`.
    pub needs: String,
    /// Who ended an event on its way there, and how: `filter returned XDP_DROP`.
    pub ended_by: Option<String>,
}

/// A program on its hook.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) id: ProgId,
    pub(super) ready: Ready,
    pub(super) attachment: Attachment,
    pub(super) object: String,
    /// Whether it waits in a program array instead.
    pub(super) called: bool,
    pub(super) wants: Wants,
    pub(super) reached: Reached,
}

/// Whether an event has reached a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    No,
    /// Not, because that program ended the event first.
    EndedBy(String),
    Yes,
}

/// What events reached and what they missed, by the places of programs among those attached.
#[derive(Debug, Default)]
pub(super) struct Trail {
    reached: BTreeSet<usize>,
    /// And who ended the first event on its way there, how.
    missed: BTreeMap<usize, String>,
}

impl Attached {
    pub(super) fn name(&self) -> String {
        self.ready.code().name.to_string()
    }
}

/// The point of a probe.
pub(super) fn usdt_point(event: &UsdtEvent) -> Point {
    Point::Usdt {
        path: event.executable.path.clone(),
        provider: event.provider.clone(),
        name: event.name.clone(),
    }
}

impl ProgramRun {
    /// What came of a run.
    pub(super) fn of(id: ProgId, code: &Code, outcome: Outcome) -> ProgramRun {
        let r0 = outcome.result.as_ref().ok();
        ProgramRun {
            id,
            name: Arc::clone(&code.name),
            verdict: r0.and_then(|r0| verdict_name(code.prog_type, *r0)),
            outcome: outcome.result,
            insns: outcome.insns,
            tail_calls: outcome.tail_calls,
            state: outcome.state,
            changed: Vec::new(),
            context: None,
            written: None,
        }
    }

    /// Where it sends the packet, if its verdict is to send it elsewhere.
    pub fn redirect(&self) -> Option<&Redirect> {
        let sends = self
            .verdict
            .is_some_and(|verdict| verdict.ends_with("_REDIRECT"));
        let passes = matches!(self.outcome, Ok(1));
        let redirect = self.state.redirect.as_ref();
        redirect.filter(|redirect| match redirect {
            Redirect::Stream { .. } => passes,
            Redirect::Device { .. }
            | Redirect::Devices { .. }
            | Redirect::Cpu { .. }
            | Redirect::Socket { .. } => sends,
        })
    }

    /// How it ended an event, in words.
    fn ending(&self) -> String {
        match (&self.outcome, self.verdict) {
            (_, Some(verdict)) => format!("{} returned {verdict}", self.name),
            (Ok(value), None) => format!("{} returned {}", self.name, value.cast_signed()),
            (Err(_), None) => format!("{} trapped", self.name),
        }
    }
}

impl Firing {
    /// All runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = &ProgramRun> {
        self.hooks.iter().flat_map(|hook| &hook.runs)
    }

    /// The first trap, if a program trapped.
    pub fn trap(&self) -> Option<&Trap> {
        let mut traps = self.runs().filter_map(|run| run.outcome.as_ref().err());
        traps.next().map(Box::as_ref)
    }
}

impl Sim {
    /// Lets something happen on the first CPU: runs every attached program that it passes.
    ///
    /// # Errors
    /// There is no such event, or a context cannot be laid out. A program that traps is no error:
    /// its outcome says so.
    pub fn fire(&mut self, event: &Event) -> Result<Firing, EventError> {
        self.fire_on(CpuId(0), event)
    }

    /// As [`Sim::fire`], on another CPU; on the last if there are not so many. What timers do happens where they
    /// were started.
    ///
    /// # Errors
    /// As there.
    pub fn fire_on(&mut self, cpu: CpuId, event: &Event) -> Result<Firing, EventError> {
        let cpu = CpuId(cpu.0.min(self.options.cpus.count() - 1));
        self.make_stacks(Cpus::new(cpu.0 + 1))?;
        self.attach_probes_of(event)?;
        self.machine.grace.run_on(1);
        let mut trail = Trail::default();
        let firing = self.happen(event, cpu, &mut trail)?;
        self.follow(trail);
        Ok(firing)
    }

    /// Attaches what runs at the static probe that an event is.
    pub(super) fn attach_probes_of(&mut self, event: &Event) -> Result<(), EventError> {
        match event {
            Event::Usdt(event) => self.attach_usdt(event),
            Event::Execve(_)
            | Event::Syscall(_)
            | Event::Packet(_)
            | Event::Hook(_)
            | Event::Sleep(_)
            | Event::Place(_)
            | Event::Iterate(_) => Ok(()),
        }
    }

    /// Runs what an event passes, and adds to a trail what it reached.
    pub(super) fn happen(
        &self,
        event: &Event,
        cpu: CpuId,
        trail: &mut Trail,
    ) -> Result<Firing, EventError> {
        let mut passage = event.passage(&self.task)?;
        let kernel = self.options.kernel_btf.as_deref();
        let mut scene = Scene::new(&self.machine, kernel, &passage).on(cpu);
        let mut firing = Firing {
            cpu,
            ..Firing::default()
        };
        let mut ended_by = None;
        while let Some(stop) = passage.advance() {
            let (runs, answer) = self.stop(&stop, &passage, &mut scene)?;
            self.note_reached(trail, &stop.point, passage.named(), &runs);
            if answer != Answer::Continue {
                ended_by = runs.last().map(ProgramRun::ending);
            }
            firing.hooks.push(HookRun {
                hook: stop.point.to_string(),
                runs,
            });
            passage.answer(answer);
            let now = self.machine.clock.peek();
            let timers = self.fire_timers(now, passage.task(), &mut scene)?;
            firing.hooks.extend(timers);
        }
        if let Event::Sleep(nanoseconds) = event {
            firing.hooks.extend(self.sleep(*nanoseconds, &mut scene)?);
        }
        (firing.packet, firing.fields) = (scene.packet_bytes(), scene.packet_fields());
        firing.metadata = scene.packet_metadata();
        firing.result = passage.result().filter(|_| firing.packet.is_none());
        if let Event::Iterate(event) = event {
            trail.reached.extend(self.readers_of(&event.target));
            self.read_iterators(event, &mut scene, &mut firing)?;
        }
        drop(scene);
        if passage.ends_task() {
            self.maps.holder_gone(Holder {
                kind: HolderKind::Task,
                number: u64::from(passage.task().pid),
            });
        }
        if let Some(ended_by) = ended_by {
            self.note_missed(trail, &passage, &ended_by);
        }
        Ok(firing)
    }

    /// Remembers which programs events reached and which they missed.
    pub(super) fn follow(&mut self, trail: Trail) {
        for (index, ended_by) in trail.missed {
            if let Some(program) = self.attached.get_mut(index)
                && program.reached == Reached::No
            {
                program.reached = Reached::EndedBy(ended_by);
            }
        }
        for index in trail.reached {
            if let Some(program) = self.attached.get_mut(index) {
                program.reached = Reached::Yes;
            }
        }
    }

    /// Runs the programs at one hook.
    fn stop(
        &self,
        stop: &Stop,
        passage: &Passage,
        scene: &mut Scene<'_>,
    ) -> Result<(Vec<ProgramRun>, Answer), EventError> {
        let (mut runs, mut answer) = (Vec::new(), Answer::Continue);
        for program in &self.attached {
            let Attached {
                attachment, ready, ..
            } = program;
            if program.called || !attachment.runs_at(&stop.point, passage.named()) {
                continue;
            }
            if let Point::Place(place) = &stop.point
                && !place.means(&ready.code().name)
            {
                continue;
            }
            if !scene.runs_in_session(program.id, stop, attachment) {
                continue;
            }
            let run = self.run(program, stop, passage, scene)?;
            let result = run.outcome.as_ref().ok().copied();
            scene.end_in_session(program.id, stop, attachment, result);
            let given = match run.outcome {
                Ok(r0) => stop.answer(attachment, ready.code().prog_type, r0, &run.state),
                Err(_) => Answer::Continue,
            };
            runs.push(run);
            if given != Answer::Continue {
                answer = given;
                if stop.ends_at_first(attachment) {
                    break;
                }
            }
        }
        Ok((runs, answer))
    }

    /// Runs one program.
    fn run(
        &self,
        program: &Attached,
        stop: &Stop,
        passage: &Passage,
        scene: &mut Scene<'_>,
    ) -> Result<ProgramRun, EventError> {
        let context = scene.context(stop, &program.attachment, passage.task())?;
        let code = program.ready.code();
        let is_sysctl = code.prog_type == ProgType::CgroupSysctl;
        let sysctl = is_sysctl.then(|| scene.sysctl());
        let surroundings = self.surroundings(Some(stop), passage.task(), scene)?;
        let kernel_context = self.kernel_context(program, scene, context.addr)?;
        let world = self.world(code.prog_type, passage.task(), &surroundings);
        let hook = Hook {
            session: scene.session(program.id, stop, &program.attachment)?,
            func_ip: context.func_ip,
            func_args: context.func_args,
            returned: context.returned,
            cgroup: stop.point.hook_of_cgroup().map(|hook| CgroupPlace {
                cgroup: ROOT_CGROUP,
                hook,
            }),
            cookie: passage
                .usdt()
                .map_or(0, |event| self.usdt_cookie(program, event)),
            ..world.hook
        };
        let env = self.run_env(World {
            kernel_context,
            packet: scene.packet(),
            sysctl: sysctl.as_ref(),
            hook,
            ..world
        });
        let before = self.context_bytes(stop, context.addr);
        let operands = scene.operand_bytes();
        let under_way = UnderWay::begin(self, env.world.cpu);
        let outcome = self.engines.run(&program.ready, &env, context.addr);
        drop(under_way);
        let mut run = ProgramRun::of(program.id, code, outcome);
        if let Point::Place(place) = &stop.point {
            let after = self.context_bytes(stop, context.addr);
            let fields = changed(place, &before, &after).into_iter();
            run.changed = fields
                .map(|(name, before, after)| (name.to_owned(), before, after))
                .collect();
            run.context = (place.prog_type == ProgType::Syscall).then_some(after);
        }
        if let Point::Operation { .. } = &stop.point {
            run.changed = scene.changed_operands(&operands);
        }
        run.written = sysctl.as_ref().and_then(Sysctl::written);
        let kept = run.state.kept.iter();
        kept.for_each(|addr| self.machine.memory.free(*addr));
        Ok(run)
    }

    /// The bytes of a context that is one of a place, to see what a program changes.
    fn context_bytes(&self, stop: &Stop, at: Addr) -> Vec<u8> {
        let Point::Place(_) = &stop.point else {
            return Vec::new();
        };
        let memory = &self.machine.memory;
        let len = memory.describe(at).map_or(0, |object| object.len);
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        memory.peek_vec(at, len).unwrap_or_default()
    }

    /// The programs that go through objects of a kind.
    fn readers_of(&self, target: &str) -> Vec<usize> {
        let readers = (0..).zip(&self.attached);
        readers
            .filter(|(_, program)| program.attachment.iterates(target))
            .map(|(index, _)| index)
            .collect()
    }

    /// Notes the programs that a hook reached: those that ran, and where one of them called another by an
    /// array, those that could have been meant.
    fn note_reached(&self, trail: &mut Trail, point: &Point, named: Named, runs: &[ProgramRun]) {
        let called = runs.iter().any(|run| run.tail_calls > 0);
        let is_reached = |program: &Attached| match program.called {
            true => called && program.attachment.runs_at(point, named),
            false => runs.iter().any(|run| run.id == program.id),
        };
        let reached = (0..).zip(&self.attached);
        let reached = reached.filter(|(_, program)| is_reached(program));
        trail.reached.extend(reached.map(|(index, _)| index));
    }

    /// Notes which programs an event would have reached had it not been ended.
    fn note_missed(&self, trail: &mut Trail, passage: &Passage, ended_by: &str) {
        for (index, program) in (0..).zip(&self.attached) {
            let attachment = &program.attachment;
            let mut points = passage.points();
            let on_the_way = points.any(|point| attachment.runs_at(point, passage.named()));
            if program.reached == Reached::No && !program.called && on_the_way {
                let missed = trail.missed.entry(index);
                missed.or_insert_with(|| ended_by.to_owned());
            }
        }
    }

    /// Programs that were accepted and that no event so far reached.
    pub fn unreached(&self) -> Vec<Unreached> {
        let left = self
            .attached
            .iter()
            .filter(|program| program.reached != Reached::Yes);
        left.map(|program| Unreached {
            ended_by: match &program.reached {
                Reached::EndedBy(ended_by) => Some(ended_by.clone()),
                Reached::No | Reached::Yes => None,
            },
            id: program.id,
            name: program.ready.code().name.to_string(),
            object: program.object.clone(),
            needs: program.attachment.needs(),
        })
        .collect()
    }
}
