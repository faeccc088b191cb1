//! An ELF object, parsed and linked against the embedded kernel.

#![no_main]

use ebpf_sim::object::{LinkOptions, Object, read_btf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = read_btf(data.to_vec(), None);
    let Ok(object) = Object::parse("fuzz.o", data) else {
        return;
    };
    let linked = object.link(&LinkOptions::default());
    for error in linked
        .programs
        .iter()
        .filter_map(|program| program.as_ref().err())
    {
        let _ = error.to_string();
    }
});
