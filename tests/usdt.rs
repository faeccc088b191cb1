//! Static probes of executables: what is read of them, and what programs at them see.

#[path = "usdt/elf.rs"]
mod elf;

use std::path::Path;
use std::sync::Arc;

use ebpf_sim::events::{Event, UsdtEvent};
use ebpf_sim::object::usdt::{Argument, ArgumentPlace, Executable, Machine, Probe};
use ebpf_sim::sim::{Options, Sim};

use elf::Elf;

fn probe(arguments: &str) -> Probe {
    Probe {
        provider: "p".to_owned(),
        name: "n".to_owned(),
        arguments: arguments.to_owned(),
        address: 0,
        offset: 0,
        semaphore: None,
    }
}

fn one(machine: Machine, text: &str) -> Result<Argument, String> {
    let places = probe(text).places(machine);
    let mut places = places.map_err(|error| error.to_string())?;
    assert_eq!(places.len(), 1, "{text}");
    Ok(places.remove(0))
}

fn register(number: u16) -> ArgumentPlace {
    ArgumentPlace::Register(number)
}

fn memory(register: u16, off: i64) -> ArgumentPlace {
    ArgumentPlace::Memory { register, off }
}

#[test]
fn arguments_are_read_in_the_way_of_each_machine() {
    let indexed = |off, shift| ArgumentPlace::Indexed {
        register: 32,
        index: 80,
        shift,
        off,
    };
    let constant = ArgumentPlace::Constant;
    let cases = [
        (Machine::X86, "-4@%eax", register(80)),
        (Machine::X86, "8@%r15", register(0)),
        (Machine::X86, "1@%sil", register(104)),
        (Machine::X86, "8@-16(%rbp)", memory(32, -16)),
        (Machine::X86, "8@(%rsp)", memory(152, 0)),
        (Machine::X86, "4@$-9", constant(-9)),
        (Machine::X86, "1@-96(%rbp,%rax,8)", indexed(-96, 3)),
        (Machine::X86, "1@(%rbp,%rax)", indexed(0, 0)),
        (Machine::Arm64, "-8@x4", register(32)),
        (Machine::Arm64, "-4@[sp, 96]", memory(248, 96)),
        (Machine::Arm64, "-4@[x30]", memory(240, 0)),
        (Machine::Arm64, "4@5", constant(5)),
        (Machine::Riscv, "-8@a1", register(88)),
        (Machine::Riscv, "-8@-88(s0)", memory(64, -88)),
        (Machine::Riscv, "4@5", constant(5)),
        (Machine::S390, "-8@%r0", register(24)),
        (Machine::S390, "-2@-28(%r15)", memory(144, -28)),
        (Machine::S390, "4@71", constant(71)),
    ];
    for (machine, text, place) in cases {
        let argument = one(machine, text).expect(text);
        let size: i8 = text.split('@').next().unwrap().parse().unwrap();
        assert_eq!(argument.place, place, "{text}");
        assert_eq!(argument.size, size.unsigned_abs(), "{text}");
        assert_eq!(argument.signed, size < 0, "{text}");
    }
}

#[test]
fn arguments_that_are_not_understood_are_named() {
    let cases = [
        (
            "3@%eax",
            "argument 0 of p:n, `3@%eax`: it has 3 bytes, want 1, 2, 4 or 8",
        ),
        (
            "4@%eax 4@%xmm0",
            "argument 1 of p:n, `4@%xmm0`: there is no register `xmm0`",
        ),
        (
            "4@8(%rax",
            "argument 0 of p:n, `4@8(%rax`: it is not understood",
        ),
        ("%eax", "argument 0 of p:n, `%eax`: it is not understood"),
        (
            "1@(%rbp,%rax,3)",
            "argument 0 of p:n, `1@(%rbp,%rax,3)`: the scale is 3, want 1, 2, 4 or 8",
        ),
    ];
    for (text, want) in cases {
        let error = probe(text).places(Machine::X86).expect_err(text);
        assert_eq!(error.to_string(), want);
    }
    let many = probe(&"4@%eax ".repeat(13)).places(Machine::X86);
    let error = many.expect_err("there are 13");
    assert_eq!(error.to_string(), "p:n has more than 12 arguments");
}

