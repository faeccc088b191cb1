//! What clang's objects become, and what happens to broken ones.

mod kernel;
mod variables;

use super::*;
use crate::abi::{MapType, ProgType};
use crate::isa::{Pc, RawInsn};

/// The objects that `testdata/build.sh` makes.
macro_rules! test_object {
    ($name:literal) => {
        include_bytes!(concat!("testdata/", $name, ".o")).as_slice()
    };
}

const ALL: [(&str, &[u8]); 13] = [
    ("absent", test_object!("absent")),
    ("arena", test_object!("arena")),
    ("calls", test_object!("calls")),
    ("core", test_object!("core")),
    ("externs", test_object!("externs")),
    ("fields", test_object!("fields")),
    ("legacy", test_object!("legacy")),
    ("maps", test_object!("maps")),
    ("modules", test_object!("modules")),
    ("neighbours", test_object!("neighbours")),
    ("strong", test_object!("strong")),
    ("tables", test_object!("tables")),
    ("variables", test_object!("variables")),
];

fn object(name: &str) -> Object {
    let (_, bytes) = ALL
        .iter()
        .find(|(known, _)| *known == name)
        .expect("the object is listed");
    Object::parse(&format!("some/{name}.bpf.o"), bytes).expect("the object parses")
}

/// Links a program that has to.
fn program(object: &Object, name: &str) -> Program {
    let mut programs = object
        .link(&LinkOptions::default())
        .programs
        .into_iter()
        .filter_map(Result::ok);
    programs
        .find(|program| program.name == name)
        .expect("the program links")
}

/// Why a program does not link.
fn refusal(object: &Object, name: &str) -> String {
    let errors = object
        .link(&LinkOptions::default())
        .programs
        .into_iter()
        .filter_map(Result::err);
    let error = errors
        .into_iter()
        .find(|error| error.program == name)
        .expect("the program does not link");
    error.source.to_string()
}

fn map<'a>(object: &'a Object, name: &str) -> &'a MapSpec {
    object
        .maps()
        .iter()
        .find(|map| map.name == name)
        .expect("the map exists")
}

fn subprogs(program: &Program) -> Vec<(&str, u32, Linkage)> {
    program
        .subprogs
        .iter()
        .map(|subprog| (subprog.name.as_str(), subprog.start.0, subprog.linkage))
        .collect()
}

/// Where each local call goes: the call's slot and the subprogram's name.
fn calls(program: &Program) -> Vec<(u32, &str)> {
    let target = |(pc, insn): (u32, &RawInsn)| match (insn.opcode, insn.src) {
        (0x85, 1) | (0x18, 4) => {
            let target = Pc(pc).target(insn.imm)?;
            let subprog = program
                .subprogs
                .iter()
                .find(|subprog| subprog.start == target);
            Some((pc, subprog.map_or("nothing", |subprog| &subprog.name)))
        }
        _ => None,
    };
    (0..).zip(&program.code).filter_map(target).collect()
}

/// Each load of a map's or value's address: its slot, map and offset.
fn map_loads(program: &Program) -> Vec<(usize, &str, i32)> {
    let load = |(pc, pair): (usize, &[RawInsn])| match pair {
        [
            RawInsn {
                opcode: 0x18,
                src: 1 | 2,
                imm,
                ..
            },
            second,
        ] => {
            let map = program.maps.get(usize::try_from(*imm).ok()?)?;
            Some((pc, map.name.as_str(), second.imm))
        }
        _ => None,
    };
    program
        .code
        .windows(2)
        .enumerate()
        .filter_map(load)
        .collect()
}

#[test]
fn object_facts_are_those_of_the_file() {
    let object = object("calls");
    assert_eq!(
        (object.name(), object.licence(), object.version()),
        ("calls", "Dual MIT/GPL", Some(0x60c00))
    );
    assert!(object.btf().is_some());
    assert_eq!(
        object_name("/x.y/a_very_long_name_indeed.bpf.o"),
        "a_very_long_nam"
    );
}

