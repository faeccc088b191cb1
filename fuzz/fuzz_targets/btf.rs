//! A `.BTF` section: all that can be asked of its types.

#![no_main]

use std::sync::{Arc, LazyLock};

use ebpf_sim::btf::core::{CoreKind, Matcher, Targets, describe};
use ebpf_sim::btf::{Btf, BtfExt, CoreRelo, KindFilter, format_value};
use libfuzzer_sys::fuzz_target;

const EXT: &[u8] = include_bytes!("../../src/btf/testdata/types.btf.ext");

static WHOLE: LazyLock<Arc<Btf>> = LazyLock::new(|| {
    let bytes: &[u8] = include_bytes!("../../src/btf/testdata/types.btf");
    Arc::new(Btf::parse(bytes).expect("clang makes valid types"))
});

/// How many types are asked about.
const ASKED: usize = 200;
/// How many bytes of values are shown.
const SHOWN: usize = 256;

fuzz_target!(|data: &[u8]| {
    if let Ok(btf) = Btf::parse(data.to_vec()) {
        ask(&btf);
        relocate(&btf, &WHOLE);
        relocate(&WHOLE, &btf);
    }
    if let Ok(btf) = Btf::parse_split(Arc::clone(&WHOLE), data.to_vec()) {
        ask(&btf);
        let targets = Targets {
            kernel: &WHOLE,
            modules: &[Arc::new(btf)],
        };
        answer_all(&WHOLE, targets);
    }
});

fn ask(btf: &Btf) {
    for id in btf.ids().rev().take(ASKED) {
        let name = btf.type_name(id);
        let _ = (btf.size_of(id), btf.align_of(id), btf.decl_tags(id).count());
        let _ = btf.find(btf.ty(id).name(), KindFilter::ANY);
        let _ = btf.member_path(id, "a.b[1].c");
        let _ = format_value(btf, id, &[0x5a; SHOWN]);
        drop(name);
    }
}

fn relocate(local: &Btf, kernel: &Btf) {
    answer_all(
        local,
        Targets {
            kernel,
            modules: &[],
        },
    );
}

fn answer_all(local: &Btf, targets: Targets<'_>) {
    let Ok(ext) = BtfExt::parse(EXT, local) else {
        return;
    };
    let mut matcher = Matcher::new(local, targets);
    for relo in ext.core_relos.iter().flat_map(|section| &section.records) {
        for kind in (0..).map_while(CoreKind::from_number) {
            let relo = CoreRelo { kind, ..*relo };
            let _ = (matcher.answer(&relo), describe(local, &relo));
        }
    }
}
