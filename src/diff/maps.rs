//! Comparing what is in a map.
//!
//! Order does not count, nor do ids of maps and programs, which each side gives as it likes, nor stacks, nor the
//! heads of lists, which a kernel copies as empty ones, at addresses of its own.

use crate::abi::MapType;
use crate::kernel::job::MapContents;
use crate::object::{FieldKind, MapSpec};
use crate::sim::MapView;

use super::Difference;

/// How many differing entries are shown.
const SHOWN: usize = 3;

/// An entry as it is compared.
type Entry = (Vec<u8>, Vec<u8>);

/// How the contents of a map differ.
pub(super) fn compare(view: &MapView<'_>, theirs: &MapContents) -> Option<Difference> {
    let spec = view.spec();
    match spec.map_type {
        MapType::Ringbuf | MapType::PerfEventArray => records(view, theirs),
        // Addresses, under numbers that are made of them, are each side's own.
        MapType::StackTrace => {
            let (ours, theirs) = (ours(view).len(), theirs.entries.len());
            let count = |entries: usize| format!("{entries} entries");
            (ours != theirs).then(|| Difference {
                what: format!("map {}", spec.name),
                ours: count(ours),
                kernel: count(theirs),
            })
        }
        MapType::ArrayOfMaps | MapType::HashOfMaps => {
            let keys = |entries: &[Entry]| {
                entries
                    .iter()
                    .map(|(key, _)| (key.clone(), Vec::new()))
                    .collect()
            };
            entries(view, keys(&ours(view)), keys(&theirs.entries))
        }
        _ => entries(view, ours(view), without_lists(spec, &theirs.entries)),
    }
}

/// Entries of a kernel's whose lists' heads are zero, as readers of the simulator see them.
fn without_lists(spec: &MapSpec, entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    let lists = spec.fields.iter();
    for list in lists.filter(|field| matches!(field.kind, FieldKind::ListHead(_))) {
        let from = list.offset as usize;
        for (_, value) in &mut entries {
            let head = value.iter_mut().skip(from).take(list.kind.size() as usize);
            head.for_each(|byte| *byte = 0);
        }
    }
    entries
}

/// The entries of our map as the kernel gives them to user space.
fn ours(view: &MapView<'_>) -> Vec<Entry> {
    let unit = if view.spec().map_type.is_per_cpu() {
        8
    } else {
        1
    };
    let padded = |value: Vec<u8>| {
        let len = value.len().next_multiple_of(unit);
        value.into_iter().chain(std::iter::repeat(0)).take(len)
    };
    let entries = view.entries().into_iter();
    entries
        .map(|entry| {
            (
                entry.key,
                entry.values.into_iter().flat_map(padded).collect(),
            )
        })
        .collect()
}

fn entries(view: &MapView<'_>, mut ours: Vec<Entry>, mut theirs: Vec<Entry>) -> Option<Difference> {
    ours.sort();
    theirs.sort();
    if ours == theirs {
        return None;
    }
    let only = |a: &[Entry], b: &[Entry]| {
        let missing: Vec<String> = a
            .iter()
            .filter(|entry| b.binary_search(entry).is_err())
            .take(SHOWN)
            .map(|(key, value)| format!("{} = {}", hex(key), hex(value)))
            .collect();
        format!("{} entries; only here: {}", a.len(), missing.join(", "))
    };
    Some(Difference {
        what: format!("map {}", view.spec().name),
        ours: only(&ours, &theirs),
        kernel: only(&theirs, &ours),
    })
}

fn records(view: &MapView<'_>, theirs: &MapContents) -> Option<Difference> {
    let ours: Vec<Vec<u8>> = view
        .records()
        .into_iter()
        .map(|record| record.bytes)
        .collect();
    let theirs = &theirs.records;
    // The kernel pads what goes through perf buffers.
    let same = |(a, b): (&Vec<u8>, &Vec<u8>)| {
        b.len() >= a.len() && b.len() < a.len() + 8 && b.starts_with(a)
    };
    if ours.len() == theirs.len() && ours.iter().zip(theirs).all(same) {
        return None;
    }
    let show = |records: &[Vec<u8>]| {
        let shown: Vec<String> = records
            .iter()
            .take(SHOWN)
            .map(|record| hex(record))
            .collect();
        format!("{} records: {}", records.len(), shown.join(", "))
    };
    Some(Difference {
        what: format!("map {}", view.spec().name),
        ours: show(&ours),
        kernel: show(theirs),
    })
}

fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes
        .iter()
        .take(32)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match bytes.len() {
        ..=32 => shown,
        len => format!("{shown}… ({len} bytes)"),
    }
}
