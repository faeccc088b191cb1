//! What one run costs through the library: an XDP program that does nothing, its verdict and its context included.
//!
//! `cargo bench --bench runs`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ebpf_sim::abi::ProgType;
use ebpf_sim::events::Event;
use ebpf_sim::isa::asm::{NoSymbols, assemble};
use ebpf_sim::isa::encode_program;
use ebpf_sim::object::Program;
use ebpf_sim::sim::{Engine, Options, Sim};

const PACKET: [u8; 64] = [0; 64];

fn loaded(engine: Engine) -> Sim {
    let mut sim = Sim::new(Options {
        engine,
        ..Options::default()
    })
    .expect("the host gives the memory");
    let assembly = assemble("r0 = 2\nexit", &NoSymbols).expect("it is assembly");
    let insns = encode_program(&assembly.insns);
    sim.load_program(Program::from_raw("empty", ProgType::Xdp, insns));
    sim
}

fn runs(criterion: &mut Criterion) {
    let engines = [
        ("interpreter", Engine::Interpreter),
        #[cfg(feature = "jit")]
        ("jit", Engine::Jit(ebpf_sim::jit::Counting::Off)),
    ];
    let mut group = criterion.benchmark_group("empty XDP program");
    for (name, engine) in engines {
        let mut sim = loaded(engine);
        let event = Event::packet(PACKET);
        group.bench_function(format!("{name}, fired"), |bencher| {
            bencher.iter(|| black_box(sim.fire(&event).expect("a packet is an event")));
        });
        let id = sim.loads()[0].programs[0].id.expect("it is accepted");
        let prepared = sim.prepare(id, &event).expect("a packet is an event");
        let mut prepared = prepared.expect("a packet reaches it");
        group.bench_function(format!("{name}, prepared, on a packet each"), |bencher| {
            bencher.iter(|| {
                prepared.arrive(black_box(&PACKET)).expect("it fits");
                let r0 = prepared.run().result.map_err(drop);
                r0.map(|r0| prepared.verdict(r0))
            });
        });
        group.bench_function(format!("{name}, prepared, on the same packet"), |bencher| {
            bencher.iter(|| prepared.run().result.map_err(drop));
        });
    }
    group.finish();
}

criterion_group!(benches, runs);
criterion_main!(benches);
