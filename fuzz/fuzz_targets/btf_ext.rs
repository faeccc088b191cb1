//! A `.BTF.ext` section, with its relocations answered.

#![no_main]

use std::sync::LazyLock;

use ebpf_sim::btf::core::{Matcher, Targets, describe};
use ebpf_sim::btf::{Btf, BtfExt, kernel_6_12};
use libfuzzer_sys::fuzz_target;

static LOCAL: LazyLock<Btf> = LazyLock::new(|| {
    let bytes: &[u8] = include_bytes!("../../src/btf/testdata/types.btf");
    Btf::parse(bytes).expect("clang makes valid types")
});

fuzz_target!(|data: &[u8]| {
    let Ok(ext) = BtfExt::parse(data, &LOCAL) else {
        return;
    };
    let targets = Targets {
        kernel: kernel_6_12(),
        modules: &[],
    };
    let mut matcher = Matcher::new(&LOCAL, targets);
    for relo in ext.core_relos.iter().flat_map(|section| &section.records) {
        let _ = (matcher.answer(relo), describe(&LOCAL, relo));
    }
});
