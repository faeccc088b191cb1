//! Findings as text: a program in assembly that can be assembled and run again, with its input and
//! both outcomes in comments.
//!
//! | line | meaning |
//! | --- | --- |
//! | `; finding: …` | what was wrong when it was found, for people |
//! | `; open: REASON` | it is still wrong, for this reason; without the line it must be right now |
//! | `; kernel RELEASE: accepted`, `; kernel RELEASE: refused: …` | the verdict that is right |
//! | `; packet: HEX` | the packet it runs on |
//! | `; value NAME KEY VALUE` | what a map holds at the start, in hexadecimal digits |
//! | `; gives retval 0x…`, `; gives packet HEX`, `; gives NAME KEY VALUE` | what the kernel's run left |

use std::fmt::Write as _;

use super::campaign::{Finding, hex};
use super::kernel_side::{Their, Theirs};
use super::{Case, Input, Observed, Pair};
use crate::abi::helpers;
use crate::isa::{Names, disassemble};
use crate::object::{AssemblyError, MapSpec, Program};

/// A finding that was written down.
#[derive(Clone, Debug)]
pub struct Reproducer {
    /// The program and its input.
    pub case: Case,
    /// Whether the kernel accepts it, if one was asked.
    pub verdict: Option<Their>,
    /// What the kernel's run left, if it was run.
    pub observed: Option<Observed>,
    /// Why it is still wrong, if it is.
    pub open: Option<String>,
}

/// Why a text is no reproducer.
#[derive(Debug, thiserror::Error)]
pub enum ReproducerError {
    /// The program does not assemble.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The program does not decode.
    #[error("instruction {pc} does not decode: {source}")]
    Decode {
        /// Where.
        pc: crate::isa::Pc,
        /// Why not.
        source: crate::isa::DecodeError,
    },
    /// A comment that means something is not understood.
    #[error("line {line}: `{text}` is not understood")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

/// Names of helpers and of a program's maps.
struct KnownNames<'a>(&'a [MapSpec]);

impl Names for KnownNames<'_> {
    fn helper(&self, number: i32) -> Option<&str> {
        helpers::by_number(number).map(|helper| helper.name)
    }

    fn map(&self, fd: i32) -> Option<&str> {
        let index = usize::try_from(fd).ok()?;
        self.0.get(index).map(|spec| spec.name.as_str())
    }
}

