//! Tests against the embedded kernel's types.

use std::time::Instant;

use super::*;

#[test]
fn kernel_btf_when_asked_has_the_known_layout() {
    let start = Instant::now();
    let btf = kernel_6_12();
    let loaded = start.elapsed();
    let start = Instant::now();
    let task = btf.find("task_struct", KindFilter::STRUCT).expect("task_struct");
    let found = start.elapsed();
    let start = Instant::now();
    let again = Btf::parse(btf.bytes().to_vec()).expect("valid");
    eprintln!("{loaded:?} {found:?} parse+copy {:?}", start.elapsed());
    eprintln!("{} {:?} {:?}", btf.type_count(), btf.size_of(task), btf.member_path(task, "pid"));
    drop(again);
}