#[test]
fn probes_move_with_their_base_and_have_places_in_the_file() {
    let elf = Elf {
        base: 0x1010,
        notes: vec![
            (0x1000, 0x1000, 0x2004, "shop", "sold", "4@%edi"),
            (0x1020, 0, 0, "shop", "closed", ":"),
        ],
        ..Elf::x86(&[])
    };
    let executable = Executable::parse("shop", &elf.bytes()).expect("it has probes");
    let [sold, closed] = executable.probes.as_slice() else {
        panic!("{executable:?}")
    };
    assert_eq!((sold.address, sold.offset), (0x1010, 0x810));
    assert_eq!(sold.semaphore, Some(0x1804));
    assert_eq!((closed.address, closed.semaphore), (0x1020, None));
    assert_eq!(closed.arguments, "");
}

#[test]
fn files_without_probes_are_refused_by_what_they_lack() {
    let error = |elf: &Elf| {
        let parsed = Executable::parse("x", &elf.bytes());
        parsed.expect_err("it is refused").to_string()
    };
    let with = |change: fn(&mut Elf)| {
        let mut elf = Elf::x86(&[("shop", "sold", "")]);
        change(&mut elf);
        error(&elf)
    };
    assert_eq!(
        with(|elf| elf.kind = 1),
        "want an executable or a library of 64 bits: it is neither"
    );
    assert_eq!(
        with(|elf| elf.machine = 40),
        "not supported yet: probes of executables for ELF machine 40"
    );
    assert_eq!(
        with(|elf| elf.notes[0].0 = 0x3000),
        "no segment of the file has the probe of shop:sold at 0x3000"
    );
    assert_eq!(
        with(|elf| elf.notes[0].0 = 0x2000),
        "the segment with the probe of shop:sold at 0x2000 is not executable"
    );
    assert_eq!(
        with(|elf| elf.notes[0].2 = 0x1000),
        "the segment with the semaphore of shop:sold at 0x1000 is executable"
    );
    assert_eq!(
        with(|elf| elf.notes[0].4 = ""),
        "the note at 0x0 of .note.stapsdt is broken: it has no name"
    );
}

#[test]
fn broken_files_are_refused_and_nothing_panics() {
    let bytes = Elf::x86(&[("shop", "sold", "4@%edi"), ("shop", "closed", "")]).bytes();
    for len in 0..bytes.len() {
        let _refused = Executable::parse("x", &bytes[..len]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut broken = bytes.clone();
            broken[at] = value;
            if let Ok(executable) = Executable::parse("x", &broken) {
                for probe in &executable.probes {
                    let _refused = probe.places(executable.machine);
                }
            }
        }
    }
}

/// A simulator with the program at `shop:sold`.
fn loaded() -> Sim {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/object/testdata");
    let mut sim = Sim::new(Options::default()).expect("there is memory");
    sim.load_file(folder.join("usdt.o")).expect("it loads");
    sim
}