/// The text of a finding. `release` is the kernel's, if there was one.
pub fn text(
    finding: &Finding,
    seed: u64,
    release: Option<&str>,
    theirs: Option<&Theirs>,
) -> String {
    let case = &finding.case;
    let mut text = format!(
        "; finding: {}\n; seed {seed}, case {}\n",
        one_line(&finding.disagreement.to_string()),
        finding.number
    );
    if let Some(theirs) = theirs {
        text.push_str(&outcome(case, release.unwrap_or("unknown"), theirs));
    }
    text.push_str(&input(case));
    text.push_str(&program(case));
    text
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// Writing into a string cannot fail.
macro_rules! line {
    ($text:expr, $($arg:tt)*) => {{
        let _ = writeln!($text, $($arg)*);
    }};
}

fn outcome(case: &Case, release: &str, theirs: &Theirs) -> String {
    let mut text = String::new();
    match &theirs.verdict {
        Their::Accepted => line!(text, "; kernel {release}: accepted"),
        Their::Refused { message } => {
            line!(text, "; kernel {release}: refused: {}", one_line(message));
        }
        Their::Withheld => line!(text, "; no verdict: withheld"),
        Their::Unknown { reason } => line!(text, "; no verdict: {}", one_line(reason)),
    }
    if let Some(observed) = &theirs.observed {
        line!(text, "; gives retval {:#x}", observed.retval);
        line!(text, "; gives packet {}", hex(&observed.packet));
        for (spec, pairs) in case.program.maps.iter().zip(&observed.maps) {
            for (key, value) in pairs {
                line!(text, "; gives {} {} {}", spec.name, hex(key), hex(value));
            }
        }
    }
    text
}

fn input(case: &Case) -> String {
    let mut text = format!("; packet: {}\n", hex(&case.input.packet));
    for (spec, pairs) in case.program.maps.iter().zip(&case.input.maps) {
        for (key, value) in pairs {
            line!(text, "; value {} {} {}", spec.name, hex(key), hex(value));
        }
    }
    text
}

fn program(case: &Case) -> String {
    let mut text = format!(".type {}\n", case.program.prog_type.name());
    for spec in case.program.maps.iter() {
        line!(
            text,
            ".map {} {} {} {} {}",
            spec.name,
            spec.map_type.name(),
            spec.key_size,
            spec.value_size,
            spec.max_entries
        );
    }
    let names = KnownNames(&case.program.maps);
    for (pc, insn) in case.insns.iter().enumerate() {
        let insn_text = disassemble(*insn, &names).to_string();
        if !insn_text.is_empty() {
            line!(text, "{pc}: ({:02x}) {insn_text}", opcode(case, pc));
        }
    }
    text
}

fn opcode(case: &Case, pc: usize) -> u8 {
    case.program.code.get(pc).map_or(0, |insn| insn.opcode)
}

impl Reproducer {
    /// Reads the text of a finding; `file` is its name.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(file: &str, text: &str) -> Result<Reproducer, ReproducerError> {
        let program = Program::from_assembly(file, text)?;
        let insns = crate::isa::decode_program(&program.code)
            .map_err(|(pc, source)| ReproducerError::Decode { pc, source })?;
        let empty = || vec![Vec::new(); program.maps.len()];
        let mut input = Input {
            packet: Vec::new(),
            maps: empty(),
        };
        let mut observed = Observed {
            maps: empty(),
            ..Observed::default()
        };
        let (mut verdict, mut open, mut has_run) = (None, None, false);
        for (number, line) in (1..).zip(text.lines()) {
            let Some(comment) = line.strip_prefix("; ") else {
                continue;
            };
            let bad = || ReproducerError::Line {
                line: number,
                text: line.to_owned(),
            };
            let (word, rest) = comment.split_once(' ').unwrap_or((comment, ""));
            match word {
                "open:" => open = Some(rest.to_owned()),
                "kernel" => verdict = Some(kernel_verdict(rest).ok_or_else(bad)?),
                "packet:" => input.packet = unhex(rest).ok_or_else(bad)?,
                "value" => put(&mut input.maps, &program, rest).ok_or_else(bad)?,
                "gives" => {
                    has_run = true;
                    gives(&mut observed, &program, rest).ok_or_else(bad)?;
                }
                _ => {}
            }
        }
        let case = Case::new(
            program.prog_type,
            insns,
            std::sync::Arc::clone(&program.maps),
            input,
        );
        Ok(Reproducer {
            case,
            verdict,
            observed: has_run.then_some(observed),
            open,
        })
    }
}

fn kernel_verdict(text: &str) -> Option<Their> {
    let (_, verdict) = text.split_once(": ")?;
    if verdict == "accepted" {
        return Some(Their::Accepted);
    }
    let message = verdict.strip_prefix("refused: ")?.to_owned();
    Some(Their::Refused { message })
}

fn gives(observed: &mut Observed, program: &Program, text: &str) -> Option<()> {
    if let Some(retval) = text.strip_prefix("retval 0x") {
        observed.retval = u32::from_str_radix(retval, 16).ok()?;
        return Some(());
    }
    if let Some(packet) = text.strip_prefix("packet") {
        observed.packet = unhex(packet.trim())?;
        return Some(());
    }
    put(&mut observed.maps, program, text)
}

/// Adds what `NAME KEY VALUE` says.
fn put(maps: &mut [Vec<Pair>], program: &Program, text: &str) -> Option<()> {
    let mut words = text.split(' ');
    let name = words.next()?;
    let index = program.maps.iter().position(|spec| spec.name == name)?;
    let pair = (unhex(words.next()?)?, unhex(words.next()?)?);
    maps.get_mut(index)?.push(pair);
    Some(())
}

/// The bytes that hexadecimal digits are.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let bytes = pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    whole.then(|| bytes.collect())
}
