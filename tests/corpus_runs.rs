//! Every accepted program of the corpus does what its source says.

use ebpf_sim::events::Event;
use ebpf_sim::sim::{Options, Sim};

#[test]
fn smoke() {
    let mut names: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| {
            p.extension().is_some_and(|e| e == "o")
                && !p
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("reject")
        })
        .collect();
    names.sort();
    for path in names {
        println!("== {}", path.display());
        let mut sim = Sim::new(Options::default()).unwrap();
        let load = sim.load_file(&path).unwrap();
        for p in &load.programs {
            if let Some(refusal) = p.verdict.refusal() {
                println!("  {} refused {refusal}", p.name);
            }
        }
        for event in [
            Event::execve("/bin/ls"),
            Event::packet(
                std::fs::read(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/corpus/packets/dns_query.bin"
                ))
                .unwrap(),
            ),
        ] {
            match sim.fire(&event) {
                Ok(f) => {
                    for h in f.hooks.iter().filter(|h| !h.runs.is_empty()) {
                        for r in &h.runs {
                            println!(
                                "  {}: {} {:?} {:?} {}",
                                h.hook, r.name, r.outcome, r.verdict, r.insns
                            );
                        }
                    }
                    println!("  => {:?}", f.result);
                }
                Err(e) => println!("  error {e}"),
            }
        }
        for l in sim.trace_lines() {
            println!("  | {l}");
        }
        for m in sim.maps() {
            println!(
                "  map {} {:?}",
                m.spec().name,
                m.entries()
                    .iter()
                    .filter(|e| e.values.iter().any(|v| v.iter().any(|b| *b != 0)))
                    .map(|e| (
                        e.typed_key.as_ref().map(|v| v.to_string()),
                        e.typed_values
                            .as_ref()
                            .map(|v| v.iter().map(|v| v.to_string()).collect::<Vec<_>>())
                    ))
                    .collect::<Vec<_>>()
            );
            for r in m.records() {
                println!("   record {:?}", r.bytes.len());
            }
        }
        println!(
            "  unreached {:?}",
            sim.unreached()
                .iter()
                .map(|u| format!("{} {}", u.name, u.needs))
                .collect::<Vec<_>>()
        );
    }
}
