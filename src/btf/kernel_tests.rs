//! Tests by the embedded kernel's types. The numbers are those `bpftool btf dump` prints of the
//! same file.

use super::testdata::types;
use super::*;

#[test]
fn kernel_types_are_the_original() {
    let btf = kernel_6_12();
    assert_eq!(btf.bytes().len(), 4_918_287);
    assert_eq!(btf.type_count(), 112_769);
    let sum = btf
        .bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    assert_eq!(sum, 0x11f9_9942_9ecc_92f4, "FNV-1a of the whole section");
}

#[test]
fn kernel_structures_have_the_known_layout() {
    let btf = kernel_6_12();
    for (name, size, member, bit_offset, bits, ty) in [
        ("task_struct", 9792, "pid", 19456, None, "pid_t"),
        ("task_struct", 9792, "comm", 23808, None, "char[16]"),
        (
            "task_struct",
            9792,
            "real_parent",
            19584,
            None,
            "struct task_struct *",
        ),
        ("task_struct", 9792, "mm", 18432, None, "struct mm_struct *"),
        ("sk_buff", 232, "len", 896, None, "unsigned int"),
        ("sk_buff", 232, "next", 0, None, "struct sk_buff *"),
        ("sk_buff", 232, "fclone", 1010, Some(2), "__u8"),
        ("sk_buff", 232, "data", 1664, None, "unsigned char *"),
        ("sk_buff", 232, "cb[47]", 320 + 47 * 8, None, "char"),
    ] {
        let id = btf
            .find(name, KindFilter::STRUCT)
            .expect("the kernel has it");
        assert_eq!(btf.size_of(id), Some(size), "{name}");
        let at = btf.member_path(id, member).expect("it has the member");
        let found = (at.bit_offset, at.bitfield_size, btf.type_name(at.ty));
        assert_eq!(found, (bit_offset, bits, ty.to_owned()), "{name}.{member}");
    }
}

#[test]
fn kernel_names_have_the_known_ids() {
    let btf = kernel_6_12();
    for (name, kinds, id) in [
        ("u32", KindFilter::TYPEDEF, 36),
        ("task_struct", KindFilter::STRUCT, 112),
        ("linux_binprm", KindFilter::COMPOSITE, 1604),
        ("net_device", KindFilter::STRUCT, 3037),
        ("xdp_action", KindFilter::ENUM, 31448),
        ("bpf_lsm_bprm_check_security", KindFilter::FUNC, 35679),
        ("bpf_sock_destroy", KindFilter::FUNC, 98024),
    ] {
        assert_eq!(btf.find(name, kinds), Some(BtfId(id)), "{name}");
    }
    let hook = btf.type_name(BtfId(35679));
    assert_eq!(
        hook,
        "int bpf_lsm_bprm_check_security(struct linux_binprm *bprm)"
    );
}

#[test]
fn kernel_types_answer_every_query() {
    let btf = kernel_6_12();
    for id in btf.ids() {
        let name = btf.type_name(id);
        assert!(!name.is_empty() && name.len() < 4096, "{id}: {name}");
        assert_eq!(
            btf.align_of(id).is_some(),
            btf.size_of(id).is_some(),
            "{id}"
        );
    }
}

#[test]
fn kernel_structures_are_aligned_as_their_size() {
    let btf = kernel_6_12();
    let align = |name| {
        btf.align_of(
            btf.find(name, KindFilter::STRUCT)
                .expect("the kernel has it"),
        )
    };
    assert_eq!(align("task_struct"), Some(8));
    assert_eq!(align("iphdr"), Some(4));
}

#[test]
fn kernel_structures_print_every_member_from_zeros() {
    let btf = kernel_6_12();
    let task = btf
        .find("task_struct", KindFilter::STRUCT)
        .expect("the kernel has it");
    let Value::Struct(members) = value(btf, task, &[0; 9792]) else {
        panic!("not a structure")
    };
    let comm = members
        .iter()
        .find(|(name, _)| name == "comm")
        .map(|(_, value)| value);
    assert_eq!(comm, Some(&Value::Str(String::new())));
    let text = Value::Struct(members).to_string();
    assert!(!text.contains("<missing>"), "{text}");
}

#[test]
fn kernel_is_a_co_re_target_for_compiled_programs() {
    let local = types();
    let ext = BtfExt::parse(testdata::EXT, &local).expect("clang makes valid BTF");
    let targets = core::Targets {
        kernel: kernel_6_12(),
        modules: &[],
    };
    let mut matcher = core::Matcher::new(&local, targets);
    let answers: Vec<_> = ext
        .relocations(&local, "kprobe/one")
        .chain(ext.relocations(&local, "kprobe/two"))
        .map(|relo| match matcher.answer(relo) {
            Ok(answer) => format!("{} {:?} {:?}", relo.kind, answer.expected, answer.value),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        answers,
        [
            "byte_off Some(0) Some(2432)",
            "byte_off Some(11) Some(2979)",
            "field_exists Some(1) Some(0)",
            "byte_off Some(32) None",
            "byte_off Some(0) Some(112)",
            "byte_off Some(6) Some(42)",
            "byte_sz Some(16) Some(16)",
            "byte_off None Some(128)",
            "signed Some(0) Some(0)",
        ]
    );
}
