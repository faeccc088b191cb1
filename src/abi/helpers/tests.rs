//! Tests of the helper tables against observations of Linux 6.12.

use super::*;
use std::collections::BTreeMap;

const OBSERVED: &str = include_str!("../testdata/helpers-6.12.csv");

/// Helpers that the observed kernel was built without (`CONFIG_BPF_KPROBE_OVERRIDE`).
const NOT_BUILT: [u32; 1] = [58];

/// Helpers that a list of hooks decides, which is no business of the availability.
const PER_HOOK: [u32; 1] = [147];

/// One observed program kind.
struct Kind {
    prog_type: ProgType,
    attach_type: Option<AttachType>,
    sleepable: bool,
    /// Number to flags.
    helpers: BTreeMap<u32, String>,
}

fn observed() -> Vec<Kind> {
    OBSERVED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(parse)
        .collect()
}

fn parse(line: &str) -> Kind {
    let fields: Vec<&str> = line.split(',').collect();
    let split = |word: &str| {
        let digits = word
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .len();
        (word[..digits].parse().unwrap(), word[digits..].to_string())
    };
    Kind {
        prog_type: ProgType::from_name(fields[0]).unwrap(),
        attach_type: AttachType::from_number(fields[1].parse().unwrap()),
        sleepable: fields[2] == "sleepable",
        helpers: fields[3].split(' ').map(split).collect(),
    }
}

#[test]
fn table_has_every_number_once_in_order() {
    let numbers: Vec<u32> = all().map(|helper| helper.number).collect();
    assert_eq!(numbers, (1..=211).collect::<Vec<u32>>());
}

#[test]
fn lookups_agree_with_the_table() {
    for helper in all() {
        let number = i32::try_from(helper.number).unwrap();
        assert_eq!(by_number(number).unwrap().name, helper.name);
        assert_eq!(by_name(helper.name).unwrap().number, helper.number);
        let bare = helper.name.strip_prefix("bpf_").unwrap();
        assert_eq!(by_name(bare).unwrap().number, helper.number);
    }
    assert!(by_number(0).is_none());
    assert!(by_number(212).is_none());
    assert!(by_number(-1).is_none());
    assert!(by_name("unspec").is_none());
    assert_eq!(by_number(1).unwrap().name, "bpf_map_lookup_elem");
    assert_eq!(by_number(181).unwrap().name, "bpf_loop");
}

#[test]
fn availability_is_what_the_kernel_allows() {
    let mut wrong = Vec::new();
    for kind in observed() {
        for helper in all() {
            let flags = kind.helpers.get(&helper.number);
            let kernel = flags.is_some_and(|flags| !flags.contains('n'));
            let ours = helper.available.allows(kind.prog_type, kind.attach_type);
            let excused = NOT_BUILT.contains(&helper.number) || PER_HOOK.contains(&helper.number);
            if kernel != ours && !excused {
                wrong.push((helper.name, kind.prog_type, kind.attach_type, kernel));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "helper, program, attach type, kernel's answer: {wrong:#?}"
    );
}

#[test]
fn licence_and_sleep_are_what_the_kernel_wants() {
    let mut wrong = Vec::new();
    for kind in observed() {
        let any_licence = ![ProgType::Lsm, ProgType::StructOps].contains(&kind.prog_type);
        for (number, flags) in &kind.helpers {
            let helper = by_number(i32::try_from(*number).unwrap()).unwrap();
            let Some(prototype) = helper.prototype_for(kind.prog_type, kind.attach_type) else {
                continue;
            };
            let gpl = prototype.licence == Licence::Gpl;
            let sleeps = prototype.sleeps == Sleeps::Might;
            let hidden = kind.sleepable || flags.contains('n');
            if any_licence && gpl != flags.contains('g') {
                wrong.push((helper.name, kind.prog_type, kind.attach_type, "licence"));
            }
            if !hidden && sleeps != flags.contains('s') {
                wrong.push((helper.name, kind.prog_type, kind.attach_type, "sleep"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn lirc_programs_get_the_handful_that_the_kernel_gives_them() {
    let got: Vec<u32> = all()
        .filter(|helper| helper.available.allows(ProgType::LircMode2, None))
        .map(|helper| helper.number)
        .collect();
    assert_eq!(got, [1, 2, 3, 5, 6, 7, 12, 77, 78, 87, 88, 89, 92, 125]);
}
