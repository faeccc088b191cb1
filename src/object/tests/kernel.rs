//! What objects take from the kernel: configuration, symbols, functions, structures of functions.

use super::*;
use crate::btf::{self, kernel_6_12};

fn slots(program: &Program, pc: usize) -> [RawInsn; 2] {
    let found = program
        .code
        .get(pc..pc + 2)
        .expect("the program has so many");
    [found[0], found[1]]
}

/// The first 64-bit immediate load: its source register, and both halves.
fn loads(program: &Program) -> Vec<(u8, i32, i32)> {
    let pairs = program.code.windows(2);
    let loads = pairs.filter(|pair| pair[0].opcode == 0x18);
    loads
        .map(|pair| (pair[0].src, pair[0].imm, pair[1].imm))
        .collect()
}

fn calls_of(program: &Program) -> Vec<RawInsn> {
    let calls = program.code.iter().filter(|insn| insn.opcode == 0x85);
    calls.copied().collect()
}

#[test]
fn configuration_lies_in_its_map_by_alignment_size_and_name() {
    let object = object("externs");
    let linked = object.link(&LinkOptions::default());
    let config = &linked.maps[0];
    assert_eq!(
        (config.name.as_str(), config.value_size),
        ("externs.kconfig", 25)
    );
    let Initial::Data(data) = &config.initial else {
        panic!("the map has contents: {config:?}");
    };
    let mut want = vec![0; 8];
    want.extend(1_u32.to_le_bytes());
    want.extend(((6_u32 << 16) | (12 << 8) | 117).to_le_bytes());
    want.extend(250_u16.to_le_bytes());
    want.extend([1, 0]);
    want.extend(*b"(non\0");
    want[8] = 2;
    assert_eq!(&data[..8], &[0; 8], "a weak value that is not set");
    assert_eq!(data.len(), 25);
    assert_eq!(data[8..], want[8..], "{data:?}");
    assert_eq!(loads(&program(&object, "config")), [(2, 0, 12)]);
    assert_eq!(loads(&program(&object, "weak_config")), [(2, 0, 0)]);
}

#[test]
fn configuration_of_another_kernel_counts_where_given() {
    let object = object("externs");
    let kconfig = Kconfig::parse(
        "CONFIG_HZ=1000\nCONFIG_EXT4_FS=y\nCONFIG_BPF_SYSCALL=n\nCONFIG_DEFAULT_HOSTNAME=\"a\"\nCONFIG_MISSING=0x10\n",
    );
    let setup = Setup {
        kconfig: Some(kconfig),
        ..Setup::default()
    };
    let linked = object.link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    });
    let Initial::Data(data) = &linked.maps[0].initial else {
        panic!("the map has contents");
    };
    assert_eq!(data[0], 16);
    assert_eq!(data[16..18], 1000_u16.to_le_bytes());
    let kconfig = Kconfig::parse("CONFIG_HZ=65536\n");
    let setup = Setup {
        kconfig: Some(kconfig),
        ..Setup::default()
    };
    let linked = object.link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    });
    let error = linked.programs[0].as_ref().expect_err("a value is missing");
    assert!(
        error.source.to_string().starts_with("extern `CONFIG_"),
        "{}",
        error.source
    );
}

#[test]
fn kernel_functions_are_called_by_their_number_whatever_the_flavour() {
    let id = kernel_6_12()
        .find("bpf_rcu_read_lock", btf::KindFilter::FUNC)
        .expect("Linux 6.12 has it");
    let calls = calls_of(&program(&object("externs"), "kfunc"));
    assert_eq!((calls[0].src, calls[0].imm), (2, id.0.cast_signed()));
}

#[test]
fn missing_weak_function_is_a_call_that_the_verifier_refuses() {
    let object = object("externs");
    let weak = program(&object, "weak_kfunc");
    let [call] = calls_of(&weak)[..] else {
        panic!("one call: {:?}", weak.code);
    };
    assert_eq!(call.src, 0);
    assert!(call.imm >= MISSING_FUNCTION);
    assert_eq!(weak.missing_functions[0].name, "bpf_missing_kfunc");
    let asked_for = program(&object, "weak_kfunc_asked_for");
    assert_eq!(loads(&asked_for), [(0, 0, 0)]);
}

