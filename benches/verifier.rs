//! How long a verdict takes, and a whole run from file to output.
//!
//! `cargo bench --bench verifier`. With the kernel's own test objects in the folder that `EBPF_SIM_OBJECTS` names, the largest
//! of their programs, too, and on Linux, where bpf(2) may be asked, this host's kernel on the same programs.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ebpf_sim::events::Event;
use ebpf_sim::object::{LinkOptions, Object, Program};
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

/// The largest programs of the kernel's own tests.
const LARGEST: [&str; 5] = [
    "test_verif_scale1.o",
    "test_verif_scale2.o",
    "test_verif_scale3.o",
    "pyperf180.o",
    "strobemeta.o",
];

/// The programs of an object of the kernel's own tests, if those are there.
fn given(file: &str) -> Option<Vec<Arc<Program>>> {
    let folder = std::env::var_os("EBPF_SIM_OBJECTS")?;
    let bytes = std::fs::read(Path::new(&folder).join(file)).ok()?;
    let linked = Object::parse(file, &bytes)
        .ok()?
        .link(&LinkOptions::default());
    Some(
        linked
            .programs
            .into_iter()
            .flatten()
            .map(Arc::new)
            .collect(),
    )
}

fn largest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("largest");
    group.sample_size(10);
    for file in LARGEST {
        let Some(programs) = given(file) else {
            eprintln!("skipped: {file}: EBPF_SIM_OBJECTS names no folder with it");
            continue;
        };
        group.bench_function(format!("{file} here"), |bencher| {
            bencher.iter(|| {
                programs
                    .iter()
                    .all(|program| verify(program, &Env::default()).is_ok())
            });
        });
        in_kernel(&mut group, file, &programs);
    }
    group.finish();
}

/// The same programs in this host's kernel.
#[cfg(all(feature = "kernel", target_os = "linux"))]
fn in_kernel(group: &mut BenchmarkGroup<'_, WallTime>, file: &str, programs: &[Arc<Program>]) {
    use ebpf_sim::kernel::host::Host;
    use ebpf_sim::kernel::{Job, Kernel};
    let Ok(mut host) = Host::open() else {
        eprintln!("skipped: {file} in the kernel: bpf(2) may not be asked");
        return;
    };
    let jobs: Vec<Job> = programs
        .iter()
        .map(|program| Job::of_program(program))
        .collect();
    group.bench_function(format!("{file} in the kernel"), |bencher| {
        bencher.iter(|| jobs.iter().all(|job| host.execute(job).is_ok()));
    });
}

#[cfg(not(all(feature = "kernel", target_os = "linux")))]
fn in_kernel(_: &mut BenchmarkGroup<'_, WallTime>, _: &str, _: &[Arc<Program>]) {}

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

criterion_group!(benches, verdicts, largest, first_light);
criterion_main!(benches);