fn executable(sites: &[&'static str]) -> Arc<Executable> {
    let probes: Vec<_> = sites.iter().map(|text| ("shop", "sold", *text)).collect();
    let bytes = Elf::x86(&probes).bytes();
    Arc::new(Executable::parse("./shop", &bytes).expect("it has probes"))
}

fn sold(executable: &Arc<Executable>, args: &[(&str, &str)]) -> Event {
    let event = UsdtEvent::new(Arc::clone(executable), "shop", "sold", args);
    Event::Usdt(event.expect("there is such a probe"))
}

fn number(sim: &Sim, name: &str) -> i64 {
    let bytes = sim.global(name).expect("there is such a variable");
    i64::from_le_bytes(bytes.try_into().expect("it has 8 bytes"))
}

fn found(sim: &Sim) -> Vec<i64> {
    let bytes = sim.global("found").expect("there is such a variable");
    let longs = bytes.as_chunks::<8>().0.iter();
    longs.map(|long| i64::from_le_bytes(*long)).collect()
}

#[test]
fn program_at_a_probe_sees_the_arguments_wherever_they_lie() {
    let mut sim = loaded();
    let executable = executable(&["-4@%edi 8@-16(%rbp) 2@8(%rbp) -1@$-7"]);
    let args = [("arg0", "-5"), ("arg1", "123456789012"), ("arg2", "65535")];
    let firing = sim.fire(&sold(&executable, &args)).expect("it passes");
    assert_eq!(firing.runs().count(), 1);
    assert_eq!(number(&sim, "count"), 4);
    assert_eq!(found(&sim), [-5, 123456789012, 65535, -7]);
}

#[test]
fn places_with_the_same_arguments_share_a_description() {
    let mut sim = loaded();
    let executable = executable(&["4@%edi", "4@%esi", "4@%edi"]);
    let mut cookies = Vec::new();
    for site in ["0", "1", "2"] {
        let args = [("arg0", "7"), ("site", site)];
        sim.fire(&sold(&executable, &args)).expect("it passes");
        assert_eq!(found(&sim)[0], 7);
        cookies.push(number(&sim, "cookie"));
    }
    assert_eq!(cookies, [0, 1, 0]);
    assert_eq!(number(&sim, "passed"), 3);
}

#[test]
fn more_places_than_the_map_has_room_for_are_refused() {
    let mut sim = loaded();
    let executable = executable(&["4@%edi", "4@%esi", "4@%edx", "4@%ecx", "4@%r8d"]);
    let error = sim.fire(&sold(&executable, &[])).expect_err("it has 4");
    assert_eq!(
        error.to_string(),
        "sold cannot be attached to usdt ./shop:shop:sold: map __bpf_usdt_specs is full"
    );
}

#[test]
fn indexed_argument_needs_a_newer_header() {
    let mut sim = loaded();
    let executable = executable(&["1@(%rbp,%rax,8)"]);
    let error = sim
        .fire(&sold(&executable, &[]))
        .expect_err("it is unknown there");
    assert_eq!(
        error.to_string(),
        "sold cannot be attached to usdt ./shop:shop:sold: its usdt.bpf.h does not know `idx_reg_off`, which argument 0 needs"
    );
}

/// How arguments lie, what is given for them, and what is said of that.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

#[test]
fn arguments_that_cannot_be_given_are_refused() {
    let cases: [Case; 4] = [
        (
            "1@$-7",
            &[("arg0", "3")],
            "argument arg0 of event usdt:./shop:shop:sold cannot be given: it is a constant",
        ),
        (
            "4@%edi 4@%edi",
            &[("arg0", "3"), ("arg1", "4")],
            "argument arg1 of event usdt:./shop:shop:sold cannot be given: it is the register of another argument",
        ),
        (
            "8@%rbp 8@(%rbp)",
            &[("arg0", "3"), ("arg1", "4")],
            "argument arg0 of event usdt:./shop:shop:sold cannot be given: it is a register that leads to another argument",
        ),
        (
            "2@%di",
            &[("arg0", "65536")],
            "argument arg0 of event usdt:./shop:shop:sold wants a number of 2 bytes, not `65536`",
        ),
    ];
    for (text, args, want) in cases {
        let mut sim = loaded();
        let error = sim.fire(&sold(&executable(&[text]), args));
        assert_eq!(error.expect_err(text).to_string(), want);
    }
}

#[test]
fn probes_places_and_arguments_that_are_not_there_are_named() {
    let executable = executable(&["4@%edi"]);
    let error = |name: &str, args: &[(&str, &str)]| {
        let event = UsdtEvent::new(Arc::clone(&executable), "shop", name, args);
        event.expect_err("it is not there").to_string()
    };
    assert_eq!(
        error("opened", &[]),
        "no probe shop:opened in the file; there are shop:sold"
    );
    assert_eq!(
        error("sold", &[("arg1", "1")]),
        "event usdt:./shop:shop:sold has no argument `arg1`; it takes arg0, site"
    );
    assert_eq!(
        error("sold", &[("site", "1")]),
        "argument site of event usdt:./shop:shop:sold wants the number of one of its places, from 0, not `1`"
    );
}
