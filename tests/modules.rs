//! What refers to modules of the kernel is not judged by the kernel's own types, whose ids mean something else.

use std::path::Path;
use std::sync::Arc;

use ebpf_sim::btf::{self, Btf};
use ebpf_sim::object::{LinkOptions, Object, Program};
use ebpf_sim::verifier::{Env, verify};

/// Types of a module with a function `void no_such_kfunc(void)`.
fn module() -> Arc<Btf> {
    let kernel = btf::kernel_6_12();
    let strings = u32::from_le_bytes(kernel.bytes()[20..24].try_into().expect("four bytes"));
    let types = [0, 13 << 24, 0, strings, 12 << 24, kernel.type_count()];
    let text = b"no_such_kfunc\0";
    let header = [24, 0, 24, 24, 14];
    let words = header.iter().chain(&types);
    let bytes: Vec<u8> = [0x9f, 0xeb, 1, 0]
        .into_iter()
        .chain(words.flat_map(|word| word.to_le_bytes()))
        .chain(*text)
        .collect();
    Arc::new(Btf::parse_split(Arc::clone(kernel), bytes).expect("the types are valid"))
}

fn programs(name: &str) -> Vec<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/object/testdata");
    let bytes = std::fs::read(folder.join(name)).expect("the object is there");
    let object = Object::parse(name, &bytes).expect("it is an object");
    let modules = [module()];
    let linked = object.link(&LinkOptions {
        module_btfs: &modules,
        ..LinkOptions::default()
    });
    linked.programs.into_iter().flatten().collect()
}

fn refusal(mut program: Program) -> String {
    program.licence = "GPL".to_owned();
    let rejection = verify(&Arc::new(program), &Env::default()).expect_err("it is refused");
    assert!(rejection.unsupported);
    rejection.message
}

#[test]
fn program_at_a_function_of_a_module_is_refused_by_the_functions_name() {
    let program = programs("modules.o").swap_remove(0);
    assert_eq!(
        refusal(program),
        "not supported yet: attaching to no_such_kfunc, a function of a kernel module"
    );
}

#[test]
fn program_at_a_function_of_the_kernel_that_names_it_is_judged() {
    let program = programs("modules.o").swap_remove(2);
    assert_eq!(program.name, "of_kernel");
    assert!(verify(&Arc::new(program), &Env::default()).is_ok());
}

#[test]
fn variable_of_a_module_is_refused_even_where_the_kernel_has_that_id() {
    let kernel = btf::kernel_6_12();
    let runqueues = kernel.find("runqueues", btf::KindFilter::VAR);
    let id = runqueues.expect("the kernel has it").0;
    let load = |module: i32| {
        let words = [
            u64::from(id) << 32 | 0x3018,
            u64::from(module.cast_unsigned()) << 32,
            0xb7,
            0x95,
        ];
        let code = words.map(|word| ebpf_sim::isa::RawInsn::from_le_bytes(word.to_le_bytes()));
        Program::from_raw("load", ebpf_sim::abi::ProgType::SocketFilter, code.to_vec())
    };
    assert!(verify(&Arc::new(load(0)), &Env::default()).is_ok());
    assert_eq!(
        refusal(load(1)),
        "not supported yet: the address of a variable of a kernel module"
    );
}

#[test]
fn dump_with_a_base_shows_the_types_of_the_module_alone() {
    let folder = std::env::temp_dir().join(format!("ebpf-sim-base-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is room");
    let (base, own) = (folder.join("vmlinux"), folder.join("module"));
    std::fs::write(&base, btf::kernel_6_12().bytes()).expect("there is room");
    std::fs::write(&own, module().bytes()).expect("there is room");
    let dump = |arguments: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ebpf-sim"))
            .args(["btf", "dump"])
            .args(arguments)
            .output()
            .expect("the command starts");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (code, text) = dump(&[own.as_os_str(), "--base".as_ref(), base.as_os_str()]);
    let first = btf::kernel_6_12().type_count();
    let want = format!(
        "[{first}] FUNC_PROTO '(anon)' ret_type_id=0 vlen=0\n[{}] FUNC 'no_such_kfunc' type_id={first} linkage=static\n",
        first + 1
    );
    assert_eq!(code, Some(0));
    assert!(text == want, "{}", text.get(..200).unwrap_or(&text));
    // Without its base, its strings are not there.
    let (code, text) = dump(&[own.as_os_str()]);
    assert_eq!(code, Some(2), "{text}");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
