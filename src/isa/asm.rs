//! From text to [`Insn`]s: the syntax of the kernel verifier's log plus what a person needs.
//!
//! It handles one program: no sections, no expressions, no macros. What names mean beyond labels
//! and `.map` lines the caller's [`Symbols`] says.
//!
//! A line holds, in this order and each optional: a slot index `12:`, labels `name:`, an opcode
//! `(bf)`, an instruction, a comment that starts with `;`, `//` or `#`. Index and opcode are what the
//! log prints; both are checked, the index against the first one given.
//!
//! | text | meaning |
//! | --- | --- |
//! | `r1 = 7`, `r1 = -0x7` | a move |
//! | `r1 = 0x7` | a 64-bit immediate, as in the log; after the opcode `(b7)` a move |
//! | `r1 = 7 ll`, `r1 = 0x7 ll` | a 64-bit immediate |
//! | `r1 = map[NAME]`, `r1 = map[NAME] ll` | a map, `map[fd:3]` and `map[idx:3]` by number |
//! | `r1 = map[NAME][0]+8`, `r1 = map[idx:3]+8` | an address in a map's only value |
//! | `r1 = subprog[NAME]`, `r1 = subprog[+5]` | the address of a subprogram |
//! | `r1 = btf[NAME]`, `r1 = btf[id:7]`, `r1 = btf[id:7,fd:3]` | the address of a kernel variable |
//! | `goto NAME`, `goto pc+3`, `goto +3` | a jump; likewise `gotol`, `may_goto`, `if … goto` |
//! | `call NAME`, `call pc+3` | a subprogram |
//! | `call NAME`, `call NAME#5`, `call 5` | a helper, when no label has the name |
//! | `call NAME`, `call NAME#123` | a kernel function, when [`Symbols::kfunc`] knows the name |
//! | `call kernel-function#123`, `call kernel-function#123@2` | a kernel function by BTF id, of module index 2 |
//! | `.type xdp`, `.license GPL`, `.name filter` | the [`Header`]; words may be quoted |
//! | `.map NAME TYPE KEY VALUE ENTRIES [FLAGS]` | a [`MapDecl`] |
//!
//! Rules:
//! - Everything [`disassemble`](super::disassemble) prints assembles to the same instruction, names
//!   included if [`Symbols`] knows them. A named kernel function needs it: its text is a helper's.
//! - Numbers are decimal or hexadecimal. A hexadecimal 32-bit immediate may be written without
//!   sign: `0xffffffff` is -1, as in the log.
//! - Loads and stores of up to 32 bits may name `w` registers, as LLVM does.
//! - What [`decode()`](super::decode()) refuses is refused here, in the same words.

mod error;
mod header;
mod imm64;
mod lexer;
mod memory;
mod parser;

use std::collections::BTreeMap;

pub use error::{AsmError, AsmErrorKind};
pub use header::{Header, MapDecl};

use super::{CallTarget, Imm64, Insn, JumpForm, Pc, decode, encode};
use lexer::{Cursor, Token};
use parser::Parser;

/// What names in the text stand for.
pub trait Symbols {
    /// The number of a helper.
    fn helper(&self, name: &str) -> Option<i32> {
        let _ = name;
        None
    }

    /// The BTF id of a kernel function and the index of its module's BTF, 0 for the kernel's own.
    fn kfunc(&self, name: &str) -> Option<(i32, i16)> {
        let _ = name;
        None
    }

    /// The number of a map that no `.map` line declares.
    fn map(&self, name: &str) -> Option<i32> {
        let _ = name;
        None
    }

    /// The BTF id of a kernel variable and the descriptor of its module's BTF, 0 for the kernel's own.
    fn variable(&self, name: &str) -> Option<(u32, i32)> {
        let _ = name;
        None
    }
}

/// Knows no name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSymbols;

impl Symbols for NoSymbols {}

