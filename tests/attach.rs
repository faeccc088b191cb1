//! Programs that attach to functions of other programs: what is said of them, and what comes of them.
//!
//! The sentences are those that Linux 6.12.117 gives for the same objects.

use std::path::Path;
use std::sync::Arc;

use ebpf_sim::events::Event;
use ebpf_sim::object::{LinkOptions, Object, Program, TargetPrograms};
use ebpf_sim::sim::{Options, Selection, Sim};
use ebpf_sim::verifier::{Env, verify};

/// What Linux says of each program that links; nothing where it takes it.
const VERDICTS: [(&str, &str); 16] = [
    ("new_decide", ""),
    ("new_filter", ""),
    (
        "fewer_arguments",
        "fewer_arguments() has 1 args while decide() has 2 args",
    ),
    (
        "other_context",
        "arg0 other_context(struct __sk_buff *) doesn't match decide(struct xdp_md *)",
    ),
    (
        "larger_argument",
        "arg1 in larger_argument() has size 8 while decide() has 4",
    ),
    (
        "pointer_argument",
        "arg1 in pointer_argument() is PTR while decide() has INT",
    ),
    (
        "no_result",
        "Return type UNKNOWN of no_result() doesn't match type INT of decide()",
    ),
    ("reads_beyond", "invalid bpf_context access off=24 size=4"),
    ("of_static", "twice() is not a global function"),
    (
        "entered",
        "Cannot access kernel 'struct xdp_buff' from non-GPL compatible program",
    ),
    ("third_argument", "invalid bpf_context access off=16 size=8"),
    ("half_pointer", "invalid bpf_context access off=0 size=4"),
    ("entered_static", ""),
    ("left", ""),
    (
        "fourth_argument",
        "invalid bpf_context access off=24 size=8",
    ),
    ("modified", "can't modify return codes of BPF programs"),
];

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/object/testdata");
    std::fs::read(folder.join(name)).expect("the object is there")
}

fn programs(name: &str, target: Option<&TargetPrograms>) -> Vec<Result<Program, String>> {
    let object = Object::parse(name, &bytes(name)).expect("it is an object");
    let linked = object.link(&LinkOptions {
        target,
        ..LinkOptions::default()
    });
    let programs = linked.programs.into_iter();
    programs
        .map(|program| program.map_err(|error| error.source.to_string()))
        .collect()
}

fn target() -> TargetPrograms {
    let programs = programs("target.o", None).into_iter();
    TargetPrograms {
        object: Arc::from("target.o"),
        programs: programs.flatten().map(Arc::new).collect(),
        function: None,
    }
}

fn named(programs: Vec<Result<Program, String>>, name: &str) -> Program {
    let mut programs = programs.into_iter().flatten();
    programs
        .find(|program| program.name == name)
        .expect("it links")
}

/// A simulator with the target and one of the programs that attach to it.
fn loaded(attached: &str) -> Sim {
    let names = ["filter", attached].map(str::to_owned);
    let options = Options {
        target: Some(Arc::new(target())),
        programs: Selection::Named(names.to_vec()),
        ..Options::default()
    };
    let mut sim = Sim::new(options).expect("there is memory");
    for name in ["target.o", "attached.o"] {
        sim.load_bytes(name, &bytes(name)).expect("it loads");
    }
    sim
}

fn returned(sim: &mut Sim) -> (String, u64) {
    let firing = sim.fire(&Event::packet(vec![0; 64])).expect("it passes");
    let run = firing.runs().next().expect("a program runs");
    let r0 = *run.outcome.as_ref().expect("it ends");
    (run.name.to_string(), r0)
}

fn counter(sim: &Sim, variable: &str) -> u64 {
    let bytes = sim.global(variable).expect("there is such a variable");
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[test]
fn attached_programs_are_judged_as_linux_judges_them() {
    let target = target();
    let programs = programs("attached.o", Some(&target));
    let judged: Vec<(String, String)> = programs
        .into_iter()
        .flatten()
        .map(|program| {
            let name = program.name.clone();
            let verdict = verify(&Arc::new(program), &Env::default());
            (
                name,
                verdict
                    .err()
                    .map_or_else(String::new, |rejection| rejection.message),
            )
        })
        .collect();
    for (name, sentence) in VERDICTS {
        let found = judged.iter().find(|(one, _)| one == name);
        let found = found.expect("every program links");
        assert_eq!(found.1, sentence, "{name}");
    }
    assert_eq!(judged.len(), VERDICTS.len());
}

#[test]
fn function_that_no_target_has_is_named() {
    let errors: Vec<String> = programs("attached.o", Some(&target()))
        .into_iter()
        .filter_map(Result::err)
        .collect();
    let want = "section `?freplace/nothing`: the program that is given as target has no function `nothing`";
    assert_eq!(errors, [want]);
}

#[test]
fn function_of_several_targets_is_ambiguous() {
    let mut target = target();
    let again = target.programs[0].as_ref().clone();
    target.programs.push(Arc::new(Program {
        name: "another".to_owned(),
        ..again
    }));
    let programs = programs("attached.o", Some(&target));
    let error = programs[0].as_ref().expect_err("two programs have it");
    assert!(error.contains("such as `filter` and `another`"), "{error}");
}

#[test]
fn without_a_target_a_replacing_program_does_not_link() {
    let programs = programs("attached.o", None);
    let error = programs[0].as_ref().expect_err("nothing is given");
    assert!(error.ends_with("the program that is attached to is not given"));
}

#[test]
fn function_named_beside_the_target_counts_before_the_section() {
    let mut target = target();
    target.function = Some("filter".to_owned());
    let program = named(programs("attached.o", Some(&target)), "new_decide");
    let rejection = verify(&Arc::new(program), &Env::default()).expect_err("it is of another type");
    assert_eq!(
        rejection.message,
        "new_decide() has 2 args while filter() has 1 args"
    );
}

#[test]
fn replaced_function_runs_with_the_maps_of_both() {
    let mut sim = loaded("new_decide");
    assert_eq!(returned(&mut sim), ("filter".to_owned(), 3));
    assert_eq!(counter(&sim, "asked"), 1);
    assert_eq!(counter(&sim, "replaced"), 1);
}

#[test]
fn replaced_program_does_not_run_itself() {
    let mut sim = loaded("new_filter");
    assert_eq!(returned(&mut sim), ("new_filter".to_owned(), 4));
    assert_eq!(counter(&sim, "asked"), 0);
}

#[test]
fn refused_replacement_leaves_the_function() {
    let mut sim = loaded("reads_beyond");
    assert_eq!(returned(&mut sim), ("filter".to_owned(), 2));
}

#[test]
fn second_replacement_of_a_function_is_refused() {
    let mut sim = loaded("new_decide");
    let again = sim.load_bytes("attached.o", &bytes("attached.o"));
    let again = again.expect("it loads");
    let refusal = again
        .program("new_decide")
        .and_then(|one| one.verdict.refusal());
    let refusal = refusal.expect("the function has another program in its place");
    assert_eq!(
        refusal.to_string(),
        "another program runs in place of decide already"
    );
    assert_eq!(returned(&mut sim).1, 3);
}
