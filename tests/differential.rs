//! Random programs against what must hold without any kernel, and the findings of earlier searches
//! with one: see `ebpf_sim::fuzz`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use ebpf_sim::fuzz::{Campaign, Lab, Reproducer, Their, differs};

/// How many programs a run of the tests tries.
const PROGRAMS: u64 = 1500;

#[test]
fn accepted_programs_never_trap_and_facts_change_nothing() {
    let mut campaign = Campaign::new(0, None).expect("a machine");
    let numbers: Vec<u64> = (0..PROGRAMS).collect();
    let found = campaign.batch(&numbers).expect("programs run");
    let texts = found
        .iter()
        .map(|finding| ebpf_sim::fuzz::text(finding, 0, None, None));
    let texts: Vec<String> = texts.collect();
    assert!(texts.is_empty(), "{}", texts.join("\n"));
    let totals = campaign.totals;
    assert_eq!(totals.programs, PROGRAMS);
    assert!(totals.accepted > PROGRAMS / 3, "{totals:?}");
    assert!(totals.rejected > PROGRAMS / 10, "{totals:?}");
}

/// How many steps are held against what the verifier held before them.
const STEPS: u64 = 10_000_000;

#[test]
fn registers_and_stack_stay_within_what_the_verifier_held() {
    let campaign = Campaign::new(1, None).expect("a machine");
    let mut campaign = campaign.with_inputs(128);
    let mut first = 0;
    while campaign.totals.steps < STEPS {
        let numbers: Vec<u64> = (first..first + 64).collect();
        let found = campaign.batch(&numbers).expect("programs run");
        let texts = found
            .iter()
            .map(|finding| ebpf_sim::fuzz::text(finding, 1, None, None));
        let texts: Vec<String> = texts.collect();
        assert!(texts.is_empty(), "{}", texts.join("\n"));
        first += 64;
        assert!(first < 100_000, "programs run too few steps");
    }
}

fn reproducers() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/findings");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "s"));
    files.sort();
    files
}

/// What is still wrong with a reproducer, if something is.
fn wrong(reproducer: &Reproducer) -> Option<String> {
    let case = &reproducer.case;
    let lab = Lab::with_maps(&case.program.maps).expect("a machine");
    let verified = match (lab.judge(case), &reproducer.verdict) {
        (Err(_), Some(Their::Refused { .. })) => return None,
        (Err(refusal), _) => return Some(format!("refused: {refusal}")),
        (Ok(_), Some(Their::Refused { message })) => {
            return Some(format!("accepted, but Linux says: {message}"));
        }
        (Ok(verified), _) => verified,
    };
    let ran = match lab.check(case, &verified).expect("it runs") {
        Ok(ran) => ran,
        Err(unsound) => return Some(unsound.to_string()),
    };
    let expected = reproducer.observed.as_ref()?;
    differs(case, &ran.observed, expected).map(|difference| difference.to_string())
}

#[test]
fn findings_are_right_now_or_open_for_a_reason() {
    let files = reproducers();
    assert!(!files.is_empty());
    let mut offences = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let reproducer = Reproducer::parse(&name, &text).unwrap();
        match (wrong(&reproducer), &reproducer.open) {
            (Some(wrong), None) => offences.push(format!("{name}: {wrong}")),
            (None, Some(reason)) => {
                offences.push(format!("{name} is right now: take out `; open: {reason}`"));
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}
