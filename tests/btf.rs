//! Types as a C header and as a listing, held against the types they came from.
//!
//! What a header means only a compiler can say: those tests need clang, and say so where it is missing.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ebpf_sim::btf::{Btf, BtfId, Composite, Roots, Type, kernel_6_12};
use ebpf_sim::object::Object;

/// The types of each object of the corpus.
fn corpus() -> Vec<(String, Arc<Btf>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect();
    files.sort();
    let types = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let btf = types_of(&std::fs::read(path).unwrap());
        (name, btf)
    };
    files.into_iter().map(types).collect()
}

fn types_of(object: &[u8]) -> Arc<Btf> {
    let object = Object::parse("object", object).unwrap();
    Arc::clone(object.btf().unwrap())
}

/// A compiler for eBPF, or a printed reason why there is none.
fn clang() -> Option<String> {
    let named = std::env::var("CLANG").ok().into_iter();
    let usual = ["clang-19", "clang"].map(str::to_owned);
    let mut found = named.chain(usual).filter(|clang| {
        let output = Command::new(clang).arg("--print-targets").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("bpfel"))
    });
    let clang = found.next();
    if clang.is_none() {
        eprintln!("skipped: no clang for eBPF: neither $CLANG nor clang-19 nor clang");
    }
    clang
}

/// The types that a compiler sees in a header, and the names of the structures and unions in it.
fn compiled(clang: &str, header: &str, tags: &BTreeSet<String>) -> Arc<Btf> {
    let folder = tempfile();
    let (source, object) = (folder.join("all.c"), folder.join("all.o"));
    let mut text = format!("{header}\nint some_types_even_if_there_are_no_others;\n");
    for (index, tag) in tags.iter().enumerate() {
        // What a variable has is kept, member by member.
        writeln!(text, "{tag} use_{index};").unwrap();
    }
    std::fs::write(&source, text).unwrap();
    let flags = ["-target", "bpfel", "-g", "-O2", "-std=gnu11", "-w", "-c"];
    let output = Command::new(clang)
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let btf = types_of(&std::fs::read(&object).unwrap());
    std::fs::remove_dir_all(folder).unwrap();
    btf
}

/// A folder of this process and thread.
fn tempfile() -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
    let name = format!("ebpf-sim-btf-{}-{thread}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Structures and unions with a name that no other type has, by how C calls them.
fn tags(btf: &Btf) -> BTreeMap<String, BtfId> {
    let mut all: BTreeMap<&str, Vec<BtfId>> = BTreeMap::new();
    for id in btf.ids() {
        let ty = btf.ty(id);
        if (ty.composite().is_some() || ty.enumeration().is_some()) && !ty.name().is_empty() {
            all.entry(ty.name()).or_default().push(id);
        }
    }
    let single = all.into_iter().filter_map(|(name, ids)| match ids[..] {
        [id] => match btf.ty(id) {
            Type::Struct(_) => Some((format!("struct {name}"), id)),
            Type::Union(_) => Some((format!("union {name}"), id)),
            _ => None,
        },
        _ => None,
    });
    single.collect()
}

/// A structure or union as text: its size, and each member with its place and type.
fn shape(btf: &Btf, id: BtfId) -> String {
    let mut text = String::new();
    let composite = btf.ty(id).composite().unwrap();
    write_shape(btf, composite, 0, &mut text);
    text
}

fn write_shape(btf: &Btf, composite: Composite<'_>, base: u32, text: &mut String) {
    write!(text, "{} bytes:", composite.size).unwrap();
    for member in composite.members.iter() {
        let at = base + member.bit_offset;
        write!(text, " {}@{at}", member.name).unwrap();
        if let Some(bits) = member.bitfield_size {
            write!(text, ":{bits}").unwrap();
        }
        let ty = btf.resolved(member.ty);
        match ty.composite() {
            Some(inner) if ty.name().is_empty() => {
                text.push('{');
                write_shape(btf, inner, at, text);
                text.push('}');
            }
            _ => write!(text, "={:?}", btf.size_of(member.ty)).unwrap(),
        }
    }
}

/// The structures and unions whose shape is another after they went through the compiler.
fn misshapen(clang: &str, name: &str, before: &Btf, except: &[&str]) -> Vec<String> {
    let header = before.c_header(Roots::All).unwrap();
    let mut expected = tags(before);
    expected.retain(|tag, _| !except.contains(&tag.as_str()));
    // C has no variables of types without members or size.
    expected.retain(|_, id| before.size_of(*id) != Some(0));
    let after = compiled(clang, &header, &expected.keys().cloned().collect());
    let found = tags(&after);
    let mut wrong = Vec::new();
    for (tag, id) in &expected {
        let want = shape(before, *id);
        let got = found.get(tag).map(|id| shape(&after, *id));
        if got.as_ref() != Some(&want) {
            wrong.push(format!("{name}: {tag}\n  want {want}\n  got  {got:?}"));
        }
    }
    wrong
}

#[test]
fn header_of_corpus_object_gives_the_same_types_when_compiled() {
    let Some(clang) = clang() else { return };
    for (name, btf) in corpus() {
        let wrong = misshapen(&clang, &name, &btf, &[]);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn header_of_the_kernel_gives_the_same_types_when_compiled() {
    let Some(clang) = clang() else { return };
    // `va_list` is the compiler's own, and eBPF's is smaller than x86's.
    let holds_va_list = ["struct va_format", "struct warn_args"];
    let wrong = misshapen(&clang, "kernel", kernel_6_12(), &holds_va_list);
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn header_defines_each_type_once_and_after_what_it_contains() {
    let kernel = kernel_6_12();
    let mut headers: Vec<(String, String)> = corpus()
        .into_iter()
        .map(|(name, btf)| (name, btf.c_header(Roots::All).unwrap()))
        .collect();
    headers.push(("kernel".to_owned(), kernel.c_header(Roots::All).unwrap()));
    for (name, header) in headers {
        let mut defined = BTreeSet::new();
        for line in header.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [keyword @ ("struct" | "union" | "enum"), tag, "{"] => {
                    assert!(!line.starts_with('\t'), "{name}: {line}");
                    assert!(
                        defined.insert(format!("{keyword} {tag}")),
                        "{name}: {line} twice"
                    );
                }
                [keyword @ ("struct" | "union"), tag, member]
                    if line.starts_with('\t')
                        && !member.starts_with('*')
                        && !member.starts_with('(') =>
                {
                    let contained = format!("{keyword} {tag}");
                    assert!(
                        defined.contains(&contained),
                        "{name}: {line} before {contained}"
                    );
                }
                _ => {}
            }
        }
    }
}

#[test]
fn header_of_one_type_has_what_it_needs_and_nothing_else() {
    let kernel = kernel_6_12();
    let id = kernel
        .find("list_head", ebpf_sim::btf::KindFilter::STRUCT)
        .unwrap();
    let header = kernel.c_header(Roots::Some(&[id])).unwrap();
    let body = header.split("#endif\n").nth(1).unwrap();
    let body = body.split("#ifndef").next().unwrap();
    assert_eq!(
        body.trim(),
        "struct list_head {\n\tstruct list_head *next;\n\tstruct list_head *prev;\n};"
    );
}
