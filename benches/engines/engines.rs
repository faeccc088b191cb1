//! Both engines against rbpf's interpreter, its JIT and its use of Cranelift, on programs that all of them can run, with
//! compile times.
//!
//! `cargo bench --manifest-path benches/engines/Cargo.toml`. Compare the times of one run: machines differ, ratios less.

#![expect(
    unsafe_code,
    reason = "rbpf's native code is called without its checks"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use ebpf_sim::code::{Bindings, Code, DEFAULT_FUEL, Programs, RunEnv, Stacks, lower};
use ebpf_sim::helpers::World;
use ebpf_sim::interp;
use ebpf_sim::jit::{self, Compiler, Counting, Natives};
use ebpf_sim::machine::{Addr, Machine, MachineConfig, Owner, Task};
use ebpf_sim::maps::MapTable;
use ebpf_sim::object::{LinkOptions, Object, Program};
use ebpf_sim::verifier::{Env, verify};

/// Programs of corpus/bench that need no map, no helper and no context.
const PROGRAMS: [&str; 9] = [
    "alu32", "alu64", "calls", "collatz", "crc32", "gcd", "matrix", "siphash", "sort",
];

/// How many instructions the long program has.
const LONG: usize = 10_000;

fn load(name: &str) -> Arc<Program> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../corpus/bench/{name}.o"));
    let bytes = std::fs::read(&path).expect("it is in the corpus");
    let object = Object::parse(name, &bytes).expect("it is an object");
    let linked = object.link(&LinkOptions::default());
    let program = linked
        .programs
        .into_iter()
        .next()
        .expect("it has a program");
    Arc::new(program.expect("it links"))
}

fn lowered(program: &Arc<Program>) -> Arc<Code> {
    let verified = verify(program, &Env::default()).expect("it is accepted");
    Arc::new(lower(&verified, &Bindings::default()).expect("it can run"))
}

fn raw(program: &Program) -> Vec<u8> {
    program
        .code
        .iter()
        .flat_map(|raw| raw.to_le_bytes())
        .collect()
}

/// What every run of ours needs.
struct Kernel {
    machine: Machine,
    stacks: Stacks,
    maps: MapTable,
    programs: Programs,
    task: Task,
    compiler: Compiler,
}

impl Kernel {
    fn new() -> Kernel {
        let machine = Machine::new(MachineConfig::default()).expect("memory for a machine");
        let stacks = Stacks::new(&machine.memory, &Owner::Kernel).expect("memory for stacks");
        Kernel {
            machine,
            stacks,
            maps: MapTable::default(),
            programs: Programs::default(),
            task: Task::default(),
            compiler: Compiler::new().expect("there is native code for the host"),
        }
    }

    fn env(&self, code: &Code) -> RunEnv<'_> {
        RunEnv {
            world: World::new(&self.machine, &self.maps, code.prog_type, &self.task),
            programs: &self.programs,
            stacks: &self.stacks,
            fuel: DEFAULT_FUEL,
        }
    }

    /// Runs a program in both engines.
    fn engines(
        &self,
        group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
        code: &Arc<Code>,
    ) {
        let env = self.env(code);
        group.bench_function("interp", |bencher| {
            bencher.iter(|| black_box(interp::run(code, &env, Addr::NULL).result));
        });
        let native = self
            .compiler
            .compile(code, Counting::Off)
            .expect("it compiles");
        let natives = Natives::default();
        // One run after the other, as BPF_PROG_TEST_RUN does; then each by itself, with all that a run needs.
        group.bench_function("jit", |bencher| {
            bencher.iter_custom(|times| {
                let times = u32::try_from(times).expect("criterion asks for fewer");
                let start = Instant::now();
                black_box(jit::repeat(
                    (&native, Addr::NULL),
                    &natives,
                    &env,
                    (times, || {}),
                ));
                start.elapsed()
            });
        });
        group.bench_function("jit-alone", |bencher| {
            bencher.iter(|| black_box(jit::run(&native, &natives, &env, Addr::NULL).result));
        });
        group.bench_function("compile", |bencher| {
            bencher.iter(|| black_box(self.compiler.compile(code, Counting::Off)));
        });
    }
}

