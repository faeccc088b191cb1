//! Sets of CPUs that programs make: `struct bpf_cpumask`, counted references to a `struct cpumask`.
//!
//! A set is an object as programs allocate them, and goes with its last reference, be it a field's. Any `struct cpumask` may be asked; only sets
//! that programs made may change. CPUs that the machine does not have are in no set. Single CPUs change
//! at once: programs on other CPUs may hold the same set.
//!
//! Kernel: kernel/bpf/cpumask.c and lib/bitmap.c, 6.12.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::isa::{AtomicOp, Fetch, Size, Width};
use crate::machine::{Addr, Copies, Fault, Layout, ObjectRefusal};

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_cpumask_create", 0, create),
    Entry::new("bpf_cpumask_acquire", 1, acquire),
    Entry::new("bpf_cpumask_release", 1, release),
    Entry::new("bpf_cpumask_first", 1, |call| { let set = set(call, 0)?; Ok(first(call, &set)) }),
    Entry::new("bpf_cpumask_first_zero", 1, |call| { let set = not(&set(call, 0)?); Ok(first(call, &set)) }),
    Entry::new("bpf_cpumask_first_and", 2, |call| { let set = and(&set(call, 0)?, &set(call, 1)?); Ok(first(call, &set)) }),
    Entry::new("bpf_cpumask_set_cpu", 2, |call| change(call, Becomes::In)),
    Entry::new("bpf_cpumask_clear_cpu", 2, |call| change(call, Becomes::Out)),
    Entry::new("bpf_cpumask_test_cpu", 2, test_cpu),
    Entry::new("bpf_cpumask_test_and_set_cpu", 2, |call| change(call, Becomes::In)),
    Entry::new("bpf_cpumask_test_and_clear_cpu", 2, |call| change(call, Becomes::Out)),
    Entry::new("bpf_cpumask_setall", 1, |call| { let all = not(&none(call)); put(call, &all) }),
    Entry::new("bpf_cpumask_clear", 1, |call| { let none = none(call); put(call, &none) }),
    Entry::new("bpf_cpumask_and", 3, |call| { let both = and(&set(call, 1)?, &set(call, 2)?); put(call, &both)?; Ok(u64::from(any(call, &both))) }),
    Entry::new("bpf_cpumask_or", 3, |call| { let either = join(&set(call, 1)?, &set(call, 2)?, |a, b| a | b); put(call, &either) }),
    Entry::new("bpf_cpumask_xor", 3, |call| { let one = join(&set(call, 1)?, &set(call, 2)?, |a, b| a ^ b); put(call, &one) }),
    Entry::new("bpf_cpumask_equal", 2, |call| { let differ = join(&set(call, 0)?, &set(call, 1)?, |a, b| a ^ b); Ok(u64::from(!any(call, &differ))) }),
    Entry::new("bpf_cpumask_intersects", 2, |call| { let both = and(&set(call, 0)?, &set(call, 1)?); Ok(u64::from(any(call, &both))) }),
    Entry::new("bpf_cpumask_subset", 2, |call| { let outside = and(&set(call, 0)?, &not(&set(call, 1)?)); Ok(u64::from(!any(call, &outside))) }),
    Entry::new("bpf_cpumask_empty", 1, |call| { let set = set(call, 0)?; Ok(u64::from(!any(call, &set))) }),
    Entry::new("bpf_cpumask_full", 1, |call| { let rest = not(&set(call, 0)?); Ok(u64::from(!any(call, &rest))) }),
    Entry::new("bpf_cpumask_copy", 2, |call| { let set = set(call, 1)?; put(call, &set) }),
    Entry::new("bpf_cpumask_any_distribute", 1, |call| { let set = set(call, 0)?; Ok(first(call, &set)) }),
    Entry::new("bpf_cpumask_any_and_distribute", 2, |call| { let set = and(&set(call, 0)?, &set(call, 1)?); Ok(first(call, &set)) }),
    Entry::new("bpf_cpumask_weight", 1, |call| { let set = set(call, 0)?; Ok(cpus(call, &set).count() as u64) }),
];

/// What faults call a set that a program made.
const NAME: &str = "bpf_cpumask";
/// Bytes of `struct bpf_cpumask`: the mask, with room for 8192 CPUs as in Debian's kernel, the count of references, and what fills it up.
const SIZE: u64 = 1032;

/// A set, as words of 64 CPUs: as many as the machine's CPUs need.
type Set = Vec<u64>;

fn none(call: &Call<'_>) -> Set {
    vec![0; (count(call) as usize).div_ceil(64)]
}

fn count(call: &Call<'_>) -> u32 {
    call.world.machine.cpus.count()
}

/// The set that an argument points to.
fn set(call: &Call<'_>, argument: usize) -> Result<Set, Fault> {
    let at = Addr(call.args.get(argument).copied().unwrap_or(0));
    let words = 0..none(call).len() as i64;
    words
        .map(|word| call.memory().load(at.offset(8 * word), Size::DW))
        .collect()
}

