//! One instruction from the tokens of a line: what it starts with, arithmetic, jumps and calls.

use super::lexer::{Cursor, Kind, Token};
use super::{AsmError, AsmErrorKind, MapDecl, Parsed, Symbols};
use crate::isa::disasm::{alu_symbol, jump_symbol};
use crate::isa::{
    AddrSpaceCast, AluOp, ByteOrder, CallTarget, Imm64, Insn, JumpForm, JumpOp, Operand, Reg, Size,
    Width,
};

const LD_IMM64: u8 = 0x18;

const ALU_OPS: [AluOp; 13] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::SMod,
    AluOp::Xor,
    AluOp::Arsh,
];

pub(super) struct Parser<'p, 'a> {
    pub(super) cursor: Cursor<'a>,
    /// The opcode before the instruction, which settles what the text leaves open.
    pub(super) opcode: Option<u8>,
    pub(super) maps: &'p [MapDecl],
    /// All labels, sorted.
    pub(super) labels: &'p [&'a str],
    pub(super) symbols: &'a dyn Symbols,
}

/// Where a jump goes: a distance, or a label that has none yet.
pub(super) struct Target<'a> {
    off: i64,
    token: Token<'a>,
    pub(super) label: Option<Token<'a>>,
}

impl<'a> Target<'a> {
    fn short(&self) -> Result<i16, AsmError> {
        i16::try_from(self.off).map_err(|_| self.out_of_range("a signed 16-bit distance"))
    }

    pub(super) fn long(&self) -> Result<i32, AsmError> {
        i32::try_from(self.off).map_err(|_| self.out_of_range("a signed 32-bit distance"))
    }

    fn out_of_range(&self, wanted: &'static str) -> AsmError {
        self.token.error(AsmErrorKind::OutOfRange {
            number: self.off.to_string(),
            wanted,
        })
    }

    fn with(self, insn: Insn) -> Parsed<'a> {
        Parsed {
            insn,
            target: self.label,
        }
    }
}

