//! Programs on events: the same event on both sides, compared by shape.
//!
//! Addresses, times and process ids differ by nature, so contents are not compared: how many
//! entries, records and lines there are is. The real machine is never quiet, and whoever else causes
//! the event is seen too; so the event is tried a few times, and one agreement is enough.

use std::sync::Arc;

use crate::abi::MapType;
use crate::events::Event;
use crate::kernel::job::{AttachJob, Job, JobResult, MapContents, Trace};
use crate::kernel::{Kernel, attach_point};
use crate::machine::Task;
use crate::object::{Origin, Program};
use crate::sim::{MapView, Sim};

use super::run::{called, position, printed, prints, simulator, with_called};
use super::{Compared, DiffError, Difference, Options, Subject};

/// What is started.
const COMMAND: &str = "/bin/true";
/// How often the event is tried.
const ATTEMPTS: u32 = 4;

/// How much of everything a side has: a name and a number each.
type Shape = Vec<(String, usize)>;

/// Runs a program that both sides accept, at a start of [`COMMAND`].
pub(super) fn compare(
    kernel: &mut dyn Kernel,
    subject: &Subject,
    program: &Arc<Program>,
    all: &[&Arc<Program>],
    options: &Options,
    compared: &mut Compared,
) -> Result<(), DiffError> {
    let Some(point) = attach_point(program) else {
        let note = "its section does not say where it attaches";
        compared.notes.push(note.to_owned());
        return Ok(());
    };
    let wanted = with_called(program, all, &called(program));
    let maps = &program.maps;
    let mut job = Job::new(program.btf.as_deref(), maps, wanted.iter().copied());
    job.attach = vec![AttachJob {
        program: position(program, &wanted),
        point,
    }];
    job.command = vec![COMMAND.to_owned()];
    job.read_maps = (0..).take(job.maps.len()).collect();
    if prints(&wanted) {
        job.trace = Trace::Read;
    }
    let names: Vec<String> = wanted.iter().map(|other| other.name.clone()).collect();
    let mut differences = Vec::new();
    for _ in 0..ATTEMPTS {
        let result = kernel.execute(&job)?;
        if let Some(Err(reason)) = result.attached.first() {
            compared.notes.push(format!("the kernel: {reason}"));
            return Ok(());
        }
        if let Some(Err(reason)) = &result.command {
            compared.notes.push(format!("the event: {reason}"));
            return Ok(());
        }
        let sim = match fired(subject, program, &names, options, result.kernel.cpus) {
            Ok(sim) => sim,
            Err(reason) => {
                compared.notes.push(format!("the simulator: {reason}"));
                return Ok(());
            }
        };
        differences = differ(&ours(&sim, &result), &theirs(program, &result));
        if differences.is_empty() {
            break;
        }
    }
    compared.runs += 1;
    compared.differences.extend(differences);
    Ok(())
}

/// A simulator in which the event has happened.
fn fired(
    subject: &Subject,
    program: &Program,
    names: &[String],
    options: &Options,
    cpus: u32,
) -> Result<Sim, String> {
    // Who may attach is root.
    let task = Task {
        uid: 0,
        gid: 0,
        ..Task::default()
    };
    let mut sim = simulator(subject, program, names.to_vec(), options, cpus, task)?;
    let firing = sim.fire(&Event::execve(COMMAND));
    let firing = firing.map_err(|error| error.to_string())?;
    let reached = firing.runs().any(|run| *run.name == *program.name);
    match (firing.trap(), reached) {
        (Some(trap), _) => Err(format!("trap: {trap}")),
        (None, true) => Ok(sim),
        (None, false) => Err("a start of a process does not reach it".to_owned()),
    }
}

/// Of which type how much is counted in a map: entries, or of arrays those that are not zero. The
/// kernel does not list what hangs on its objects.
fn counts_entries(map_type: MapType) -> bool {
    !matches!(
        map_type,
        MapType::ProgArray
            | MapType::ArrayOfMaps
            | MapType::CgroupArray
            | MapType::Xskmap
            | MapType::SkStorage
            | MapType::InodeStorage
            | MapType::TaskStorage
            | MapType::CgrpStorage
    )
}

fn is_array(map_type: MapType) -> bool {
    matches!(map_type, MapType::Array | MapType::PercpuArray)
}

fn ours(sim: &Sim, result: &JobResult) -> Shape {
    let mut shape: Shape = sim.maps().iter().filter_map(of_view).collect();
    if let Some(Ok(_)) = &result.trace {
        shape.push(("trace".to_owned(), printed(sim).len()));
    }
    shape
}

fn of_view(view: &MapView<'_>) -> Option<(String, usize)> {
    let spec = view.spec();
    let is_set = |values: &[Vec<u8>]| values.iter().flatten().any(|byte| *byte != 0);
    let entries = view.entries();
    let set = entries.iter().filter(|entry| is_set(&entry.values)).count();
    number(spec.origin, spec.map_type, entries.len(), set, || {
        view.records().len()
    })
    .map(|number| (spec.name.clone(), number))
}

fn theirs(program: &Program, result: &JobResult) -> Shape {
    let maps = program.maps.iter().zip(&result.contents);
    let mut shape: Shape = maps
        .filter_map(|(spec, contents)| {
            let empty = MapContents::default();
            let contents = contents.as_ref().unwrap_or(&empty);
            let is_set = |value: &[u8]| value.iter().any(|byte| *byte != 0);
            let entries = &contents.entries;
            let set = entries.iter().filter(|(_, value)| is_set(value)).count();
            let records = || contents.records.len();
            number(spec.origin, spec.map_type, entries.len(), set, records)
                .map(|number| (spec.name.clone(), number))
        })
        .collect();
    if let Some(Ok(lines)) = &result.trace {
        shape.push(("trace".to_owned(), lines.len()));
    }
    shape
}

fn number(
    origin: Origin,
    map_type: MapType,
    entries: usize,
    set: usize,
    records: impl Fn() -> usize,
) -> Option<usize> {
    match map_type {
        _ if origin == Origin::ReadOnlyData => None,
        MapType::Ringbuf | MapType::PerfEventArray => Some(records()),
        _ if is_array(map_type) => Some(set),
        _ if counts_entries(map_type) => Some(entries),
        _ => None,
    }
}

fn differ(ours: &Shape, theirs: &Shape) -> Vec<Difference> {
    let find = |name: &str| theirs.iter().find(|(other, _)| other == name);
    let differs = |(name, ours): &(String, usize)| {
        let (_, theirs) = find(name).filter(|(_, theirs)| theirs != ours)?;
        Some(Difference {
            what: format!("event {name}"),
            ours: format!("{ours} at a start of {COMMAND}"),
            kernel: theirs.to_string(),
        })
    };
    ours.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_differ_where_a_number_does() {
        let shape =
            |counts, events| vec![("counts".to_owned(), counts), ("events".to_owned(), events)];
        assert_eq!(differ(&shape(1, 2), &shape(1, 2)), []);
        let found = differ(&shape(1, 2), &shape(1, 3));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].what.as_str(), found[0].kernel.as_str()),
            ("event events", "3")
        );
    }
}
