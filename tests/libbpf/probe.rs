//! Asking libbpf: finds it, builds the probe against it and runs that over objects.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ebpf_sim::object::Kconfig;
use serde_json::Value;

/// The functions that the probe answers in the kernel's place.
const WRAPPED: [&str; 7] = [
    "syscall",
    "fopen64",
    "open64",
    "faccessat",
    "access",
    "gzopen64",
    "uname",
];

/// How to compile and link against libbpf.
pub(crate) struct Library {
    flags: Vec<String>,
}

impl Library {
    /// The library, or why there is none.
    pub(crate) fn find() -> Result<Library, String> {
        if let Some(folder) = std::env::var_os("EBPF_SIM_LIBBPF") {
            let folder = PathBuf::from(folder);
            let archive = folder.join("libbpf.a");
            assert!(archive.is_file(), "{} does not exist", archive.display());
            let flags = vec![
                format!("-I{}", folder.display()),
                archive.display().to_string(),
            ];
            return Ok(Library { flags });
        }
        let found = Command::new("pkg-config")
            .args(["--cflags", "--libs", "libbpf >= 1.5"])
            .output();
        match found {
            Ok(output) if output.status.success() => {
                let flags = String::from_utf8_lossy(&output.stdout);
                Ok(Library {
                    flags: flags.split_whitespace().map(str::to_owned).collect(),
                })
            }
            _ => Err(
                "EBPF_SIM_LIBBPF names no directory with libbpf.a and its headers, and \
                 pkg-config knows no libbpf >= 1.5"
                    .to_owned(),
            ),
        }
    }

    /// Builds the probe.
    fn build(&self, program: &Path) {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libbpf/probe.c");
        let wrap = WRAPPED.map(|function| format!("-Wl,--wrap={function}"));
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-D_FILE_OFFSET_BITS=64", "-o"])
            .arg(program)
            .arg(source)
            .args(wrap)
            .args(&self.flags)
            .args(["-lelf", "-lz"])
            .status()
            .expect("a C compiler is there");
        assert!(status.success(), "the probe does not build");
    }
}

/// What libbpf says of each object. `name` tells the probe's files from those of other tests.
pub(crate) fn probe(library: &Library, name: &str, objects: &[PathBuf]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("the temporary folder is writable");
        path
    };
    let program = folder.join("probe");
    library.build(&program);
    let mut child = Command::new(&program)
        .arg(file("btf", ebpf_sim::btf::kernel_6_12().bytes()))
        .arg(file("config", Kconfig::text_6_12().as_bytes()))
        .arg(file("kallsyms", super::ours::KALLSYMS.as_bytes()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the probe starts");
    let mut list = child.stdin.take().expect("standard input is a pipe");
    let paths: Vec<String> = objects
        .iter()
        .map(|path| path.display().to_string() + "\n")
        .collect();
    let writer = std::thread::spawn(move || list.write_all(paths.concat().as_bytes()));
    let output = child.wait_with_output().expect("the probe ends");
    writer
        .join()
        .expect("the writer ends")
        .expect("the probe reads its list");
    assert!(
        output.status.success(),
        "the probe ended with {}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("the probe prints JSON"))
        .collect()
}