/// An assembled program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// What the directives said.
    pub header: Header,
    /// The program, one entry a slot; a declared map is its index in [`Header::maps`].
    pub insns: Vec<Insn>,
    /// The line of each slot, from 1.
    pub lines: Vec<u32>,
    /// Labels in order of their position.
    pub labels: Vec<(String, Pc)>,
}

/// Assembles one program.
///
/// ```
/// use ebpf_sim::isa::asm::{NoSymbols, assemble};
/// let text = ".type xdp\n  r0 = 2\n  if r1 == 0 goto out\n  r0 = 1\nout:\n  exit";
/// let program = assemble(text, &NoSymbols)?;
/// assert_eq!(program.header.prog_type.as_deref(), Some("xdp"));
/// assert_eq!(program.insns.len(), 4);
/// # Ok::<(), ebpf_sim::isa::asm::AsmError>(())
/// ```
///
/// # Errors
/// The first thing that is wrong, in the order of the text; labels nobody defines come last.
pub fn assemble(text: &str, symbols: &dyn Symbols) -> Result<Assembly, AsmError> {
    let mut assembler = Assembler::new(text, symbols);
    for (line, text) in lines(text) {
        assembler.line(line, text)?;
    }
    assembler.finish()
}

/// An instruction as read, its label not yet resolved.
struct Parsed<'a> {
    insn: Insn,
    target: Option<Token<'a>>,
}

impl From<Insn> for Parsed<'_> {
    fn from(insn: Insn) -> Self {
        Parsed { insn, target: None }
    }
}

struct Assembler<'a> {
    symbols: &'a dyn Symbols,
    output: Assembly,
    /// Every label of the text, defined so far or not.
    label_names: Vec<&'a str>,
    defined: BTreeMap<&'a str, Pc>,
    fixups: Vec<(Pc, Token<'a>)>,
    /// The first index given and the slot it stood at.
    first_index: Option<(u64, u64)>,
}