impl<'a> Parser<'_, 'a> {
    /// An instruction.
    pub(super) fn insn(&mut self) -> Result<Parsed<'a>, AsmError> {
        let start = self.cursor.peek();
        if start.register().is_some() {
            return self.assignment();
        }
        self.cursor.advance();
        match start.text {
            "*" => Ok(self.store()?.into()),
            "lock" => Ok(self.lock()?.into()),
            "if" => self.jump_if(),
            "goto" => {
                let target = self.target()?;
                let off = i32::from(target.short()?);
                Ok(target.with(Insn::Jump {
                    form: JumpForm::Short,
                    off,
                }))
            }
            "gotol" => {
                let target = self.target()?;
                let off = target.long()?;
                Ok(target.with(Insn::Jump {
                    form: JumpForm::Long,
                    off,
                }))
            }
            "may_goto" => {
                let target = self.target()?;
                let off = target.short()?;
                Ok(target.with(Insn::MayGoto { off }))
            }
            "call" => self.call(),
            "callx" => {
                let reg = self.cursor.register_of(Width::W64)?;
                Ok(Insn::Call(CallTarget::Reg(reg)).into())
            }
            "exit" => Ok(Insn::Exit.into()),
            _ => Err(start.expected("an instruction")),
        }
    }

    /// Whatever starts with a register.
    fn assignment(&mut self) -> Result<Parsed<'a>, AsmError> {
        let (width, dst) = self.cursor.register()?;
        let token = self.cursor.advance();
        if let Some(op) = ALU_OPS.into_iter().find(|op| alu_symbol(*op) == token.text) {
            let src = self.operand(width)?;
            return Ok(Insn::Alu {
                width,
                op,
                dst,
                src,
            }
            .into());
        }
        if token.text != "=" {
            return Err(token.expected("`=` or an operation such as `+=`"));
        }
        let next = self.cursor.peek();
        match next.kind {
            _ if self.cursor.at_number() => self.constant(width, dst),
            Kind::Ident if next.register().is_some() => {
                let src = Operand::Reg(self.cursor.register_of(width)?);
                Ok(Insn::Alu {
                    width,
                    op: AluOp::Mov,
                    dst,
                    src,
                }
                .into())
            }
            Kind::Ident => self.named(width, dst),
            Kind::Punctuation if self.cursor.take("-") => self.negation(width, dst),
            Kind::Punctuation if self.cursor.take("(") => self.movsx(width, dst),
            Kind::Punctuation if self.cursor.take("*") => Ok(self.load(width, dst)?.into()),
            Kind::Punctuation | Kind::Number | Kind::End => Err(next.expected(VALUE)),
        }
    }

    /// What is assigned under a name: byte swaps, casts, atomics and 64-bit immediates.
    fn named(&mut self, width: Width, dst: Reg) -> Result<Parsed<'a>, AsmError> {
        let name = self.cursor.advance();
        if let Some((order, size)) = byte_swap(name.text) {
            self.wide(name, width)?;
            self.same_register(width, dst)?;
            return Ok(Insn::Endian { order, size, dst }.into());
        }
        if let Some(operation) = name.text.strip_prefix("atomic") {
            return Ok(self.fetch(name, operation, (width, dst))?.into());
        }
        match name.text {
            "addr_space_cast" => {
                self.wide(name, width)?;
                self.addr_space_cast(dst)
            }
            "map" | "btf" | "subprog" => {
                self.wide(name, width)?;
                let (value, target) = self.imm64(name)?;
                self.cursor.take("ll");
                Ok(Parsed {
                    insn: Insn::LoadImm64 { dst, value },
                    target,
                })
            }
            _ => Err(name.expected(VALUE)),
        }
    }

    /// Fails unless the result register of what `name` starts was a 64-bit one.
    fn wide(&self, name: Token<'a>, width: Width) -> Result<(), AsmError> {
        match width {
            Width::W64 => Ok(()),
            Width::W32 => Err(name.expected("a number or an operation on 32-bit registers")),
        }
    }

    /// The second operand of arithmetic or of a comparison.
    fn operand(&mut self, width: Width) -> Result<Operand, AsmError> {
        if self.cursor.at_number() {
            return Ok(Operand::Imm(self.cursor.number("a number")?.imm()?));
        }
        match (self.cursor.peek().register(), width) {
            (Some((got, _)), width) if got == width => {
                Ok(Operand::Reg(self.cursor.register_of(width)?))
            }
            (_, Width::W32) => Err(self.cursor.peek().expected("a 32-bit register or a number")),
            (_, Width::W64) => Err(self.cursor.peek().expected("a 64-bit register or a number")),
        }
    }

    /// A move of a number, or a 64-bit immediate.
    fn constant(&mut self, width: Width, dst: Reg) -> Result<Parsed<'a>, AsmError> {
        let number = self.cursor.number("a number")?;
        let marked = self.cursor.peek();
        let is_double = self.cursor.take("ll");
        let wide = match self.opcode {
            Some(opcode) => opcode == LD_IMM64,
            None => number.hexadecimal && !number.negative,
        };
        if width == Width::W64 && (wide || is_double) {
            let value = Imm64::Value(number.imm64()?);
            return Ok(Insn::LoadImm64 { dst, value }.into());
        }
        if is_double {
            return Err(marked.expected("end of line"));
        }
        let src = Operand::Imm(number.imm()?);
        Ok(Insn::Alu {
            width,
            op: AluOp::Mov,
            dst,
            src,
        }
        .into())
    }

    fn negation(&mut self, width: Width, dst: Reg) -> Result<Parsed<'a>, AsmError> {
        self.same_register(width, dst)?;
        Ok(Insn::Neg { width, dst }.into())
    }

    /// The result register once more.
    fn same_register(&mut self, width: Width, dst: Reg) -> Result<(), AsmError> {
        let token = self.cursor.peek();
        match self.cursor.register_of(width)? {
            reg if reg == dst => Ok(()),
            _ => Err(token.expected("the register that is assigned to")),
        }
    }

    fn movsx(&mut self, width: Width, dst: Reg) -> Result<Parsed<'a>, AsmError> {
        let from = self.cursor.advance();
        let from = match (from.text, width) {
            ("s8", _) => Size::B,
            ("s16", _) => Size::H,
            ("s32", Width::W64) => Size::W,
            (_, Width::W32) => return Err(from.expected("s8 or s16")),
            (_, Width::W64) => return Err(from.expected("s8, s16 or s32")),
        };
        self.cursor.expect(")", "`)`")?;
        let src = self.cursor.register_of(width)?;
        Ok(Insn::MovSx {
            width,
            from,
            dst,
            src,
        }
        .into())
    }

    fn addr_space_cast(&mut self, dst: Reg) -> Result<Parsed<'a>, AsmError> {
        self.cursor.expect("(", "`(`")?;
        let src = self.cursor.register_of(Width::W64)?;
        self.cursor.expect(",", "`,`")?;
        let to = self.cursor.peek();
        let to_space = self.cursor.number("an address space")?.value();
        self.cursor.expect(",", "`,`")?;
        let from_space = self.cursor.number("an address space")?.value();
        self.cursor.expect(")", "`)`")?;
        let cast = match (to_space, from_space) {
            (0, 1) => AddrSpaceCast::ToKernel,
            (1, 0) => AddrSpaceCast::ToArena,
            _ => return Err(to.expected("address spaces `0, 1` or `1, 0`")),
        };
        Ok(Insn::AddrSpaceCast { cast, dst, src }.into())
    }

    fn jump_if(&mut self) -> Result<Parsed<'a>, AsmError> {
        let (width, dst) = self.cursor.register()?;
        let token = self.cursor.advance();
        let op = JumpOp::ALL
            .into_iter()
            .find(|op| jump_symbol(*op) == token.text);
        let op = op.ok_or_else(|| token.expected("a comparison such as `==`"))?;
        let src = self.operand(width)?;
        self.cursor.expect("goto", "`goto`")?;
        let target = self.target()?;
        let off = target.short()?;
        Ok(target.with(Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off,
        }))
    }

    /// `pc+3`, `+3` or a label.
    pub(super) fn target(&mut self) -> Result<Target<'a>, AsmError> {
        let token = self.cursor.peek();
        let is_distance = self.cursor.take("pc") || matches!(token.text, "+" | "-");
        if is_distance {
            let off = self.cursor.offset()?.fit("a signed 32-bit distance")?;
            return Ok(Target {
                off,
                token,
                label: None,
            });
        }
        let label = self.cursor.ident("a label or a distance such as `pc+1`")?;
        Ok(Target {
            off: 0,
            token,
            label: Some(label),
        })
    }

    fn call(&mut self) -> Result<Parsed<'a>, AsmError> {
        let token = self.cursor.peek();
        if token.kind == Kind::Number {
            let number = self.cursor.number("a helper's number")?.imm()?;
            return Ok(Insn::Call(CallTarget::Helper(number)).into());
        }
        if matches!(token.text, "pc" | "+" | "-") || self.is_label(token) {
            let target = self.target()?;
            let off = target.long()?;
            return Ok(target.with(Insn::Call(CallTarget::Local(off))));
        }
        let name = self.cursor.ident("a function")?;
        let by_id = name.text == "kernel" && self.cursor.take("-");
        if by_id {
            self.cursor.expect("function", "`function`")?;
        }
        let kfunc = self.symbols.kfunc(name.text);
        if by_id || self.cursor.peek().text == "#" {
            return self.numbered_call(by_id || kfunc.is_some());
        }
        let kfunc = kfunc.map(|(id, btf_index)| CallTarget::Kfunc { id, btf_index });
        let helper = self.symbols.helper(name.text).map(CallTarget::Helper);
        kfunc
            .or(helper)
            .map(|target| Insn::Call(target).into())
            .ok_or_else(|| {
                let what = "label, helper or kernel function";
                name.error(AsmErrorKind::UnknownName {
                    what,
                    name: name.text.into(),
                })
            })
    }

    /// Whether the next token, `token`, is a label and not a function with its number.
    fn is_label(&self, token: Token<'a>) -> bool {
        let is_name = token.kind == Kind::Ident && self.cursor.peek_at(1).text != "#";
        is_name && self.labels.binary_search(&token.text).is_ok()
    }

    /// The `#5` behind the name of a helper, or the `#123@2` behind a kernel function's.
    fn numbered_call(&mut self, is_kfunc: bool) -> Result<Parsed<'a>, AsmError> {
        self.cursor.expect("#", "`#`")?;
        let number = self.cursor.number("a number")?.imm()?;
        if !is_kfunc {
            return Ok(Insn::Call(CallTarget::Helper(number)).into());
        }
        let btf_index = if self.cursor.take("@") {
            self.cursor
                .number("a module's index")?
                .fit("a signed 16-bit number")?
        } else {
            0
        };
        Ok(Insn::Call(CallTarget::Kfunc {
            id: number,
            btf_index,
        })
        .into())
    }
}

const VALUE: &str = "a register, a number, a load or an operation";

fn byte_swap(name: &str) -> Option<(ByteOrder, Size)> {
    let (order, bits) = [
        ("le", ByteOrder::Le),
        ("be", ByteOrder::Be),
        ("bswap", ByteOrder::Swap),
    ]
    .into_iter()
    .find_map(|(prefix, order)| Some((order, name.strip_prefix(prefix)?)))?;
    let size = match bits {
        "16" => Size::H,
        "32" => Size::W,
        "64" => Size::DW,
        _ => return None,
    };
    Some((order, size))
}