fn join(one: &Set, other: &Set, how: impl Fn(u64, u64) -> u64) -> Set {
    one.iter().zip(other).map(|(a, b)| how(*a, *b)).collect()
}

fn and(one: &Set, other: &Set) -> Set {
    join(one, other, |a, b| a & b)
}

fn not(set: &Set) -> Set {
    set.iter().map(|word| !word).collect()
}

/// The machine's CPUs that are in a set; bits beyond them count for nothing.
fn cpus(call: &Call<'_>, set: &Set) -> impl Iterator<Item = u32> {
    let is_in = |cpu: &u32| has(set, *cpu);
    (0..count(call)).filter(is_in)
}

fn has(set: &Set, cpu: u32) -> bool {
    let word = set.get(cpu as usize / 64).copied().unwrap_or(0);
    word >> (cpu % 64) & 1 != 0
}

fn any(call: &Call<'_>, set: &Set) -> bool {
    cpus(call, set).next().is_some()
}

/// The first CPU of a set, or as many as the machine has.
fn first(call: &Call<'_>, set: &Set) -> u64 {
    let first = cpus(call, set).next();
    u64::from(first.unwrap_or(count(call)))
}

/// The set that a program made and an argument is.
fn own(call: &Call<'_>, argument: u64) -> Result<Addr, HelperError> {
    let at = Addr(argument);
    let info = call.object_named(at, NAME);
    match info.is_some_and(|info| info.len == SIZE) && call.world.machine.objects.is_held(at) {
        true => Ok(at),
        false => Err(HelperError::Refused("this is no bpf_cpumask")),
    }
}

/// Makes a set the first argument's.
fn put(call: &mut Call<'_>, set: &Set) -> Reply {
    let to = own(call, call.args[0])?;
    for (word, off) in set.iter().zip((0..).step_by(8)) {
        call.memory().poke_uint(to.offset(off), Size::DW, *word)?;
    }
    Ok(0)
}

/// `struct bpf_cpumask *bpf_cpumask_create(void)`: empty, with one reference.
fn create(call: &mut Call<'_>) -> Reply {
    let layout = Layout {
        name: NAME.into(),
        size: SIZE as u32,
        parts: Vec::new(),
    };
    let objects = &call.world.machine.objects;
    let made = objects.allocate(layout.into(), Copies::One);
    Ok(made.map_or(0, |made| made.0))
}

/// `struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *cpumask)`
fn acquire(call: &mut Call<'_>) -> Reply {
    let set = own(call, call.args[0])?;
    call.world.machine.objects.acquire(set).map_err(refused)?;
    Ok(set.0)
}

/// `void bpf_cpumask_release(struct bpf_cpumask *cpumask)`
fn release(call: &mut Call<'_>) -> Reply {
    let set = own(call, call.args[0])?;
    call.world.machine.objects.give_back(set).map_err(refused)?;
    Ok(0)
}

fn refused(_: ObjectRefusal) -> HelperError {
    HelperError::Refused("nobody holds this bpf_cpumask")
}

/// `bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask)`: false for a CPU that is not there.
fn test_cpu(call: &mut Call<'_>) -> Reply {
    let cpu = call.args[0] as u32;
    let set = set(call, 1)?;
    Ok(u64::from(cpu < count(call) && has(&set, cpu)))
}

/// Whether a CPU is in a set after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Becomes {
    In,
    Out,
}