/// Runs a program in rbpf's engines, and names those that cannot.
fn rivals(
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    bytes: &[u8],
    wanted: u64,
) {
    let mut vm = rbpf::EbpfVmNoData::new(Some(bytes)).expect("rbpf takes it");
    assert_eq!(vm.execute_program().expect("rbpf runs it"), wanted);
    group.bench_function("rbpf", |bencher| {
        bencher.iter(|| black_box(vm.execute_program()));
    });
    match vm.jit_compile() {
        Ok(()) => {
            // SAFETY: the program was judged, and reaches no memory but its stack.
            assert_eq!(
                unsafe { vm.execute_program_jit() }.expect("it runs"),
                wanted
            );
            group.bench_function("rbpf-jit", |bencher| {
                // SAFETY: as above.
                bencher.iter(|| black_box(unsafe { vm.execute_program_jit() }));
            });
            group.bench_function("rbpf-jit-compile", |bencher| {
                bencher.iter(|| black_box(vm.jit_compile().is_ok()));
            });
        }
        Err(error) => eprintln!("rbpf's JIT: {error}"),
    }
    if let Err(error) = vm.cranelift_compile() {
        eprintln!("rbpf's Cranelift: {error}");
        return;
    }
    // It gives something else than rbpf's interpreter for some programs; how fast says nothing then.
    let given = vm.execute_program_cranelift().expect("it runs");
    if given != wanted {
        eprintln!("rbpf's Cranelift gives {given}, not {wanted}");
        return;
    }
    group.bench_function("rbpf-cranelift", |bencher| {
        bencher.iter(|| black_box(vm.execute_program_cranelift()));
    });
    group.bench_function("rbpf-cranelift-compile", |bencher| {
        bencher.iter(|| black_box(vm.cranelift_compile().is_ok()));
    });
}

fn bench(criterion: &mut Criterion) {
    let kernel = Kernel::new();
    for name in PROGRAMS {
        let program = load(name);
        let (code, bytes) = (lowered(&program), raw(&program));
        let outcome = interp::run(&code, &kernel.env(&code), Addr::NULL);
        let mut group = criterion.benchmark_group(name);
        kernel.engines(&mut group, &code);
        rivals(&mut group, &bytes, outcome.result.expect("it runs"));
        group.finish();
    }
}

/// An empty program, and a long one without loops, whose numbers nobody knows before it runs.
fn ends(criterion: &mut Criterion) {
    let kernel = Kernel::new();
    let step = |step: usize| {
        let (dst, src) = (step % 5, (step * 7 + 3) % 5);
        match step % 8 {
            0 | 4 => format!("r{dst} += r{src}\n"),
            1 | 5 => format!("r{dst} ^= {step}\n"),
            2 | 6 => format!("r{dst} *= r{src}\n"),
            3 => format!("if r{dst} > {step} goto +1\n"),
            _ => format!("r{dst} >>= 3\n"),
        }
    };
    let steps: String = (0..LONG).map(step).collect();
    let start = "call bpf_get_prandom_u32\nr1 = r0\nr2 = r0\nr3 = r0\nr4 = r0\n";
    for (name, body) in [("empty", "r0 = 0\n"), ("long", &*format!("{start}{steps}"))] {
        let text = format!(".type socket_filter\n{body}exit\n");
        let program = Program::from_assembly(name, &text).expect("it is in the syntax");
        let mut group = criterion.benchmark_group(name);
        kernel.engines(&mut group, &lowered(&Arc::new(program)));
        group.finish();
    }
}

criterion_group!(benches, bench, ends);
criterion_main!(benches);
