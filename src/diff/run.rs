//! Running a program on both sides and comparing what it leaves.
//!
//! Programs on packets are test-run, as are those that are called or trace what test runs call. The others run when an event happens, if that is
//! wanted. Before either, the programs run that prepare the maps for it.

use std::sync::Arc;

use crate::abi::{AttachType, MapType, ProgType};
use crate::events::{Direction, Event, Packet, PacketSocket, SkbFields};
use crate::kernel::job::{Job, JobResult, RunError, RunJob, RunResult, Trace};
use crate::kernel::{Kernel, errno_name};
use crate::machine::{Cpus, Task};
use crate::object::{Initial, Program};
use crate::sim::{self, Selection, Sim};

use super::input::{Events, IPV4, IPV6};
use super::{Compared, DiffError, Difference, Options, Subject, events, maps, traced};

/// Network device that test runs are on: the loopback device.
const LOOPBACK: u32 = 1;
/// Bytes of `struct xdp_md`.
const XDP_MD_LEN: usize = 24;
/// What programs are given that are called, if nothing is said: so many zeros.
const CONTEXT_LEN: usize = 4096;
/// Bytes of an Ethernet header.
const ETH_HLEN: usize = 14;
/// What stands before printed text in a trace line.
const MARK: &str = ": bpf_trace_printk: ";

/// Runs a program that both sides accept.
pub(super) fn compare(
    kernel: &mut dyn Kernel,
    subject: &Subject,
    program: &Arc<Program>,
    all: &[&Arc<Program>],
    options: &Options,
    compared: &mut Compared,
) -> Result<(), DiffError> {
    if !is_test_run(program) {
        if options.input.events == Events::Compare {
            return events::compare(kernel, subject, program, all, options, compared);
        }
        let what = program.prog_type.name();
        compared
            .notes
            .push(format!("{what} programs are judged only"));
        return Ok(());
    }
    let called = called(program);
    if called.contains(&program.name) {
        let note = "it waits in an array to be called, and is not run by itself";
        compared.notes.push(note.to_owned());
        return Ok(());
    }
    let prepare = &options.input.prepare;
    let wanted = with_called(program, all, &[called, prepare.clone()].concat());
    let turns = turns(program, &wanted, options);
    if turns.is_empty() {
        return Ok(());
    }
    let result = kernel.execute(&job(program, &wanted, &turns))?;
    let names = wanted.iter().map(|other| other.name.clone()).collect();
    let cpus = result.kernel.cpus;
    match ours(subject, program, names, &turns, options, cpus) {
        Ok(ours) => outcomes(&ours, program, &turns, &result, compared),
        Err(reason) => compared.notes.push(format!("the simulator: {reason}")),
    }
    Ok(())
}

/// Whether a program is run by itself on both sides, if both accept it: its type has test runs, and it does not wait
/// in an array to be called.
pub fn is_run(program: &Program) -> bool {
    is_test_run(program) && !called(program).contains(&program.name)
}

fn is_test_run(program: &Program) -> bool {
    let by_type = takes_packets(program.prog_type) || program.prog_type == ProgType::Syscall;
    by_type || traced::is_traced(program)
}

/// One run that both sides make.
struct Turn<'a> {
    program: &'a Program,
    /// The packet, if the program is about one.
    packet: Option<Vec<u8>>,
    /// The context that a packet arrives with, or that the program is called with.
    context: Option<Vec<u8>>,
}

/// What is run: the programs that prepare, each once, then the program on every packet, or as often as is wanted.
fn turns<'a>(program: &'a Program, wanted: &[&'a Program], options: &Options) -> Vec<Turn<'a>> {
    let context = &options.input.context;
    let calls = |program: &'a Program| Turn {
        program,
        packet: None,
        context: Some(context.clone().unwrap_or_else(|| vec![0; CONTEXT_LEN])),
    };
    let prepares = |other: &&&Program| {
        let is_named = options.input.prepare.contains(&other.name);
        is_named && other.name != program.name && other.prog_type == ProgType::Syscall
    };
    let before = wanted.iter().filter(prepares).map(|other| calls(other));
    let repeat = options.input.repeat.max(1) as usize;
    if program.prog_type == ProgType::Syscall {
        let own = std::iter::repeat_with(|| calls(program)).take(repeat);
        return before.chain(own).collect();
    }
    if traced::is_traced(program) {
        let traces = || Turn {
            program,
            packet: None,
            context: None,
        };
        let own = std::iter::repeat_with(traces).take(repeat);
        return before.chain(own).collect();
    }
    let packets = options.input.packets.iter();
    let packets = packets.filter(|packet| is_testable(program.prog_type, packet));
    let packets = packets.flat_map(|packet| std::iter::repeat_n(packet.clone(), repeat));
    let own: Vec<Turn<'a>> = packets
        .map(|packet| Turn {
            program,
            context: of_packet(program.prog_type, &packet, options),
            packet: Some(packet),
        })
        .collect();
    match own.is_empty() {
        true => own,
        false => before.chain(own).collect(),
    }
}

