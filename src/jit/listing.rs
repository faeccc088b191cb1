//! What compiling makes of a program, as text.
//!
//! It compiles as for a run, and throws the code away. Machine code of x86-64 is disassembled from its bytes, so that
//! it shows what runs and of which operation each instruction was made; that of other hosts is Cranelift's own
//! listing, which says neither.

use std::collections::BTreeMap;

use cranelift_codegen::ir::{ExternalName, Function, UserExternalName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter};

use crate::code::{Code, EntryId};

use super::native;
use super::{Counting, JitError};

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Cranelift's form, as it was translated.
    Clif,
    /// Machine code, after all of Cranelift's passes.
    Assembly,
}

/// One native function.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The function's name in the program.
    pub name: String,
    /// Its lines, each with the index of the operation that it was made of, where there is one.
    pub lines: Vec<(Option<usize>, String)>,
}

/// Lists a program.
pub(super) fn list(
    isa: &OwnedTargetIsa,
    code: &Code,
    counting: Counting,
    stage: Stage,
) -> Result<Vec<Listing>, JitError> {
    let mut listings = Vec::new();
    let mut take = |entry: EntryId, lines| {
        let entry = code.entries.get(entry.index());
        listings.push(Listing {
            name: entry.map_or_else(String::new, |entry| entry.name.to_string()),
            lines,
        });
    };
    let is_known = cfg!(target_arch = "x86_64");
    native::observe(
        isa,
        code,
        counting,
        &mut |moment, entry, context, names| match (stage, moment) {
            (Stage::Clif, Moment::Translated) => {
                let text = context.func.display().to_string();
                take(entry, text.lines().map(line).collect());
            }
            (Stage::Assembly, Moment::Translated) => context.set_disasm(!is_known),
            (Stage::Assembly, Moment::Compiled) => {
                let lines = context.compiled_code().map(|compiled| match is_known {
                    true => disassembled(compiled, &context.func, names),
                    false => {
                        let text = compiled.vcode.as_deref().unwrap_or_default();
                        text.lines().map(line).collect()
                    }
                });
                take(entry, lines.unwrap_or_default());
            }
            (Stage::Clif, Moment::Compiled) => {}
        },
    )?;
    Ok(listings)
}

/// The instructions of x86-64, each at its offset, with what it refers to outside of the function.
fn disassembled(
    compiled: &CompiledCode,
    function: &Function,
    names: Names<'_>,
) -> Vec<(Option<usize>, String)> {
    let sources = compiled.buffer.get_srclocs_sorted();
    let named: BTreeMap<u64, String> = compiled
        .buffer
        .relocs()
        .iter()
        .filter_map(|reloc| {
            let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = reloc.target else {
                return None;
            };
            let name = function.params.user_named_funcs().get(name)?;
            Some((u64::from(reloc.offset), names(name)))
        })
        .collect();
    let decoder = Decoder::new(64, compiled.code_buffer(), DecoderOptions::NONE);
    let mut formatter = GasFormatter::new();
    formatter.options_mut().set_branch_leading_zeros(false);
    let mut lines = Vec::new();
    for insn in decoder {
        let mut text = format!("{:6x}: ", insn.ip());
        formatter.format(&insn, &mut text);
        if let Some((_, name)) = named.range(insn.ip()..insn.next_ip()).next() {
            text = format!("{text:<52} # {name}");
        }
        let at = sources.partition_point(|source| u64::from(source.end) <= insn.ip());
        let source = sources
            .get(at)
            .filter(|source| u64::from(source.start) <= insn.ip());
        let operation = source.filter(|source| !source.loc.is_default());
        lines.push((operation.map(|source| source.loc.bits() as usize), text));
    }
    lines
}

/// A point in the compilation of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Cranelift's form is complete.
    Translated,
    /// There is machine code.
    Compiled,
}

/// Looks at a function while it is compiled.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Moment, EntryId, &mut Context, Names<'_>);

/// What functions are called that others refer to.
pub(super) type Names<'a> = &'a dyn Fn(&UserExternalName) -> String;

/// A line, and the operation that Cranelift has written before it.
fn line(text: &str) -> (Option<usize>, String) {
    let marked = text.trim_start().strip_prefix('@');
    match marked.and_then(|rest| rest.split_once(' ')) {
        Some((index, rest)) => (
            usize::from_str_radix(index, 16).ok(),
            format!("    {}", rest.trim_start()),
        ),
        None => (None, text.trim_end().to_owned()),
    }
}
