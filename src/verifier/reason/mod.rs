//! The kinds of rejection: a code for each, what it means, what to do about it, and examples.
//!
//! A table from the sentences of the kernel to kinds. It changes no verdict.
//!
//! Rules:
//! - A code is never given to another kind, not even when its own is gone. A new kind takes the next number, in
//!   the file of its subject.
//! - In a sentence, `…` stands for anything. Where several kinds have a sentence that fits, it is the one that says
//!   most of it literally.
//! - Examples are programs that are judged: `tests/explain.rs` holds the wrong one against its code, and the
//!   right one against being accepted.

/// The program in a file of `corpus/explain`.
macro_rules! example {
    ($file:literal) => {
        super::Example {
            file: $file,
            text: include_str!(concat!("../../../corpus/explain/", $file)),
        }
    };
}

mod attachment;
mod calls;
mod contexts;
mod flow;
mod functions;
mod memory;
mod privilege;
mod references;
mod registers;
mod structures;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

/// The tables, by subject.
const SUBJECTS: &[&[Kind]] = &[
    registers::KINDS,
    memory::KINDS,
    contexts::KINDS,
    calls::KINDS,
    flow::KINDS,
    functions::KINDS,
    references::KINDS,
    attachment::KINDS,
    privilege::KINDS,
    structures::KINDS,
];

/// A kind of rejection.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its code.
    pub code: Code,
    /// What is wrong, in a few plain words.
    pub title: &'static str,
    /// The kernel's sentences of this kind; `…` stands for anything.
    pub sentences: &'static [&'static str],
    /// What to do about it, in a sentence.
    pub advice: &'static str,
    /// What the verifier tracks here, why it refuses, how that comes about and how to mend it.
    pub explanation: &'static str,
    /// Programs that show it; `None` where no program alone can, or none can be judged yet.
    pub examples: Option<Examples>,
}

/// A program that is refused, and how it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Examples {
    /// Refused for this.
    pub wrong: Example,
    /// Accepted.
    pub right: Example,
    /// Who loads them.
    pub loaded: Loaded,
}

/// The source of a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// Its file in `corpus/explain`: C where that ends in `.bpf.c`, else assembly.
    pub file: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// Who loads a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// With every capability.
    Privileged,
    /// With none.
    Unprivileged,
}

/// The stable code of a kind, as `E012`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:03}", self.0)
    }
}

/// A text is not written as codes are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no code: codes are an E and a number, as E012")]
pub struct CodeError {
    /// The text.
    pub text: String,
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Code, CodeError> {
        let digits = text.strip_prefix(['E', 'e']);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Code).ok_or_else(|| CodeError {
            text: text.to_owned(),
        })
    }
}

/// Every kind, in the order of the codes.
pub fn all() -> Vec<&'static Kind> {
    let mut kinds: Vec<&Kind> = SUBJECTS.iter().copied().flatten().collect();
    kinds.sort_by_key(|kind| kind.code);
    kinds
}

/// The kind with that code.
pub fn with_code(code: Code) -> Option<&'static Kind> {
    let mut kinds = SUBJECTS.iter().copied().flatten();
    kinds.find(|kind| kind.code == code)
}

/// The kind that a sentence of the kernel is of.
pub fn of(sentence: &str) -> Option<&'static Kind> {
    let mut best: Option<(usize, &Kind)> = None;
    for kind in SUBJECTS.iter().copied().flatten() {
        for pattern in kind.sentences {
            let literal = pattern.split('…').map(str::len).sum();
            if fits(pattern, sentence) && best.is_none_or(|(most, _)| literal > most) {
                best = Some((literal, kind));
            }
        }
    }
    best.map(|(_, kind)| kind)
}

/// Sentences that the kernel says last also where the one before them tells more.
const VAGUE: &[&str] = &["invalid bpf_context access off=… size=…"];

/// The kind of a refusal with that last sentence, and perhaps some before it.
pub(super) fn of_refusal(before: Option<&str>, last: &str) -> Option<&'static Kind> {
    let is_vague = VAGUE.iter().any(|pattern| fits(pattern, last));
    let before = before.filter(|_| is_vague);
    let told = before.and_then(|before| before.lines().find_map(of));
    told.or_else(|| of(last))
}

/// Whether a sentence is what a pattern says, with anything in place of each `…`.
fn fits(pattern: &str, sentence: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('…') else {
        return pattern == sentence;
    };
    let Some(mut left) = sentence.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('…').unwrap_or(("", rest));
    for part in middle.split('…') {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}
