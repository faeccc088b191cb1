//! `ebpf-sim btf dump`: types as a C header, as a listing or as JSON.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;
use ebpf_sim::btf::{Btf, BtfId, KindFilter, Roots};

use super::{json, source};
use crate::cli::Exit;
use crate::cli::output::Output;

/// Print types.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim btf dump kernel --format c > vmlinux.h     the header to compile programs against
  ebpf-sim btf dump kernel --root task_struct --format c
  ebpf-sim btf dump hello.o                           one record after the other, as bpftool prints them
  ebpf-sim btf dump /sys/kernel/btf/vmlinux --format json
  ebpf-sim btf dump /sys/kernel/btf/nf_conntrack --base /sys/kernel/btf/vmlinux")]
pub(super) struct Args {
    /// An ELF object with types, a file of raw BTF, or `kernel` for those of Linux 6.12; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The types that these continue, as those of a kernel's module continue the kernel's; a file, or `kernel`.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// How to print them.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Only the types of this id or name and, in C, what they need; may be repeated.
    #[arg(long = "root", value_name = "TYPE")]
    roots: Vec<String>,
}

/// How to print types.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A header that C programs include.
    C,
    /// A listing of records.
    Text,
    /// The same as JSON.
    Json,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    let btf = source::types(&args.file, args.base.as_deref())?;
    let roots = roots(&btf, &args.roots)?;
    match args.format {
        Format::C => {
            let chosen = roots.as_deref().map_or(Roots::All, Roots::Some);
            output.write_all(btf.c_header(chosen)?.as_bytes())?;
        }
        Format::Text => {
            for record in chosen(&btf, roots.as_deref()).filter_map(|id| btf.raw(id)) {
                writeln!(output, "{record}")?;
            }
        }
        Format::Json => {
            let records = chosen(&btf, roots.as_deref()).filter_map(|id| btf.raw(id));
            json::write(output, records)?;
        }
    }
    Ok(Exit::Ok)
}

/// The ids to print: of a module, none of the types that it continues.
fn chosen<'a>(btf: &Btf, roots: Option<&'a [BtfId]>) -> Box<dyn Iterator<Item = BtfId> + 'a> {
    match roots {
        Some(roots) => Box::new(roots.iter().copied()),
        None => Box::new(btf.own_ids()),
    }
}

/// The ids that were asked for, none where all are.
fn roots(btf: &Btf, names: &[String]) -> anyhow::Result<Option<Vec<BtfId>>> {
    let mut roots = Vec::new();
    for name in names {
        let found = roots.len();
        match name.parse() {
            Ok(id) => roots.extend((id < btf.type_count()).then_some(BtfId(id))),
            Err(_) => roots.extend(btf.find_all(name, KindFilter::ANY)),
        }
        if roots.len() == found {
            bail!("no type has the id or the name `{name}`");
        }
    }
    Ok((!names.is_empty()).then_some(roots))
}
