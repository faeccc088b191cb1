//! `--stage`: a program at one station of its way to the engines, its source lines beside it.

use std::io::Write as _;
use std::sync::Arc;

use clap::ValueEnum;
use ebpf_sim::code::Code;
use ebpf_sim::object::Program;
use ebpf_sim::report::{line_start, source_file};
use ebpf_sim::sim::{Options, Sim};

use crate::cli::Exit;
use crate::cli::input::Inputs;
use crate::cli::output::Output;

/// A station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Stage {
    /// The instructions, linked.
    Insns,
    /// The operations that both engines run.
    Lowered,
    /// What the JIT hands to Cranelift.
    #[cfg(feature = "jit")]
    Clif,
    /// Machine code of this host; on others than x86-64 without source lines.
    #[cfg(feature = "jit")]
    Asm,
}

/// Prints the accepted programs of all files; the others are reported.
pub(super) fn print(inputs: &Inputs, stage: Stage, output: &mut Output) -> anyhow::Result<Exit> {
    let mut sim = Sim::new(Options {
        kernel_btf: inputs.kernel_btf.clone(),
        setup: Arc::clone(&inputs.setup),
        module_btfs: inputs.module_btfs.clone(),
        programs: inputs.selection(),
        ..Options::default()
    })?;
    let mut exit = Exit::Ok;
    for error in inputs.load_into(&mut sim) {
        output.error(&error)?;
        exit = Exit::Failure;
    }
    for loaded in sim.loads().iter().flat_map(|load| &load.programs) {
        match (&loaded.program, loaded.verdict.code()) {
            (Some(program), Some(code)) => one(program, code, stage, output)?,
            (Some(_) | None, _) => {
                if let Some(refusal) = loaded.verdict.refusal() {
                    let error = anyhow::Error::new(refusal.clone());
                    output.error(&error.context(loaded.name.clone()))?;
                    exit = exit.max(Exit::Refused);
                }
            }
        }
    }
    Ok(exit)
}

fn one(
    program: &Program,
    code: &Arc<Code>,
    stage: Stage,
    output: &mut Output,
) -> anyhow::Result<()> {
    match stage {
        Stage::Insns => super::instructions(output, program),
        Stage::Lowered => lowered(program, code, output),
        #[cfg(feature = "jit")]
        Stage::Clif => native(program, code, ebpf_sim::jit::Stage::Clif, output),
        #[cfg(feature = "jit")]
        Stage::Asm => native(program, code, ebpf_sim::jit::Stage::Assembly, output),
    }
}

fn lowered(program: &Program, code: &Code, output: &mut Output) -> anyhow::Result<()> {
    for (index, (op, pc)) in code.ops.iter().zip(&code.pcs).enumerate() {
        let starts = |entry: &&ebpf_sim::code::Entry| entry.start.index() == index;
        if let Some(entry) = code.entries.iter().find(starts) {
            output.heading(&format!(" {}:", entry.name))?;
        }
        if let Some(line) = line_start(program, *pc) {
            let file = source_file(line);
            writeln!(output, "   ; {} @ {file}:{}", line.text.trim(), line.line)?;
        }
        writeln!(output, "{index:4}: {op:<44} ; {pc}")?;
    }
    writeln!(output)?;
    Ok(())
}

/// Native functions; where a line comes from another source line than the one before, that is said.
#[cfg(feature = "jit")]
fn native(
    program: &Program,
    code: &Arc<Code>,
    stage: ebpf_sim::jit::Stage,
    output: &mut Output,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    use ebpf_sim::jit::{Compiler, Counting};
    use ebpf_sim::report::source_line;

    let listings = Compiler::new()?.list(code, Counting::Off, stage);
    for listing in listings.with_context(|| program.name.clone())? {
        output.heading(&format!(" {}:", listing.name))?;
        let mut last = None;
        for (index, text) in listing.lines {
            let line = index.and_then(|index| source_line(program, code.pc_of(index)));
            let place = line.map(|line| (line.line, line.text.clone()));
            if let (Some(line), true) = (line, place.is_some() && place != last) {
                let file = source_file(line);
                writeln!(output, "   ; {} @ {file}:{}", line.text.trim(), line.line)?;
                last = place;
            }
            writeln!(output, "{text}")?;
        }
        writeln!(output)?;
    }
    Ok(())
}