#[test]
fn subprogs_are_appended_in_the_order_of_first_calls() {
    let object = object("calls");
    let first = program(&object, "first");
    let expected = [
        ("first", 0, Linkage::Global),
        ("each", 32, Linkage::Static),
        ("leaf", 38, Linkage::Global),
        ("deepest", 45, Linkage::Static),
        ("weak_part", 51, Linkage::Global),
        ("hidden_part", 54, Linkage::Static),
    ];
    assert_eq!(subprogs(&first), expected);
    let expected = [
        (7, "each"),
        (12, "leaf"),
        (15, "weak_part"),
        (19, "hidden_part"),
        (38, "deepest"),
        (51, "leaf"),
    ];
    assert_eq!(calls(&first), expected);
    let second = program(&object, "second");
    let names: Vec<_> = second
        .subprogs
        .iter()
        .map(|subprog| subprog.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["second", "hidden_part", "weak_part", "leaf", "deepest"]
    );
}

#[test]
fn program_facts_come_from_its_section() {
    let object = object("calls");
    let (first, second) = (program(&object, "first"), program(&object, "second"));
    assert_eq!(
        (first.prog_type, first.autoload),
        (ProgType::Xdp, Autoload::Yes)
    );
    assert_eq!(
        (second.prog_type, second.autoload),
        (ProgType::SchedCls, Autoload::No)
    );
    assert_eq!(
        (second.section.as_str(), second.licence.as_str()),
        ("?tc", "Dual MIT/GPL")
    );
}

#[test]
fn variables_become_maps_and_offsets() {
    let object = object("calls");
    let first = program(&object, "first");
    let expected = [
        (2, "calls.rodata", 0),
        (21, "calls.bss", 0),
        (25, "calls.bss", 8),
        (39, "calls.data", 0),
        (46, "calls.bss", 0),
        (54, ".data.custom", 0),
        (58, ".data.very_quiet", 0),
    ];
    assert_eq!(map_loads(&first), expected);
    let rodata = map(&object, "calls.rodata");
    assert_eq!(
        (rodata.origin, rodata.flags),
        (Origin::ReadOnlyData, (1 << 7) | (1 << 10))
    );
    assert_eq!(rodata.initial, Initial::Data(vec![10, 0, 0, 0]));
    assert_eq!(map(&object, ".data.custom").flags, 1 << 10);
    assert_eq!(
        map(&object, ".data.very_quiet").flags,
        0,
        "its variable is hidden"
    );
    let btf = object.btf().expect("the object has types");
    let datasec = map(&object, "calls.bss")
        .value_type
        .expect("the section has a type");
    assert_eq!(btf.size_of(datasec), Some(16));
    let Type::Datasec { entries, .. } = btf.ty(datasec) else {
        panic!("it is a data section")
    };
    assert!(entries.iter().map(|entry| entry.offset).eq([0, 8]));
    let bss = map(&object, "calls.bss");
    assert_eq!(
        (bss.map_type, bss.value_size, bss.flags),
        (MapType::Array, 16, 1 << 10)
    );
    assert_eq!((&bss.initial, bss.origin), (&Initial::Empty, Origin::Data));
    assert!(bss.value_type.is_some());
}

#[test]
fn globals_lie_where_the_symbols_say_and_have_types() {
    let object = object("calls");
    let btf = object.btf().expect("the object has types");
    let globals: Vec<_> = object
        .globals()
        .iter()
        .map(|global| {
            let ty = global.ty.map(|ty| btf.type_name(ty));
            (
                global.name.as_str(),
                global.map,
                global.offset,
                global.size,
                ty,
            )
        })
        .collect();
    let named = |name: &str| Some(name.to_owned());
    let expected = [
        ("limit", 0, 0, 4, named("const volatile u32")),
        ("counter", 1, 0, 4, named("u32")),
        ("custom", 2, 0, 4, named("u32")),
        ("quiet", 3, 0, 4, named("u32")),
        ("last", 4, 0, 4, named("u32")),
        ("total", 4, 8, 8, named("u64")),
    ];
    assert_eq!(globals, expected);
}

