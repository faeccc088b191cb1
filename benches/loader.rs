//! How long it takes to open objects and to link their programs.
//!
//! `cargo bench --bench loader`; `EBPF_SIM_OBJECTS=FOLDER` adds all objects of a folder.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use ebpf_sim::btf::kernel_6_12;
use ebpf_sim::object::{LinkOptions, Object};

/// The objects of a folder, by name.
fn objects(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "o"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("objects can be read");
        (path.display().to_string(), bytes)
    };
    paths.into_iter().map(read).collect()
}

fn folder(criterion: &mut Criterion, name: &str, objects: &[(String, Vec<u8>)]) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("open", |bencher| {
        bencher.iter(|| {
            let opened = objects
                .iter()
                .map(|(name, bytes)| Object::parse(name, bytes));
            black_box(opened.filter(Result::is_ok).count())
        });
    });
    group.bench_function("open and link", |bencher| {
        bencher.iter(|| {
            let opened = objects
                .iter()
                .map(|(name, bytes)| Object::parse(name, bytes));
            let linked = opened
                .flatten()
                .map(|object| object.link(&LinkOptions::default()));
            black_box(linked.map(|linked| linked.programs.len()).sum::<usize>())
        });
    });
    group.finish();
}

fn loader(criterion: &mut Criterion) {
    // Read once in a process, when a relocation first needs it.
    kernel_6_12();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    folder(criterion, "corpus", &objects(&corpus));
    if let Some(path) = std::env::var_os("EBPF_SIM_OBJECTS") {
        folder(criterion, "folder", &objects(Path::new(&path)));
    }
}

criterion_group!(benches, loader);
criterion_main!(benches);
