use super::fixture::Fixture;

#[test]
fn bench_against_rbpf() {
    let f = Fixture::new();
    let text = "
        r0 = 0
        r2 = 0
        r3 = 20000000
        *(u64 *)(r10 - 8) = r2
      loop:
        r4 = *(u64 *)(r10 - 8)
        r4 += r2
        r4 ^= 5
        *(u64 *)(r10 - 8) = r4
        r0 += r4
        r2 += 1
        if r2 != r3 goto loop
        exit";
    let assembly = crate::isa::asm::assemble(text, &crate::isa::asm::NoSymbols).unwrap();
    let bytes: Vec<u8> =
        crate::isa::encode_program(&assembly.insns).iter().flat_map(|r| r.to_le_bytes()).collect();
    let code = f.code(text);
    let t = std::time::Instant::now();
    let out = f.run(&code, crate::machine::Addr::NULL);
    let ours = t.elapsed();
    let vm = rbpf::EbpfVmNoData::new(Some(&bytes)).unwrap();
    let t = std::time::Instant::now();
    let r = vm.execute_program().unwrap();
    let theirs = t.elapsed();
    assert_eq!(out.result, Ok(r));
    let n = out.insns as f64;
    println!("ours {:.2} ns/insn, rbpf {:.2}, size {}", ours.as_nanos() as f64 / n, theirs.as_nanos() as f64 / n, size_of::<crate::code::Op>());
}
