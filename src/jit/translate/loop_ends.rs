//! Copies of the ends of loops: where what is copied stands once more.

use cranelift_codegen::ir::{Block, InstBuilder, SourceLoc};

use crate::code::Op;

use super::super::Counting;
use super::super::flow::Burns;
use super::super::loop_ends::{Tail, is_branch};
use super::{Body, Translator};

impl<'a> Translator<'a, '_> {
    /// Goes on with the block at an operation, or with a copy of it.
    pub(super) fn fall_into(&mut self, body: &Body<'a>, index: usize, block: Block) {
        let tail = match self.unit.counting {
            Counting::On => None,
            Counting::Off => Tail::behind(body.function, self.unit.code, index),
        };
        match tail {
            Some(tail) => self.copy(body, &tail),
            None => {
                self.builder.ins().jump(block, &[]);
            }
        }
    }

    /// Translates the operations of a tail once more.
    fn copy(&mut self, body: &Body<'a>, tail: &Tail) {
        let last = tail.ops.last();
        for index in &tail.ops {
            if body.function.headers.contains(index) && self.burns(body) != Burns::Nothing {
                self.burn(*index);
            }
            self.builder.set_srcloc(SourceLoc::new(*index as u32));
            let Some(op) = self.unit.code.ops.get(*index) else {
                continue;
            };
            let next = match (is_branch(op), last == Some(index)) {
                (false, _) => None,
                (true, true) => Some(self.block(body, *index, index + 1)),
                (true, false) => Some(self.builder.create_block()),
            };
            match (op, next) {
                (Op::JumpIfReg { branch, src }, Some(next)) => {
                    self.branch_reg(body, *index, (*branch, *src), next);
                }
                (Op::JumpIfImm { branch, imm }, Some(next)) => {
                    self.branch_imm(body, *index, (*branch, *imm), next);
                }
                (Op::Jump { .. }, _) => {}
                (op, _) => self.operation(body, *index, op),
            }
            match next {
                Some(_) if last == Some(index) => return,
                Some(next) => self.builder.switch_to_block(next),
                None => {}
            }
        }
        let to = self.block(body, tail.to, tail.to);
        self.builder.ins().jump(to, &[]);
    }
}