#[test]
fn kernel_variables_are_numbers_or_addresses() {
    let object = object("externs");
    let id = kernel_6_12()
        .find("bpf_prog_active", btf::KindFilter::VAR)
        .expect("Linux 6.12 has it");
    let mut typed = loads(&program(&object, "variables"));
    typed.sort_unstable();
    assert_eq!(typed, [(0, 0, 0), (3, id.0.cast_signed(), 0)]);
    let untyped = program(&object, "symbols");
    let values: Vec<u64> = (0..untyped.code.len() - 1)
        .map(|pc| slots(&untyped, pc))
        .filter(|[first, _]| first.opcode == 0x18)
        .map(|[low, high]| {
            u64::from(low.imm.cast_unsigned()) | (u64::from(high.imm.cast_unsigned()) << 32)
        })
        .collect();
    assert_eq!(values.len(), 3);
    assert!(values.contains(&0));
    assert!(values.iter().any(|&value| value > 0xffff_ffff_8100_0000));
    let symbols = KernelSymbols::parse("10 A __per_cpu_start\n20 T schedule\n");
    let setup = Setup {
        kallsyms: Some(symbols),
        ..Setup::default()
    };
    let linked = object.link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    });
    let given = linked
        .programs
        .into_iter()
        .filter_map(Result::ok)
        .find(|program| program.name == "symbols")
        .expect("it links");
    let mut given: Vec<i32> = loads(&given).iter().map(|load| load.1).collect();
    given.sort_unstable();
    assert_eq!(given, [0, 0x10, 0x20]);
}

#[test]
fn strong_extern_that_is_missing_keeps_every_program_from_linking() {
    let object = object("strong");
    let want = "extern `no_such_kfunc`: function not found in the kernel's types";
    assert_eq!(refusal(&object, "needs"), want);
    assert_eq!(refusal(&object, "plain"), want);
}

#[test]
fn object_with_an_extern_that_nothing_describes_is_refused() {
    let error = Object::parse("undefined.o", include_bytes!("../testdata/undefined.o"))
        .expect_err("it is refused");
    assert_eq!(
        error.to_string(),
        "extern `elsewhere`: no type information describes it"
    );
}

#[test]
fn structures_of_functions_are_maps_with_programs() {
    let object = object("tables");
    let linked = object.link(&LinkOptions::default());
    let names: Vec<(&str, u32)> = linked
        .maps
        .iter()
        .map(|map| (map.name.as_str(), map.flags))
        .collect();
    assert_eq!(
        names,
        [("first", 1 << 13), ("second", 0), ("optional", 1 << 13)]
    );
    let kernel = kernel_6_12();
    let structure = kernel.find("tcp_congestion_ops", btf::KindFilter::STRUCT);
    let structure = structure.expect("Linux 6.12 has it");
    let members = kernel
        .ty(structure)
        .composite()
        .expect("a structure")
        .members;
    let undo = program(&object, "undo_cwnd")
        .attach_btf
        .expect("it stands in for a function");
    assert_eq!(undo.id, structure);
    let member = undo.member.expect("a member") as usize;
    assert_eq!(members.get(member).expect("it exists").name, "undo_cwnd");
    assert_eq!(
        refusal(&object, "forgotten"),
        "section `struct_ops`: no struct_ops map refers to the program"
    );
    // Its map is not made, so it is not loaded unless it is asked for.
    let asked_for = program(&object, "asked_for");
    assert_eq!(asked_for.autoload, Autoload::No);
    let slot = asked_for.attach_btf.and_then(|attach| attach.member);
    let slot = slot.expect("a member") as usize;
    assert_eq!(members.get(slot).expect("it exists").name, "ssthresh");
}

