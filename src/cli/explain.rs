//! `ebpf-sim explain`: what a kind of rejection means, with a wrong and a right program.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use ebpf_sim::verifier::reason::{self, Code, Example, Kind, Loaded};
use serde::Serialize;

use super::Exit;
use super::output::Output;

/// The width that text is broken at.
const WIDTH: usize = 100;

/// Explain why programs are refused: by code, by the kernel's sentence, or list all codes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim explain                       all codes
  ebpf-sim explain E004                  what error[E004] means
  ebpf-sim explain \"R0 !read_ok\"         what a sentence of the kernel's log means")]
pub(super) struct Args {
    /// A code, or a sentence of the kernel, quoted or not; without one all codes are listed.
    #[arg(value_name = "CODE|SENTENCE")]
    what: Vec<String>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How to print explanations.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// To read.
    Text,
    /// One document.
    Json,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    let wanted = match args.what.as_slice() {
        [] => None,
        words => Some(find(&words.join(" "))?),
    };
    match (args.format, wanted) {
        (Format::Text, Some(kind)) => text(output, kind)?,
        (Format::Text, None) => {
            for kind in reason::all() {
                writeln!(output, "{}  {}", kind.code, kind.title)?;
            }
        }
        (Format::Json, Some(kind)) => output.json(&Report::of(&[kind]))?,
        (Format::Json, None) => output.json(&Report::of(&reason::all()))?,
    }
    Ok(Exit::Ok)
}

/// The kind that a code or a sentence names.
fn find(what: &str) -> anyhow::Result<&'static Kind> {
    let what = what.trim();
    let Ok(code) = what.parse::<Code>() else {
        let kind = reason::of(what);
        return kind.with_context(|| {
            format!("`{what}` is neither a code nor a sentence of a known kind: `ebpf-sim explain` lists all")
        });
    };
    if let Some(kind) = reason::with_code(code) {
        return Ok(kind);
    }
    let near: Vec<String> = near(code)
        .iter()
        .map(|kind| format!("{} ({})", kind.code, kind.title))
        .collect();
    bail!("there is no {code}; near it are {}", near.join(", "))
}

/// Three kinds whose codes look most like one.
fn near(code: Code) -> Vec<&'static Kind> {
    let text = code.to_string();
    let mut kinds = reason::all();
    kinds.sort_by_key(|kind| {
        let other = kind.code.to_string();
        let length = text.len().abs_diff(other.len());
        let differing = text.bytes().zip(other.bytes()).filter(|(a, b)| a != b);
        let distance = code.number().abs_diff(kind.code.number());
        (differing.count() + length, distance)
    });
    kinds.truncate(3);
    kinds
}

fn text(output: &mut Output, kind: &Kind) -> anyhow::Result<()> {
    output.heading(&format!("{}: {}", kind.code, kind.title))?;
    writeln!(output, "\nThe kernel says:")?;
    for sentence in kind.sentences {
        writeln!(output, "  {sentence}")?;
    }
    writeln!(output, "\n{}", wrapped(kind.explanation))?;
    writeln!(
        output,
        "\n{}",
        wrapped(&format!("What to do: {}.", kind.advice))
    )?;
    let Some(examples) = &kind.examples else {
        return Ok(());
    };
    example(output, "Wrong", &examples.wrong)?;
    example(output, "Right", &examples.right)?;
    match examples.loaded {
        Loaded::Privileged => {}
        Loaded::Unprivileged => {
            writeln!(output, "\nBoth are loaded without privileges (--unpriv).")?;
        }
    }
    Ok(())
}

fn example(output: &mut Output, what: &str, example: &Example) -> anyhow::Result<()> {
    writeln!(output)?;
    output.heading(&format!("{what} (corpus/explain/{}):", example.file))?;
    writeln!(output)?;
    for line in example.text.lines() {
        writeln!(output, "{}", format!("    {line}").trim_end())?;
    }
    Ok(())
}

/// Text in lines no longer than [`WIDTH`], unless a word is.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => word.clone_into(line),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    kinds: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    code: String,
    title: &'static str,
    sentences: &'static [&'static str],
    advice: &'static str,
    explanation: &'static str,
    /// What is null has no example.
    wrong: Option<Program>,
    right: Option<Program>,
    /// Whether the examples are loaded without privileges.
    unprivileged: bool,
}

#[derive(Serialize)]
struct Program {
    file: &'static str,
    text: &'static str,
}

impl Report {
    fn of(kinds: &[&'static Kind]) -> Report {
        Report {
            schema: 1,
            kinds: kinds.iter().map(|kind| Entry::of(kind)).collect(),
        }
    }
}

impl Entry {
    fn of(kind: &'static Kind) -> Entry {
        let examples = kind.examples.as_ref();
        let program = |example: &'static Example| Program {
            file: example.file,
            text: example.text,
        };
        Entry {
            code: kind.code.to_string(),
            title: kind.title,
            sentences: kind.sentences,
            advice: kind.advice,
            explanation: kind.explanation,
            wrong: examples.map(|examples| program(&examples.wrong)),
            right: examples.map(|examples| program(&examples.right)),
            unprivileged: examples.is_some_and(|examples| examples.loaded == Loaded::Unprivileged),
        }
    }
}
