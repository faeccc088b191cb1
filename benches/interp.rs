//! The interpreter against rbpf's, on programs that both can run.
//!
//! `cargo bench --bench interp`. Compare the two times of one run: machines differ, ratios less.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ebpf_sim::code::{Bindings, DEFAULT_FUEL, Programs, RunEnv, Stacks, lower};
use ebpf_sim::helpers::World;
use ebpf_sim::interp;
use ebpf_sim::machine::{Addr, Machine, MachineConfig, Owner, Task};
use ebpf_sim::maps::MapTable;
use ebpf_sim::object::Program;
use ebpf_sim::verifier::{Env, verify};

/// A name, and the program in assembly.
const PROGRAMS: [(&str, &str); 4] = [
    ("empty", ".type socket_filter\nr0 = 0\nexit\n"),
    (
        "alu64_loop",
        ".type socket_filter
         r0 = 1
         r1 = 2000
         again:
         r0 *= 31
         r0 += r1
         r0 ^= 0x5a5a
         r0 >>= 1
         r1 -= 1
         if r1 != 0 goto again
         exit",
    ),
    (
        "alu32_loop",
        ".type socket_filter
         w0 = 1
         w1 = 2000
         again:
         w0 *= 31
         w0 += w1
         w0 ^= 0x5a5a
         w0 >>= 1
         w1 -= 1
         if w1 != 0 goto again
         exit",
    ),
    (
        "stack_loop",
        ".type socket_filter
         r0 = 0
         *(u64 *)(r10 -8) = r0
         r1 = 2000
         again:
         r2 = *(u64 *)(r10 -8)
         r2 += r1
         *(u64 *)(r10 -8) = r2
         r1 -= 1
         if r1 != 0 goto again
         r0 = *(u64 *)(r10 -8)
         exit",
    ),
];

fn bench(criterion: &mut Criterion) {
    let machine = Machine::new(MachineConfig::default()).expect("memory for a machine");
    let stacks = Stacks::new(&machine.memory, &Owner::Kernel).expect("memory for stacks");
    let (maps, programs, task) = (MapTable::default(), Programs::default(), Task::default());
    for (name, text) in PROGRAMS {
        let program = Arc::new(Program::from_assembly(name, text).expect("it is in the syntax"));
        let verified = verify(&program, &Env::default()).expect("it is accepted");
        let code = lower(&verified, &Bindings::default()).expect("it can run");
        let bytes: Vec<u8> = program
            .code
            .iter()
            .flat_map(|raw| raw.to_le_bytes())
            .collect();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("ebpf-sim", |bencher| {
            bencher.iter(|| {
                let world = World::new(&machine, &maps, code.prog_type, &task);
                let env = RunEnv {
                    world,
                    programs: &programs,
                    stacks: &stacks,
                    fuel: DEFAULT_FUEL,
                };
                black_box(interp::run(&code, &env, Addr::NULL).result)
            });
        });
        let vm = rbpf::EbpfVmNoData::new(Some(&bytes)).expect("rbpf takes it");
        group.bench_function("rbpf", |bencher| {
            bencher.iter(|| black_box(vm.execute_program()))
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