/// Whether the kernel test-runs a program on a packet: since 6.18 it wants IP headers whole, but of frames.
fn is_testable(prog_type: ProgType, packet: &[u8]) -> bool {
    let ethertype = packet.get(ETH_HLEN - 2..).and_then(<[u8]>::first_chunk);
    let header = match ethertype.copied().map(u16::from_be_bytes) {
        _ if prog_type == ProgType::Xdp => 0,
        Some(IPV4) => 20,
        Some(IPV6) => 40,
        Some(_) | None => 0,
    };
    packet.len() >= ETH_HLEN + header
}

/// The packet that makes a test run show a program the same as a packet from the wire. To all but
/// traffic control, test runs show packets without their Ethernet header; socket filters on packet
/// sockets see it, so they get it twice.
fn test_packet(prog_type: ProgType, packet: &[u8]) -> Vec<u8> {
    let header = match prog_type {
        ProgType::SocketFilter => packet.get(..ETH_HLEN).unwrap_or_default(),
        _ => &[],
    };
    [header, packet].concat()
}

/// The part of the packets that comes back from both sides. A header that was not shown comes back
/// as zeros.
fn comparable<'a>(prog_type: ProgType, ours: &'a [u8], theirs: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let after = |bytes: &'a [u8]| bytes.get(ETH_HLEN..).unwrap_or_default();
    match prog_type {
        ProgType::SocketFilter => (ours, after(theirs)),
        ProgType::CgroupSkb => (after(ours), after(theirs)),
        _ => (ours, theirs),
    }
}

fn takes_packets(prog_type: ProgType) -> bool {
    matches!(
        prog_type,
        ProgType::Xdp
            | ProgType::SchedCls
            | ProgType::SchedAct
            | ProgType::SocketFilter
            | ProgType::CgroupSkb
    )
}

/// The programs that the object puts into arrays.
pub(super) fn called(program: &Program) -> Vec<String> {
    let lists = program.maps.iter().filter_map(|map| match &map.initial {
        Initial::Programs(slots) => Some(slots),
        Initial::Empty | Initial::Data(_) | Initial::Maps(_) | Initial::StructOps(_) => None,
    });
    lists.flatten().map(|(_, name)| name.clone()).collect()
}

/// The program, and those of the object that it may call by an array.
pub(super) fn with_called<'a>(
    program: &Program,
    all: &[&'a Arc<Program>],
    called: &[String],
) -> Vec<&'a Program> {
    all.iter()
        .copied()
        .map(Arc::as_ref)
        .filter(|other| other.name == program.name || called.contains(&other.name))
        .collect()
}

/// The number of the program among those.
pub(super) fn position(program: &Program, wanted: &[&Program]) -> u32 {
    let index = wanted.iter().position(|other| other.name == program.name);
    index
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or(0)
}