impl<'a> Assembler<'a> {
    /// Collects all labels, so that a call knows whether its name is one.
    fn new(text: &'a str, symbols: &'a dyn Symbols) -> Assembler<'a> {
        let mut label_names = Vec::new();
        for (line, text) in lines(text).filter(|(_, text)| !is_directive(text)) {
            // What can't be read is reported when its turn comes.
            let Ok(mut cursor) = Cursor::new(line, text) else {
                continue;
            };
            cursor.index();
            while let Some(label) = cursor.label() {
                label_names.push(label.text);
            }
        }
        label_names.sort_unstable();
        Assembler {
            symbols,
            output: Assembly::default(),
            label_names,
            defined: BTreeMap::new(),
            fixups: Vec::new(),
            first_index: None,
        }
    }

    fn pc(&self) -> Pc {
        Pc(u32::try_from(self.output.insns.len()).unwrap_or(u32::MAX))
    }

    fn line(&mut self, line: u32, text: &'a str) -> Result<(), AsmError> {
        if is_directive(text) {
            return self.output.header.directive(line, text);
        }
        let mut cursor = Cursor::new(line, text)?;
        if let Some((index, token)) = cursor.index() {
            self.check_index(index, token)?;
        }
        while let Some(label) = cursor.label() {
            self.define(label)?;
        }
        let opcode = cursor.opcode();
        if cursor.at_end() && opcode.is_none() {
            return Ok(());
        }
        let start = cursor.peek();
        let mut parser = Parser {
            cursor,
            opcode: opcode.map(|(opcode, _)| opcode),
            maps: &self.output.header.maps,
            labels: &self.label_names,
            symbols: self.symbols,
        };
        let parsed = parser.insn()?;
        parser.cursor.end()?;
        self.check(parsed.insn, opcode, start)?;
        self.push(line, parsed);
        Ok(())
    }

    fn check_index(&mut self, index: u64, token: Token<'a>) -> Result<(), AsmError> {
        let here = u64::from(self.pc().0);
        let (first, slot) = *self.first_index.get_or_insert((index, here));
        let wanted = first.saturating_add(here.saturating_sub(slot));
        if index == wanted {
            Ok(())
        } else {
            Err(token.error(AsmErrorKind::WrongIndex { got: index, wanted }))
        }
    }

    fn define(&mut self, label: Token<'a>) -> Result<(), AsmError> {
        let pc = self.pc();
        if self.defined.insert(label.text, pc).is_some() {
            return Err(label.error(AsmErrorKind::DuplicateLabel {
                name: label.text.into(),
            }));
        }
        self.output.labels.push((label.text.into(), pc));
        Ok(())
    }

    /// Checks what is read against the opcode before it and against the decoder's rules.
    fn check(
        &self,
        insn: Insn,
        opcode: Option<(u8, Token<'a>)>,
        start: Token<'a>,
    ) -> Result<(), AsmError> {
        let raw = encode(insn, None);
        if let Some((got, token)) = opcode
            && got != raw.opcode
        {
            return Err(token.error(AsmErrorKind::WrongOpcode {
                got,
                wanted: raw.opcode,
            }));
        }
        match decode(raw, Some(encode(Insn::Imm64High, Some(insn)))) {
            Ok(_) => Ok(()),
            Err(source) => Err(start.error(AsmErrorKind::Refused { source })),
        }
    }

    fn push(&mut self, line: u32, parsed: Parsed<'a>) {
        if let Some(target) = parsed.target {
            self.fixups.push((self.pc(), target));
        }
        self.output.insns.push(parsed.insn);
        self.output.lines.push(line);
        if let Insn::LoadImm64 { .. } = parsed.insn {
            self.output.insns.push(Insn::Imm64High);
            self.output.lines.push(line);
        }
    }

    fn finish(mut self) -> Result<Assembly, AsmError> {
        for (pc, token) in std::mem::take(&mut self.fixups) {
            let Some(target) = self.defined.get(token.text) else {
                let name = token.text.into();
                return Err(token.error(AsmErrorKind::UnknownName {
                    what: "label",
                    name,
                }));
            };
            let distance = i64::from(target.0) - i64::from(pc.0) - 1;
            if let Some(insn) = self.output.insns.get_mut(pc.index()) {
                *insn = aim(*insn, distance)
                    .ok_or_else(|| token.error(AsmErrorKind::TooFar { distance }))?;
            }
        }
        Ok(self.output)
    }
}

/// The instruction with that distance to its target, if it can reach so far.
fn aim(insn: Insn, distance: i64) -> Option<Insn> {
    let long = i32::try_from(distance).ok()?;
    let short = i16::try_from(distance);
    match insn {
        Insn::Jump {
            form: JumpForm::Short,
            ..
        } => Some(Insn::Jump {
            form: JumpForm::Short,
            off: i32::from(short.ok()?),
        }),
        Insn::Jump {
            form: JumpForm::Long,
            ..
        } => Some(Insn::Jump {
            form: JumpForm::Long,
            off: long,
        }),
        Insn::JumpIf {
            width,
            op,
            dst,
            src,
            ..
        } => Some(Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off: short.ok()?,
        }),
        Insn::MayGoto { .. } => Some(Insn::MayGoto { off: short.ok()? }),
        Insn::Call(_) => Some(Insn::Call(CallTarget::Local(long))),
        Insn::LoadImm64 { dst, .. } => Some(Insn::LoadImm64 {
            dst,
            value: Imm64::Func(long),
        }),
        Insn::Alu { .. }
        | Insn::Neg { .. }
        | Insn::MovSx { .. }
        | Insn::Endian { .. }
        | Insn::AddrSpaceCast { .. }
        | Insn::Imm64High
        | Insn::Load { .. }
        | Insn::Store { .. }
        | Insn::Atomic { .. }
        | Insn::LegacyLoad { .. }
        | Insn::Exit => Some(insn),
    }
}

fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines())
}

fn is_directive(line: &str) -> bool {
    // A label may start with a dot, as LLVM's do.
    let line = line.trim_start();
    line.starts_with('.') && !line.trim_start_matches(lexer::is_ident).starts_with(':')
}

#[cfg(test)]
mod tests;
