//! Random programs against what must hold without any kernel: see `ebpf_sim::fuzz`.

use ebpf_sim::fuzz::{Case, Generator, Lab, Unsound};
use ebpf_sim::isa::{NoNames, disassemble};

/// How many programs a run of the tests tries.
const PROGRAMS: u64 = 2000;

/// What is unsound about a case, if something is.
fn unsound(lab: &Lab, case: &Case) -> Option<Unsound> {
    let verified = lab.judge(case).ok()?;
    lab.check(case, &verified).expect("accepted programs run").err()
}

fn listing(case: &Case) -> String {
    let lines = case.insns.iter().enumerate();
    lines
        .map(|(pc, insn)| format!("{pc}: {}\n", disassemble(*insn, &NoNames)))
        .collect()
}

#[test]
fn accepted_programs_never_trap_and_facts_change_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let programs = number("FUZZ_PROGRAMS").unwrap_or(PROGRAMS);
    let (generator, lab) = (
        Generator::new(number("FUZZ_SEED").unwrap_or(0)),
        Lab::new().expect("a machine"),
    );
    let mut findings = Vec::new();
    for number in 0..programs {
        let tree = generator.case(number);
        if unsound(&lab, &tree.case()).is_some() {
            let least = tree.shrink(|case| unsound(&lab, case).is_some());
            let what = unsound(&lab, &least).expect("it shrank to an unsound one");
            findings.push(format!("case {number}: {what}\n{}", listing(&least)));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
