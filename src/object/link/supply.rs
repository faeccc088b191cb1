//! What externs stand for, put into the instructions that refer to them.
//!
//! What that is was found before, by [`resolve`](crate::object::resolve).

use std::sync::Arc;

use super::{CALL, Frame, LOAD_IMM64, Layout, MISSING_FUNCTION};
use super::{PSEUDO_BTF_ID, PSEUDO_KFUNC_CALL, PSEUDO_MAP_VALUE};
use crate::isa::{Pc, RawInsn};
use crate::object::error::{ObjectError, ReferenceProblem};
use crate::object::externs::{ExternKind, Externs};
use crate::object::program::{MissingFunction, ModuleSymbol};
use crate::object::resolve::Resolved;

impl Layout<'_, '_> {
    /// Puts what an extern stands for into the instruction that refers to it.
    pub(super) fn supply(&mut self, frame: &Frame<'_>, external: usize) -> Result<(), ObjectError> {
        let Externs { list, .. } = &self.object.externs;
        let resolved = self.surroundings.resolution.externs.get(external).copied();
        let (Some(external_of), Some(resolved)) = (list.get(external), resolved) else {
            return Ok(());
        };
        let name = Arc::clone(&external_of.name);
        if let Resolved::Module(..) = resolved {
            self.module_symbols.push(ModuleSymbol {
                pc: Pc(frame.base + frame.at),
                name: name.to_string(),
            });
        }
        match (self.insn(frame).opcode, external_of.kind) {
            (CALL, ExternKind::Function(_)) => self.call_extern(frame, external, &name, resolved),
            (LOAD_IMM64, _) if frame.at + 1 < frame.function.len => {
                self.load_extern(frame, resolved);
            }
            (LOAD_IMM64, _) => return Err(self.error(frame, &name, ReferenceProblem::Cut)),
            (opcode, _) => {
                return Err(self.error(frame, &name, ReferenceProblem::Instruction { opcode }));
            }
        }
        Ok(())
    }

    fn call_extern(&mut self, frame: &Frame<'_>, index: usize, name: &str, resolved: Resolved) {
        let call = |src, imm| RawInsn {
            opcode: CALL,
            src,
            imm,
            ..RawInsn::default()
        };
        let insn = match resolved {
            Resolved::Kernel(id) => call(PSEUDO_KFUNC_CALL, id.0.cast_signed()),
            Resolved::Module(number, id) => RawInsn {
                off: i16::try_from(number).unwrap_or(i16::MAX),
                ..call(PSEUDO_KFUNC_CALL, id.0.cast_signed())
            },
            Resolved::Config(_) | Resolved::Address(_) | Resolved::Missing => {
                self.missing_functions.push(MissingFunction {
                    pc: Pc(frame.base + frame.at),
                    name: name.to_owned(),
                });
                let index = i32::try_from(index).unwrap_or(i32::MAX);
                call(0, MISSING_FUNCTION.saturating_add(index))
            }
        };
        self.update(frame, |old| *old = insn);
    }

    fn load_extern(&mut self, frame: &Frame<'_>, resolved: Resolved) {
        let map = self.object.config_map.unwrap_or(u32::MAX);
        let (src, low, high) = match resolved {
            Resolved::Config(offset) => (PSEUDO_MAP_VALUE, map, offset),
            Resolved::Kernel(id) => (PSEUDO_BTF_ID, id.0, 0),
            Resolved::Module(number, id) => (PSEUDO_BTF_ID, id.0, number.into()),
            #[expect(clippy::cast_possible_truncation, reason = "the halves of the address")]
            Resolved::Address(address) => (0, address as u32, (address >> 32) as u32),
            Resolved::Missing => (0, 0, 0),
        };
        self.update(frame, |insn| {
            (insn.src, insn.imm) = (src, low.cast_signed())
        });
        let second = Frame {
            at: frame.at + 1,
            ..*frame
        };
        self.update(&second, |insn| insn.imm = high.cast_signed());
    }
}
