//! The `--target` option: from `FILE[:PROGRAM[:FUNCTION]]` to programs that others attach to.
//!
//! Which of their functions that is, the library finds for each program.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ebpf_sim::object::{Object, Program, TargetPrograms};

use super::Inputs;

/// Reads the programs that are meant.
pub(super) fn read(text: &str, inputs: &Inputs) -> anyhow::Result<TargetPrograms> {
    let (file, program, function) = split(text);
    let bytes = super::read(Path::new(file))?;
    let object = Object::parse(file, &bytes)?;
    let linked = object.link(&inputs.link_options());
    let mut programs: Vec<Arc<Program>> = Vec::new();
    for one in linked.programs {
        let name = one
            .as_ref()
            .map_or_else(|error| &error.program, |one| &one.name);
        if program.is_none_or(|wanted| wanted == name) {
            match one {
                Ok(one) => programs.push(Arc::new(one)),
                // The others may still be meant.
                Err(_) if program.is_none() => {}
                Err(error) => bail!(error),
            }
        }
    }
    programs.first().with_context(|| match program {
        Some(name) => format!("it has no program `{name}`"),
        None => "it has no program that links".to_owned(),
    })?;
    Ok(TargetPrograms {
        object: inputs.name_of(file),
        programs,
        function: function.map(str::to_owned),
    })
}

/// File, program and function. A file whose name has a colon is taken for what it is.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    if Path::new(text).exists() {
        return (text, None, None);
    }
    let (rest, last) = match text.rsplit_once(':') {
        Some(parts) => parts,
        None => return (text, None, None),
    };
    match rest.rsplit_once(':') {
        Some((file, program)) if !Path::new(rest).exists() => (file, some(program), some(last)),
        Some(_) | None => (rest, some(last), None),
    }
}

fn some(part: &str) -> Option<&str> {
    (!part.is_empty()).then_some(part)
}
