//! `ebpf-sim kernel`: the real kernels that programs can be compared with.
//!
//! It boots nothing.

use std::io::Write as _;
use std::path::Path;

use comfy_table::{Table, presets};
use ebpf_sim::kernel::Kernel as _;
use ebpf_sim::kernel::host::Host;
use ebpf_sim::kernel::vm::{BOOT, Image, has_kvm, qemu_version};
use serde::Serialize;

use super::Exit;
use super::output::Output;

/// Show the real kernels that `--kernel` can name.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(ListArgs),
}

/// List this host's kernel and the images that a virtual machine can boot.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim kernel list                              what is found, and what is missing
  ebpf-sim verify hello.o --kernel vm:6.12          an image of the list, by its version
  ebpf-sim verify hello.o --kernel vm:./vmlinuz     any other image, by its path

docs/kernel-images.md says how to get images.")]
struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    let Command::List(args) = &args.command;
    let found = Found::new(Path::new(BOOT));
    match args.json {
        true => output.json(&found)?,
        false => text(output, &found)?,
    }
    Ok(Exit::Ok)
}

/// What is found, as schema 1.
#[derive(Debug, Serialize)]
struct Found {
    schema: u32,
    host: HostEntry,
    images: Vec<ImageEntry>,
    /// The emulator's version.
    qemu: Option<String>,
    kvm: bool,
}

/// The kernel this runs on.
#[derive(Debug, Serialize)]
struct HostEntry {
    release: String,
    /// Why bpf(2) may not be used, if so.
    missing: Option<String>,
}

/// A file that is called as images are.
#[derive(Debug, Serialize)]
struct ImageEntry {
    /// What `--kernel` takes for it, if it is an image.
    kernel: Option<String>,
    path: Option<String>,
    release: Option<String>,
    error: Option<String>,
}

impl Found {
    fn new(folder: &Path) -> Found {
        let images = Image::list(folder);
        Found {
            schema: 1,
            host: host(),
            images: images
                .into_iter()
                .map(|image| match image {
                    Ok(image) => ImageEntry::of(&image),
                    Err(error) => ImageEntry::broken(&error.to_string()),
                })
                .collect(),
            qemu: qemu_version(),
            kvm: has_kvm(),
        }
    }
}

impl ImageEntry {
    fn of(image: &Image) -> ImageEntry {
        ImageEntry {
            kernel: Some(format!("vm:{}", image.release)),
            path: Some(image.path.display().to_string()),
            release: Some(image.release.clone()),
            error: None,
        }
    }

    fn broken(error: &str) -> ImageEntry {
        ImageEntry {
            kernel: None,
            path: None,
            release: None,
            error: Some(error.to_owned()),
        }
    }
}

fn host() -> HostEntry {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let opened = Host::open();
    HostEntry {
        release: match &opened {
            Ok(host) => host.info().release.clone(),
            Err(_) => release.trim().to_owned(),
        },
        missing: opened.err().map(|error| error.to_string()),
    }
}

fn text(output: &mut Output, found: &Found) -> anyhow::Result<()> {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(["--kernel", "release", "state"]);
    let state = found.host.missing.as_deref();
    table.add_row([
        "host",
        &found.host.release,
        state.unwrap_or("bpf(2) is permitted"),
    ]);
    let state = match (&found.qemu, found.kvm) {
        (None, _) => "needs qemu-system-x86_64",
        (Some(_), true) => "boots with KVM, or emulated where KVM turns out not to work",
        (Some(_), false) => "boots emulated: no access to /dev/kvm",
    };
    for image in &found.images {
        if let (Some(kernel), Some(release)) = (&image.kernel, &image.release) {
            table.add_row([kernel, release, state]);
        }
    }
    for line in table.lines() {
        writeln!(output, "{}", line.trim())?;
    }
    for error in found.images.iter().filter_map(|image| image.error.as_ref()) {
        writeln!(output, "{error}")?;
    }
    if found.images.is_empty() {
        writeln!(output, "no images in {BOOT}: see docs/kernel-images.md")?;
    }
    match &found.qemu {
        Some(version) => writeln!(output, "{version}")?,
        None => writeln!(output, "qemu-system-x86_64 is not installed")?,
    }
    Ok(())
}
