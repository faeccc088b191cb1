fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1]).unwrap();
    let o = ebpf_sim::object::Object::parse(&a[1], &bytes).unwrap();
    for p in o.link(&Default::default()).programs {
        match p { Err(e) => println!("{e:?}"), Ok(p) => {
            if a.len() > 2 && p.name != a[2] { continue }
            let env = ebpf_sim::verifier::Env { log_level: ebpf_sim::verifier::LogLevel::All, ..Default::default() };
            match ebpf_sim::verifier::verify(&std::sync::Arc::new(p), &env) {
                Ok(v) => println!("{}", v.log), Err(r) => println!("{}\n{:?} {:?}", r.log, r.errno, r.hint) }
        } }
    }
}