#[test]
fn lines_and_types_follow_their_functions() {
    let object = object("calls");
    let first = program(&object, "first");
    assert!(first.lines.is_sorted_by_key(|line| line.pc));
    let deepest = first
        .lines
        .iter()
        .find(|line| line.pc == Pc(49))
        .expect("the slot has a line");
    assert_eq!((&*deepest.text, deepest.line), ("\treturn x * 3;", 16));
    assert!(deepest.file.ends_with("calls.c"), "{}", deepest.file);
    let btf = object.btf().expect("the object has types");
    for subprog in &first.subprogs {
        let func = subprog.func.expect("the function has a type");
        assert_eq!(btf.ty(func).name(), subprog.name);
    }
}

#[test]
fn calls_inside_a_program_section_are_followed() {
    let object = object("neighbours");
    let second = program(&object, "second");
    assert_eq!(calls(&second), [(0, "first"), (2, "neighbour")]);
    let linked = object.link(&LinkOptions::default());
    let names = linked
        .programs
        .iter()
        .flatten()
        .map(|program| program.name.as_str());
    assert!(
        names.eq(["first", "second", "circle", "throws"]),
        "a static function is no program"
    );
}

#[test]
fn calls_in_a_circle_are_linked_once() {
    let circle = program(&object("neighbours"), "circle");
    assert_eq!(calls(&circle).len(), 3);
    let names: Vec<_> = circle
        .subprogs
        .iter()
        .map(|subprog| subprog.name.as_str())
        .collect();
    assert_eq!(names, ["circle", "even", "odd"]);
}

#[test]
fn exception_callback_is_appended_by_its_tag() {
    let throws = program(&object("neighbours"), "throws");
    assert_eq!(
        subprogs(&throws),
        [
            ("throws", 0, Linkage::Global),
            ("on_throw", 2, Linkage::Global)
        ]
    );
}

#[test]
fn declared_maps_have_what_their_members_say() {
    let object = object("maps");
    let counters = map(&object, "counters");
    assert_eq!(
        (counters.map_type, counters.key_size, counters.value_size),
        (MapType::Hash, 4, 16)
    );
    assert_eq!(
        (counters.max_entries, counters.flags, counters.pinning),
        (1024, 1, Pinning::ByName)
    );
    let btf = object.btf().expect("the object has types");
    assert_eq!(
        counters.value_type.map(|ty| btf.type_name(ty)).as_deref(),
        Some("struct value")
    );
    let filter = map(&object, "filter");
    assert_eq!(
        (filter.map_type, filter.extra, filter.value_size),
        (MapType::BloomFilter, 5, 12)
    );
    assert_eq!(
        map(&object, "ring").max_entries,
        8192,
        "rings are powers of two of pages"
    );
}

#[test]
fn initial_contents_are_maps_and_programs_by_slot() {
    let object = object("maps");
    let outer = map(&object, "outer");
    assert_eq!(outer.initial, Initial::Maps(vec![(1, 0), (6, 1)]));
    assert_eq!(object.maps()[0].name, "inner_one");
    let inner = outer.inner.as_deref().expect("the map has a template");
    assert_eq!(
        (inner.name.as_str(), inner.map_type, inner.max_entries),
        ("outer.inner", MapType::Array, 4)
    );
    assert_eq!((outer.key_size, outer.value_size), (4, 4));
    assert_eq!(
        map(&object, "jumps").initial,
        Initial::Programs(vec![(2, "target".to_owned())])
    );
}

#[test]
fn map_references_are_indexes() {
    let object = object("maps");
    let jump = program(&object, "jump");
    assert_eq!(
        map_loads(&jump),
        [
            (5, "outer", 0),
            (11, "ring", 0),
            (17, "filter", 0),
            (24, "jumps", 0)
        ]
    );
}