#[test]
fn structure_with_a_function_that_the_kernel_lacks_is_refused() {
    assert_eq!(
        refusal(&object("absent"), "left_out"),
        "struct_ops map `table`: member `not_in_the_kernel` is set, but the kernel's structure has \
         none of that name"
    );
}

#[test]
fn variables_of_an_arena_are_its_first_bytes() {
    let object = object("arena");
    let sum = program(&object, "sum");
    assert_eq!(loads(&sum), [(1, 0, 0), (2, 0, 0), (2, 0, 8)]);
    let Initial::Data(data) = &object.maps()[0].initial else {
        panic!("the arena has contents");
    };
    assert_eq!((data.len(), data[0], data[8]), (16, 7, 9));
}

/// Types of a module with a function `int no_such_kfunc(u32 x)`.
fn module() -> Btf {
    let kernel = kernel_6_12();
    let word = |at: usize| {
        let bytes = kernel.bytes()[at..].first_chunk().expect("it has a header");
        u32::from_le_bytes(*bytes)
    };
    let name = word(20);
    let parameter = name + 14;
    let find = |name| {
        kernel
            .find(name, btf::KindFilter::ANY)
            .expect("it is there")
            .0
    };
    let (int, number, own) = (find("int"), find("u32"), kernel.type_count());
    let proto = [0, (13 << 24) | 1, int, parameter, number];
    let func = [name, 12 << 24, own];
    let types: Vec<u32> = proto.into_iter().chain(func).collect();
    let len = 4 * u32::try_from(types.len()).expect("they are few");
    let text = b"no_such_kfunc\0x\0";
    let header = [24, 0, len, len, 16];
    let words = header.iter().chain(&types);
    let bytes: Vec<u8> = [0x9f, 0xeb, 1, 0]
        .into_iter()
        .chain(words.flat_map(|word| word.to_le_bytes()))
        .chain(*text)
        .collect();
    Btf::parse_split(Arc::clone(kernel), bytes).expect("the module's types are valid")
}

#[test]
fn function_of_a_module_is_called_by_module_and_number() {
    let module = Arc::new(module());
    let linked = object("strong").link(&LinkOptions {
        module_btfs: &[Arc::clone(&module)],
        ..LinkOptions::default()
    });
    let mut programs = linked.programs.into_iter().flatten();
    let needs = programs.find(|program| program.name == "needs");
    let calls = calls_of(&needs.expect("it links"));
    let func = module.find("no_such_kfunc", btf::KindFilter::FUNC);
    let func = func.expect("the module has it").0;
    let call = calls.first().map(|call| (call.src, call.off, call.imm));
    assert_eq!(call, Some((2, 1, func.cast_signed())));
}

#[test]
fn object_that_is_only_looked_at_links_without_what_it_needs() {
    let linked = object("strong").link(&LinkOptions {
        needs: Needs::Listed,
        ..LinkOptions::default()
    });
    let programs: Vec<Program> = linked.programs.into_iter().flatten().collect();
    let missing: Vec<usize> = programs
        .iter()
        .map(|program| program.missing_functions.len())
        .collect();
    assert_eq!(missing, [1, 0]);
}

#[test]
fn function_to_attach_to_is_looked_for_in_modules_where_the_kernel_has_none() {
    let modules = [Arc::new(module())];
    let linked = object("modules").link(&LinkOptions {
        module_btfs: &modules,
        ..LinkOptions::default()
    });
    let attached: Vec<Option<u16>> = linked
        .programs
        .iter()
        .map(|program| {
            let attach = program.as_ref().ok()?.attach_btf;
            Some(attach.expect("it is looked up").module)
        })
        .collect();
    assert_eq!(attached, [Some(1), Some(1), None, Some(0)]);
    let error = linked.programs[2]
        .as_ref()
        .expect_err("the kernel has none");
    assert_eq!(
        error.source.to_string(),
        "section `fentry/vmlinux:no_such_kfunc`: `no_such_kfunc` is not found in the kernel's types"
    );
}