fn job(program: &Program, wanted: &[&Program], turns: &[Turn<'_>]) -> Job {
    let mut job = Job::new(
        program.btf.as_deref(),
        &program.maps,
        wanted.iter().copied(),
    );
    job.runs = turns
        .iter()
        .map(|turn| RunJob {
            program: position(turn.program, wanted),
            data: turn
                .packet
                .as_ref()
                .map(|packet| test_packet(turn.program.prog_type, packet)),
            ctx: turn.context.clone(),
            ..RunJob::default()
        })
        .collect();
    job.read_maps = (0..).take(job.maps.len()).collect();
    if prints(wanted) {
        job.trace = Trace::Read;
    }
    job
}

/// The context for a kernel's test run. One of a frame says how long that is.
fn of_packet(prog_type: ProgType, packet: &[u8], options: &Options) -> Option<Vec<u8>> {
    let mut context = options.input.context.clone()?;
    if prog_type == ProgType::Xdp {
        context.resize(XDP_MD_LEN, 0);
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        for (to, from) in context.iter_mut().skip(4).zip(len.to_le_bytes()) {
            *to = from;
        }
    }
    Some(context)
}

/// A packet with the context that was given.
fn arriving(bytes: &[u8], program: &Program, context: &[u8]) -> Result<Packet, String> {
    let packet = Packet {
        bytes: bytes.to_vec(),
        ifindex: LOOPBACK,
        queue: 0,
        direction: direction(program),
        fields: SkbFields::default(),
        socket: PacketSocket::OfTestRun,
    };
    if program.prog_type == ProgType::Xdp {
        return match context.iter().all(|byte| *byte == 0) {
            true => Ok(packet),
            false => Err("frames arrive with an empty xdp_md only".to_owned()),
        };
    }
    let fields = SkbFields::parse(context).map_err(|error| error.to_string())?;
    let shown = match program.prog_type {
        ProgType::CgroupSkb => bytes.len().saturating_sub(ETH_HLEN),
        _ => bytes.len(),
    };
    match fields.check(shown) {
        Ok(()) => Ok(Packet { fields, ..packet }),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a program calls `bpf_trace_printk` or `bpf_trace_vprintk`.
pub(super) fn prints(programs: &[&Program]) -> bool {
    let is_print = |imm: i32| matches!(imm, 6 | 177);
    programs.iter().any(|program| {
        let mut calls = program.code.iter();
        calls.any(|insn| insn.opcode == 0x85 && insn.src == 0 && is_print(insn.imm))
    })
}

/// What the simulator did.
struct Ours {
    sim: Sim,
    runs: Vec<Result<Run, String>>,
}

/// What one run of ours left.
struct Run {
    retval: u32,
    data: Vec<u8>,
    /// What it was called with, afterwards.
    context: Option<Vec<u8>>,
    /// Where the packet was a socket buffer.
    fields: Option<SkbFields>,
}

fn ours(
    subject: &Subject,
    program: &Program,
    names: Vec<String>,
    turns: &[Turn<'_>],
    options: &Options,
    cpus: u32,
) -> Result<Ours, String> {
    let task = Task::default();
    let mut sim = simulator(subject, program, names, options, cpus, task)?;
    let runs = turns
        .iter()
        .map(|turn| {
            let packet = turn.packet.as_deref().unwrap_or_default();
            let context = match turn.packet {
                Some(_) => options.input.context.as_deref(),
                None => turn.context.as_deref(),
            };
            let event = test_event(turn.program, packet, context.unwrap_or_default())?;
            fire(&mut sim, turn, &event)
        })
        .collect();
    Ok(Ours { sim, runs })
}

/// What happens in a kernel's test run of a program: a packet arrives with a context, or the program is called with it,
/// or a function that it traces.
///
/// # Errors
/// There is no such run, or not with this context.
pub fn test_event(program: &Program, packet: &[u8], context: &[u8]) -> Result<Event, String> {
    if takes_packets(program.prog_type) {
        return Ok(Event::Packet(arriving(packet, program, context)?));
    }
    if traced::is_traced(program) {
        return traced::call(program);
    }
    let context: String = context.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("syscall:{}", program.name);
    Event::parse(&name, &[("ctx", format!("hex:{context}"))]).map_err(|error| error.to_string())
}

/// A simulator with as many CPUs as the kernel, into which the programs of those names are loaded.
pub(super) fn simulator(
    subject: &Subject,
    program: &Program,
    names: Vec<String>,
    options: &Options,
    cpus: u32,
    task: Task,
) -> Result<Sim, String> {
    let mut sim = Sim::new(sim::Options {
        kernel_btf: options.kernel_btf.clone(),
        setup: Arc::clone(&options.setup),
        module_btfs: options.module_btfs.clone(),
        target: options.target.clone(),
        programs: Selection::Named(names),
        cpus: Cpus::new(cpus),
        task,
        engine: options.engine,
        ..sim::Options::default()
    })
    .map_err(|error| error.to_string())?;
    let load = match subject {
        Subject::Object { name, bytes } => sim
            .load_bytes(name, bytes)
            .map_err(|error| error.to_string())?,
        Subject::Program(program) => sim.load_program((**program).clone()),
    };
    let loaded = load.program(&program.name);
    match loaded.and_then(|loaded| loaded.verdict.refusal()) {
        Some(refusal) => Err(refusal.to_string()),
        None => Ok(sim),
    }
}

fn direction(program: &Program) -> Direction {
    match program.attach_type {
        Some(AttachType::CgroupInetEgress | AttachType::TcxEgress | AttachType::NetkitPeer) => {
            Direction::Egress
        }
        _ => Direction::Ingress,
    }
}

fn fire(sim: &mut Sim, turn: &Turn<'_>, event: &Event) -> Result<Run, String> {
    let firing = sim.fire(event).map_err(|error| error.to_string())?;
    let mut runs = firing.runs();
    let run = runs.find(|run| *run.name == *turn.program.name);
    let run = run.ok_or("the packet does not reach the program")?;
    let given = turn.context.as_ref().map_or(0, Vec::len);
    match &run.outcome {
        Ok(r0) => Ok(Run {
            // A kernel does not say what programs that trace a function return.
            retval: match traced::is_traced(turn.program) {
                true => 0,
                false => *r0 as u32,
            },
            // The kernel gives the metadata of a frame back with it.
            data: [firing.metadata.clone(), firing.packet.clone()]
                .into_iter()
                .flatten()
                .flatten()
                .collect(),
            context: run
                .context
                .as_ref()
                .and_then(|context| Some(context.get(..given)?.to_vec())),
            fields: firing.fields,
        }),
        Err(trap) => Err(format!("trap: {trap}")),
    }
}

fn outcomes(
    ours: &Ours,
    program: &Program,
    turns: &[Turn<'_>],
    theirs: &JobResult,
    compared: &mut Compared,
) {
    let runs = ours.runs.iter().zip(&theirs.runs);
    for (number, (turn, (ours, theirs))) in turns.iter().zip(runs).enumerate() {
        compared.runs += 1;
        let found = one_run(turn.program.prog_type, number, ours, theirs);
        if let Some(difference) = found {
            compared.differences.push(difference);
            // What follows from it is not worth more lines.
            return;
        }
    }
    for (index, (spec, contents)) in program.maps.iter().zip(&theirs.contents).enumerate() {
        let of_cgroup = [MapType::CgroupStorage, MapType::PercpuCgroupStorage];
        if spec.map_type == MapType::ProgArray || of_cgroup.contains(&spec.map_type) {
            // A kernel's test run gives programs storage that is in no map.
            continue;
        }
        let Some(view) = ours.sim.maps().get(index).copied() else {
            continue;
        };
        match contents {
            Ok(contents) => compared.differences.extend(maps::compare(&view, contents)),
            Err(errno) => {
                let errno = errno_name(*errno);
                let note = format!("map {}: cannot be read: {errno}", spec.name);
                compared.notes.push(note);
            }
        }
    }
    trace(ours, theirs, compared);
}

fn one_run(
    prog_type: ProgType,
    number: usize,
    ours: &Result<Run, String>,
    theirs: &Result<RunResult, RunError>,
) -> Option<Difference> {
    let difference = |what: &str, ours: String, kernel: String| {
        let what = what.to_owned();
        Some(Difference {
            what,
            ours: format!("{ours} (run {number})"),
            kernel,
        })
    };
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        // Neither side takes the input.
        (Err(reason), Err(RunError::Errno(_))) if !reason.starts_with("trap") => return None,
        (ours, theirs) => {
            let ours = ours
                .as_ref()
                .map_or_else(|reason| reason.clone(), |run| returned(run.retval));
            let theirs = match theirs {
                Ok(run) => returned(run.retval),
                Err(RunError::NotLoaded) => "not loaded".to_owned(),
                Err(RunError::Errno(errno)) => format!("no run: {}", errno_name(*errno)),
            };
            return difference("run", ours, theirs);
        }
    };
    if ours.retval != theirs.retval {
        return difference(
            "return value",
            returned(ours.retval),
            returned(theirs.retval),
        );
    }
    if let Some(context) = &ours.context
        && *context != theirs.ctx
    {
        let (a, b) = first_difference(context, &theirs.ctx);
        return difference("context", a, b);
    }
    let (packet, their_packet) = comparable(prog_type, &ours.data, &theirs.data);
    if packet != their_packet {
        let (a, b) = first_difference(packet, their_packet);
        return difference("packet", a, b);
    }
    let fields = ours.fields.as_ref()?;
    let their_fields = SkbFields::of(&theirs.ctx);
    let mut both = fields.iter().zip(their_fields.iter());
    let ((name, ours), (_, theirs)) = both.find(|(ours, theirs)| ours != theirs)?;
    difference(
        "context",
        format!("{name} {ours:#x}"),
        format!("{name} {theirs:#x}"),
    )
}

fn returned(retval: u32) -> String {
    match retval.cast_signed() {
        number @ ..0 => format!("{number} ({retval:#x})"),
        number => number.to_string(),
    }
}

/// Where two packets differ first, a few bytes of each.
fn first_difference(ours: &[u8], theirs: &[u8]) -> (String, String) {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let show = |bytes: &[u8]| {
        let part: Vec<String> = bytes
            .iter()
            .skip(same)
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{} bytes, at {same}: {}", bytes.len(), part.join(" "))
    };
    (show(ours), show(theirs))
}

fn trace(ours: &Ours, theirs: &JobResult, compared: &mut Compared) {
    let theirs = match &theirs.trace {
        None => return,
        Some(Err(reason)) => {
            compared.notes.push(format!("trace output: {reason}"));
            return;
        }
        Some(Ok(lines)) => lines,
    };
    let ours = printed(&ours.sim);
    if ours != *theirs {
        compared.differences.push(Difference {
            what: "trace".to_owned(),
            ours: ours.join(" | "),
            kernel: theirs.join(" | "),
        });
    }
}

/// What programs printed, without what stands before it.
pub(super) fn printed(sim: &Sim) -> Vec<String> {
    let lines = sim.trace_lines();
    let lines = lines.iter().filter_map(|line| line.split_once(MARK));
    lines.map(|(_, text)| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Input;

    /// An Ethernet header of that type, and so many bytes behind it.
    fn packet(ethertype: u16, behind: usize) -> Vec<u8> {
        [
            vec![0; 12],
            ethertype.to_be_bytes().to_vec(),
            vec![0x45; behind],
        ]
        .concat()
    }

    /// How many bytes stand behind the Ethernet header of the packets that a program of that type is run on.
    fn run_on(prog_type: &str, packets: &[Vec<u8>]) -> Vec<usize> {
        let text = format!(".type {prog_type}\nr0 = 0\nexit\n");
        let program = Program::from_assembly("one.s", &text).expect("the text assembles");
        let options = Options {
            input: Input {
                packets: packets.to_vec(),
                ..Input::default()
            },
            ..Options::default()
        };
        let turns = turns(&program, &[&program], &options);
        let lens = turns.iter().filter_map(|turn| turn.packet.as_ref());
        lens.map(|packet| packet.len() - ETH_HLEN).collect()
    }

    #[test]
    fn packets_whose_ip_header_is_cut_short_are_run_as_frames_alone() {
        const ARP: u16 = 0x0806;
        let lens = [0, 1, 19, 20, 39, 40];
        let of = |ethertype| lens.map(|len| packet(ethertype, len));
        for prog_type in ["tc", "socket", "cgroup_skb/ingress"] {
            assert_eq!(run_on(prog_type, &of(IPV4)), [20, 39, 40], "{prog_type}");
            assert_eq!(run_on(prog_type, &of(IPV6)), [40], "{prog_type}");
            assert_eq!(run_on(prog_type, &of(ARP)), lens, "{prog_type}");
        }
        for ethertype in [IPV4, IPV6, ARP] {
            assert_eq!(run_on("xdp", &of(ethertype)), lens);
        }
    }

    #[test]
    fn packets_without_an_ethernet_header_are_run_by_nobody() {
        let cut = vec![packet(IPV4, 20)[..13].to_vec(), Vec::new()];
        assert_eq!(run_on("tc", &cut), [0; 0]);
        assert_eq!(run_on("xdp", &cut), [0; 0]);
    }
}