#[test]
fn legacy_maps_are_read_by_symbol() {
    let object = object("legacy");
    let hits = map(&object, "hits");
    assert_eq!(
        (hits.map_type, hits.key_size, hits.value_size),
        (MapType::Hash, 4, 8)
    );
    assert_eq!((hits.max_entries, hits.flags), (16, 1));
    assert_eq!(
        map_loads(&program(&object, "count")),
        [(4, "hits", 0), (10, "slots", 0)]
    );
}

#[test]
fn field_offsets_are_those_of_linux_6_12() {
    let object = object("fields");
    let present = program(&object, "present");
    let task = btf::kernel_6_12()
        .find("task_struct", btf::KindFilter::STRUCT)
        .expect("it has tasks");
    let offset = |path| {
        let place = btf::kernel_6_12()
            .member_path(task, path)
            .expect("the field exists");
        i32::try_from(place.bit_offset / 8).expect("it is near")
    };
    let loads =
        |insn: &&RawInsn| insn.opcode & 7 == 1 && matches!(insn.dst, 1 | 2) && insn.src == 6;
    let offsets: Vec<_> = present
        .code
        .iter()
        .filter(loads)
        .map(|insn| i32::from(insn.off))
        .collect();
    assert_eq!(
        offsets,
        [
            offset("tasks.prev"),
            offset("pid"),
            offset("comm") + 3,
            offset("__state")
        ]
    );
    assert_eq!(present.code[3].imm, offset("tgid"));
    assert!(present.poisoned.is_empty());
}

#[test]
fn missing_fields_poison_their_instructions() {
    let object = object("fields");
    let missing = program(&object, "missing");
    let fields: Vec<_> = missing
        .poisoned
        .iter()
        .map(|poisoned| poisoned.subject.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "struct task_struct.no_such_field",
            "struct unknown_struct.x"
        ]
    );
    for poisoned in &missing.poisoned {
        let insn = missing.code[poisoned.pc.index()];
        assert_eq!(
            insn,
            RawInsn {
                opcode: 0x85,
                imm: POISON,
                ..RawInsn::default()
            }
        );
    }
    let asked = program(&object, "asked");
    assert_eq!(
        (asked.code[0].imm, asked.code[1].imm),
        (16, 0),
        "the field's size, and that it is not there"
    );
    assert!(asked.poisoned.is_empty());
}

/// The numbers that a program loads into r0, one for each relocation.
fn loaded(program: &Program) -> Vec<i64> {
    let pairs = program.code.iter().zip(program.code.iter().skip(1));
    let value = |(insn, second): (&RawInsn, &RawInsn)| match insn.opcode {
        0xb7 | 0xb4 => Some(i64::from(insn.imm)),
        0x18 => Some((i64::from(second.imm) << 32) | i64::from(insn.imm.cast_unsigned())),
        _ => None,
    };
    pairs.filter_map(value).collect()
}

#[test]
fn every_kind_of_relocation_is_answered_by_linux_6_12() {
    let object = object("core");
    let kernel = btf::kernel_6_12();
    let id = |name, kinds| kernel.find(name, kinds).expect("the kernel has it");
    let task = id("task_struct", btf::KindFilter::STRUCT);
    let place = |path| kernel.member_path(task, path).expect("the field exists");
    let bytes = |path| i64::try_from(place(path).bit_offset / 8).expect("it is near");
    let size = kernel.size_of(task).expect("it has a size").cast_signed();
    assert_eq!(loaded(&program(&object, "places")), [bytes("pid"), 4, 1, 0]);
    let bit = place("sched_reset_on_fork").bit_offset;
    let word = bit / 32 * 32;
    let shift = 64 - (bit + 1 - word).cast_signed();
    assert_eq!(loaded(&program(&object, "signs")), [1, 0, shift, 63]);
    let local = object.btf().expect("it has types");
    let own = local
        .find("task_struct", btf::KindFilter::STRUCT)
        .expect("it has the type");
    let types = loaded(&program(&object, "types"));
    assert_eq!(types, [own.0.into(), task.0.into(), 1, 0, size, 0, 1, 0]);
    assert_eq!(loaded(&program(&object, "values")), [1, 0, 1, 2]);
}

