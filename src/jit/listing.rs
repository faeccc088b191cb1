//! What compiling makes of a program, as text.
//!
//! It compiles as for a run, and throws the code away.

use cranelift_codegen::Context;
use cranelift_codegen::isa::OwnedTargetIsa;

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
    /// Its lines. Those of Cranelift's form come with the index of the operation that they were
    /// made of, where there is one.
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
    let mut take = |entry: EntryId, text: String| {
        let entry = code.entries.get(entry.index());
        listings.push(Listing {
            name: entry.map_or_else(String::new, |entry| entry.name.to_string()),
            lines: text.lines().map(line).collect(),
        });
    };
    native::observe(
        isa,
        code,
        counting,
        &mut |moment, entry, context| match (stage, moment) {
            (Stage::Clif, Moment::Translated) => take(entry, context.func.display().to_string()),
            (Stage::Assembly, Moment::Translated) => context.set_disasm(true),
            (Stage::Assembly, Moment::Compiled) => {
                let compiled = context.compiled_code();
                take(
                    entry,
                    compiled
                        .and_then(|code| code.vcode.clone())
                        .unwrap_or_default(),
                );
            }
            (Stage::Clif, Moment::Compiled) => {}
        },
    )?;
    Ok(listings)
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
pub(super) type Observer<'a> = &'a mut dyn FnMut(Moment, EntryId, &mut Context);

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
