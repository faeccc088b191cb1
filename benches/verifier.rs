//! How long a verdict takes, and a whole run from file to output.
//!
//! `cargo bench --bench verifier`.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ebpf_sim::events::Event;
use ebpf_sim::object::{LinkOptions, Object};
use ebpf_sim::sim::{Options, Sim};
use ebpf_sim::verifier::{Env, verify};

fn corpus(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(file);
    std::fs::read(path).expect("the object is in the corpus")
}

fn verdicts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for file in ["hello.o", "bounded_loop.o", "reject_too_complex.o"] {
        let object = Object::parse(file, &corpus(file)).expect("objects of the corpus parse");
        let linked = object.link(&LinkOptions::default());
        let program = linked
            .programs
            .into_iter()
            .next()
            .expect("it has a program");
        let program = Arc::new(program.expect("it links"));
        group.sample_size(20);
        group.bench_function(file, |bencher| {
            bencher.iter(|| black_box(verify(&program, &Env::default()).is_ok()));
        });
    }
    group.finish();
}

fn first_light(criterion: &mut Criterion) {
    let bytes = corpus("hello.o");
    criterion.bench_function("hello from file to output", |bencher| {
        bencher.iter(|| {
            let mut sim = Sim::new(Options::default()).expect("a machine can be made");
            sim.load_bytes("hello.o", &bytes).expect("it loads");
            sim.fire(&Event::execve("/bin/ls")).expect("it runs");
            black_box(sim.trace_lines().len())
        });
    });
}

criterion_group!(benches, verdicts, first_light);
criterion_main!(benches);