/// Types of a module that has a `struct unknown_struct` of 16 bytes with a `u64 x` in the middle.
fn module() -> Btf {
    let kernel = btf::kernel_6_12();
    let strings = kernel.bytes()[20..].first_chunk().expect("it has a header");
    let name = u32::from_le_bytes(*strings);
    let x = name + 15;
    let long = kernel.find("long long unsigned int", btf::KindFilter::INT);
    let long = long.expect("the kernel has it").0;
    let types = [name, (4 << 24) | 1, 16, x, long, 64];
    let text = b"unknown_struct\0x\0";
    let header = [24, 0, 24, 24, text.len() as u32];
    let words = header
        .iter()
        .chain(&types)
        .flat_map(|word| word.to_le_bytes());
    let bytes: Vec<u8> = [0x9f, 0xeb, 1, 0]
        .into_iter()
        .chain(words)
        .chain(*text)
        .collect();
    Btf::parse_split(Arc::clone(kernel), bytes).expect("the module's types are valid")
}

#[test]
fn field_of_a_module_is_found_in_its_types() {
    let object = object("fields");
    let linked = object.link(&LinkOptions {
        target_btf: None,
        module_btfs: &[Arc::new(module())],
        ..LinkOptions::default()
    });
    let mut programs = linked.programs.into_iter().flatten();
    let missing = programs.find(|program| program.name == "missing");
    let missing = missing.expect("it links");
    let subjects = missing.poisoned.iter().map(|poisoned| &*poisoned.subject);
    assert!(subjects.eq(["struct task_struct.no_such_field"]));
    let offsets = missing.code.iter().filter(|insn| insn.opcode == 0x79);
    let offsets: Vec<_> = offsets.map(|insn| insn.off).collect();
    assert_eq!(offsets, [0, 8, 8], "both arguments, and the field");
}

#[test]
fn missing_value_poisons_both_halves() {
    let missing = program(&object("core"), "missing_value");
    let [poisoned] = &missing.poisoned[..] else {
        panic!("{:?}", missing.poisoned)
    };
    assert_eq!(
        poisoned.subject,
        "enum bpf_map_type::BPF_MAP_TYPE_NONE_SUCH"
    );
    assert_eq!(poisoned.lack, Lack::Value);
    let pc = poisoned.pc.index();
    assert!(
        missing.code[pc..pc + 2]
            .iter()
            .all(|insn| insn.imm == POISON)
    );
}

#[test]
fn signed_field_of_another_size_poisons_its_load() {
    let resized = program(&object("core"), "resized");
    let lacks: Vec<_> = resized
        .poisoned
        .iter()
        .map(|poisoned| (poisoned.subject.as_str(), poisoned.lack))
        .collect();
    assert_eq!(lacks, [("struct task_struct___sizes.pid", Lack::Size)]);
    let opcodes: Vec<_> = resized.code.iter().map(|insn| insn.opcode).collect();
    assert!(
        opcodes.contains(&0x61),
        "the unsigned one is loaded by its size: {opcodes:x?}"
    );
}

#[test]
fn raw_program_finds_its_subprograms() {
    let insn = |opcode, src, imm| RawInsn {
        opcode,
        src,
        imm,
        ..RawInsn::default()
    };
    let code = vec![
        insn(0x85, 1, 1),
        insn(0x95, 0, 0),
        insn(0xb7, 0, 0),
        insn(0x85, 1, 100),
        insn(0x95, 0, 0),
    ];
    let program = Program::from_raw("raw", ProgType::Xdp, code);
    assert_eq!(
        subprogs(&program),
        [
            ("raw", 0, Linkage::Static),
            ("subprog_1", 2, Linkage::Static)
        ]
    );
}