/// `bool bpf_cpumask_test_and_set_cpu(u32 cpu, struct bpf_cpumask *cpumask)` and the like: whether it was in the set.
fn change(call: &mut Call<'_>, becomes: Becomes) -> Reply {
    let [cpu, set, ..] = call.args;
    let (cpu, set) = (cpu as u32, own(call, set)?);
    if cpu >= count(call) {
        return Ok(0);
    }
    let bit = 1u64 << (cpu % 64);
    let (op, operand) = match becomes {
        Becomes::In => (AtomicOp::Or(Fetch::Yes), bit),
        Becomes::Out => (AtomicOp::And(Fetch::Yes), !bit),
    };
    let word = set.offset(i64::from(cpu / 64) * 8);
    let before = call.memory().atomic(word, op, Width::W64, operand, 0)?;
    Ok(u64::from(before & bit != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{KindFilter, kernel_6_12};
    use crate::helpers::tests::bench::Bench;

    /// A machine of four CPUs, and sets with these of them.
    fn bench<const N: usize>(sets: [&[u64]; N]) -> (Bench, [u64; N]) {
        let mut bench = Bench::new();
        let sets = sets.map(|cpus| {
            let set = bench.kfunc("bpf_cpumask_create", []).cast_unsigned();
            for cpu in cpus {
                bench.kfunc("bpf_cpumask_set_cpu", [*cpu, set]);
            }
            set
        });
        (bench, sets)
    }

    #[test]
    fn layout_is_that_of_the_kernel() {
        let btf = kernel_6_12();
        let own = btf.find("bpf_cpumask", KindFilter::STRUCT).expect("a type");
        assert_eq!(btf.size_of(own), Some(SIZE));
    }

    #[test]
    fn cpus_are_set_tested_and_cleared() {
        let (mut bench, [set]) = bench([&[1]]);
        let count = u64::from(bench.machine.cpus.count());
        assert_eq!(count, 4);
        let mut ask =
            |name: &str, cpu: u64| bench.kfunc(&format!("bpf_cpumask_{name}"), [cpu, set]);
        assert_eq!([0, 1, 4].map(|cpu| ask("test_cpu", cpu)), [0, 1, 0]);
        assert_eq!([2, 2].map(|cpu| ask("test_and_set_cpu", cpu)), [0, 1]);
        assert_eq!([1, 1].map(|cpu| ask("test_and_clear_cpu", cpu)), [1, 0]);
        assert_eq!(ask("test_and_set_cpu", count), 0);
        assert_eq!(bench.word(set), 0b100, "there is no such CPU");
        assert_eq!(bench.kfunc("bpf_cpumask_weight", [set]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_first", [set]), 2);
        assert_eq!(bench.kfunc("bpf_cpumask_first_zero", [set]), 0);
    }

    #[test]
    fn sets_are_combined_and_compared() {
        let (mut bench, [to, a, b]) = bench([&[], &[0, 1], &[1, 2]]);
        assert_eq!(bench.kfunc("bpf_cpumask_and", [to, a, b]), 1);
        assert_eq!(bench.word(to), 0b010);
        assert_eq!(bench.kfunc("bpf_cpumask_subset", [to, a]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_subset", [a, to]), 0);
        bench.kfunc("bpf_cpumask_xor", [to, a, b]);
        assert_eq!(bench.word(to), 0b101);
        assert_eq!(bench.kfunc("bpf_cpumask_intersects", [to, a]), 1);
        bench.kfunc("bpf_cpumask_or", [to, a, b]);
        assert_eq!(bench.word(to), 0b111);
        assert_eq!(bench.kfunc("bpf_cpumask_equal", [to, a]), 0);
        bench.kfunc("bpf_cpumask_copy", [to, a]);
        assert_eq!(bench.kfunc("bpf_cpumask_equal", [to, a]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_first_and", [a, b]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_any_and_distribute", [a, b]), 1);
        bench.kfunc("bpf_cpumask_clear", [to]);
        assert_eq!(bench.kfunc("bpf_cpumask_empty", [to]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_and", [to, to, a]), 0);
        assert_eq!(bench.kfunc("bpf_cpumask_first", [to]), 4, "none");
        assert_eq!(bench.kfunc("bpf_cpumask_full", [to]), 0);
        bench.kfunc("bpf_cpumask_setall", [to]);
        assert_eq!(bench.kfunc("bpf_cpumask_full", [to]), 1);
        assert_eq!(bench.kfunc("bpf_cpumask_first_zero", [to]), 4, "none");
        assert_eq!(bench.kfunc("bpf_cpumask_weight", [to]), 4);
    }

    #[test]
    fn set_is_freed_with_its_last_reference() {
        let (mut bench, [set]) = bench([&[0]]);
        assert_eq!(bench.kfunc("bpf_cpumask_acquire", [set]), set as i64);
        bench.kfunc("bpf_cpumask_release", [set]);
        assert_eq!(bench.kfunc("bpf_cpumask_test_cpu", [0, set]), 1);
        bench.kfunc("bpf_cpumask_release", [set]);
        for name in ["bpf_cpumask_release", "bpf_cpumask_acquire"] {
            assert!(bench.kfunc_reply(name, [set]).is_err(), "{name}");
        }
        assert_eq!(bench.kfunc("bpf_cpumask_first", [set]), 0, "as under RCU");
        bench.machine.objects.end_of_run(&bench.machine.grace);
        assert!(bench.kfunc_reply("bpf_cpumask_first", [set]).is_err());
    }

    #[test]
    fn set_in_a_field_goes_with_the_field() {
        let (mut bench, [first, second]) = bench([&[0], &[1]]);
        let field = bench.data(&[0; 8]);
        assert_eq!(bench.call(194, [field, first]), 0);
        assert_eq!(bench.call(194, [field, second]), first as i64);
        assert_eq!(bench.kfunc("bpf_cpumask_release", [first]), 0);
        assert_eq!(bench.machine.objects.held(), 1);
        bench.release_pointer(field);
        assert_eq!((bench.machine.objects.held(), bench.word(field)), (0, 0));
        assert!(bench.kfunc_reply("bpf_cpumask_release", [second]).is_err());
    }

    #[test]
    fn what_no_program_made_is_only_read() {
        let (mut bench, [set]) = bench([&[0]]);
        let other = bench.data(&[1; 1032]);
        assert_eq!(bench.kfunc("bpf_cpumask_equal", [set, other]), 1);
        assert!(bench.kfunc_reply("bpf_cpumask_clear", [other]).is_err());
        assert!(bench.kfunc_reply("bpf_cpumask_clear", [set + 8]).is_err());
    }
}
