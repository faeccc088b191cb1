//! Instructions that touch memory: loads, stores, atomics and legacy packet loads.

use super::AsmError;
use super::lexer::Token;
use super::parser::Parser;
use crate::isa::{AtomicOp, Extend, Fetch, Insn, LegacyMode, Operand, Reg, Size, Width};

impl<'a> Parser<'_, 'a> {
    /// What follows the `*` of `r1 = *(u32 *)(r2 +0)` or `r0 = *(u8 *)skb[4]`.
    pub(super) fn load(&mut self, width: Width, dst: Reg) -> Result<Insn, AsmError> {
        let (extend, size) = self.cast(Accept::Any)?;
        if self.cursor.take("skb") {
            return self.legacy_load(size, (width, dst));
        }
        if width == Width::W32 && (size == Size::DW || extend == Extend::Sign) {
            return Err(self
                .cursor
                .peek()
                .expected("a 64-bit register to hold the result"));
        }
        let (base, off) = self.address()?;
        Ok(Insn::Load {
            size,
            extend,
            dst,
            base,
            off,
        })
    }

    fn legacy_load(&mut self, size: Size, (width, dst): (Width, Reg)) -> Result<Insn, AsmError> {
        if dst != Reg::R0 || width != Width::W64 || size == Size::DW {
            return Err(self
                .cursor
                .peek()
                .expected("a load of u8, u16 or u32 into r0"));
        }
        self.cursor.expect("[", "`[`")?;
        let (mode, imm) = if self.cursor.at_number() {
            (LegacyMode::Abs, self.cursor.number("an offset")?.imm()?)
        } else {
            let base = self.cursor.register_of(Width::W64)?;
            (LegacyMode::Ind(base), self.cursor.offset()?.imm()?)
        };
        self.cursor.expect("]", "`]`")?;
        Ok(Insn::LegacyLoad { size, mode, imm })
    }

    /// What follows the `*` of `*(u32 *)(r1 +0) = r2`.
    pub(super) fn store(&mut self) -> Result<Insn, AsmError> {
        let (_, size) = self.cast(Accept::Unsigned)?;
        let (base, off) = self.address()?;
        self.cursor.expect("=", "`=`")?;
        let src = if self.cursor.at_number() {
            Operand::Imm(self.cursor.number("a number")?.imm()?)
        } else {
            Operand::Reg(self.stored(size)?)
        };
        Ok(Insn::Store {
            size,
            base,
            off,
            src,
        })
    }

    /// What follows `lock`.
    pub(super) fn lock(&mut self) -> Result<Insn, AsmError> {
        self.cursor.expect("*", "`*`")?;
        let width = self.atomic_width()?;
        let (base, off) = self.address()?;
        let token = self.cursor.advance();
        let op = match token.text {
            "+=" => AtomicOp::Add(Fetch::No),
            "|=" => AtomicOp::Or(Fetch::No),
            "&=" => AtomicOp::And(Fetch::No),
            "^=" => AtomicOp::Xor(Fetch::No),
            _ => return Err(token.expected("`+=`, `|=`, `&=` or `^=`")),
        };
        let src = self.atomic_register(width)?;
        Ok(Insn::Atomic {
            op,
            width,
            base,
            off,
            src,
        })
    }

    /// What follows `r1 = atomic64_fetch_add`; `operation` is the name without `atomic`.
    pub(super) fn fetch(
        &mut self,
        name: Token<'a>,
        operation: &str,
        (dst_width, dst): (Width, Reg),
    ) -> Result<Insn, AsmError> {
        let (is_wide, verb) = match operation.strip_prefix("64") {
            Some(verb) => (true, verb),
            None => (false, operation),
        };
        let op = fetch_op(verb).ok_or_else(|| name.expected("an atomic operation"))?;
        self.cursor.expect("(", "`(`")?;
        let cast = self.cursor.peek();
        let width = self.atomic_width()?;
        // LLVM writes `atomic_` for both widths.
        if is_wide && width == Width::W32 {
            return Err(cast.expected("a cast to u64"));
        }
        if dst_width == Width::W32 && width == Width::W64 {
            return Err(cast.expected("a cast to u32"));
        }
        let (base, off) = self.address()?;
        self.cursor.expect(",", "`,`")?;
        let src = if op == AtomicOp::Cmpxchg {
            self.compared(width, dst)?;
            self.atomic_register(width)?
        } else {
            let token = self.cursor.peek();
            let src = self.atomic_register(width)?;
            if src != dst {
                return Err(token.expected("the register that is assigned to"));
            }
            src
        };
        self.cursor.expect(")", "`)`")?;
        Ok(Insn::Atomic {
            op,
            width,
            base,
            off,
            src,
        })
    }

    /// The second operand of a compare-and-exchange, which like its result is always `r0`.
    fn compared(&mut self, width: Width, dst: Reg) -> Result<(), AsmError> {
        let token = self.cursor.peek();
        if self.atomic_register(width)? != Reg::R0 || dst != Reg::R0 {
            return Err(token.expected("r0 here and as the result"));
        }
        self.cursor.expect(",", "`,`")
    }

    /// `(u32 *)`.
    fn cast(&mut self, accept: Accept) -> Result<(Extend, Size), AsmError> {
        self.cursor.expect("(", "`(`")?;
        let token = self.cursor.advance();
        let found = match (token.text, accept) {
            ("u8", _) => (Extend::Zero, Size::B),
            ("u16", _) => (Extend::Zero, Size::H),
            ("u32", _) => (Extend::Zero, Size::W),
            ("u64", _) => (Extend::Zero, Size::DW),
            ("s8", Accept::Any) => (Extend::Sign, Size::B),
            ("s16", Accept::Any) => (Extend::Sign, Size::H),
            ("s32", Accept::Any) => (Extend::Sign, Size::W),
            (_, Accept::Any) => return Err(token.expected("a type, u8 to u64 or s8 to s32")),
            (_, Accept::Unsigned) => return Err(token.expected("a type, u8 to u64")),
        };
        self.cursor.expect("*", "`*`")?;
        self.cursor.expect(")", "`)`")?;
        Ok(found)
    }

    /// `(u32 *)` or `(u64 *)`.
    fn atomic_width(&mut self) -> Result<Width, AsmError> {
        let token = self.cursor.peek();
        match self.cast(Accept::Unsigned)?.1 {
            Size::W => Ok(Width::W32),
            Size::DW => Ok(Width::W64),
            Size::B | Size::H => Err(token.expected("a cast to u32 or u64")),
        }
    }

    /// `(r1 +8)`.
    fn address(&mut self) -> Result<(Reg, i16), AsmError> {
        self.cursor.expect("(", "`(`")?;
        let base = self.cursor.register_of(Width::W64)?;
        if self.cursor.take(")") {
            return Ok((base, 0));
        }
        let off = self.cursor.offset()?.fit("a signed 16-bit number")?;
        self.cursor.expect(")", "`)`")?;
        Ok((base, off))
    }

    /// A register that is stored, named as 64-bit one or, if it is stored in part, as 32-bit one.
    fn stored(&mut self, size: Size) -> Result<Reg, AsmError> {
        let token = self.cursor.peek();
        match token.register() {
            Some((Width::W32, _)) if size == Size::DW => {
                Err(token.expected("a 64-bit register or a number"))
            }
            Some((_, reg)) => {
                self.cursor.advance();
                Ok(reg)
            }
            None => Err(token.expected("a register or a number")),
        }
    }

    fn atomic_register(&mut self, width: Width) -> Result<Reg, AsmError> {
        match width {
            Width::W32 => Ok(self.cursor.register()?.1),
            Width::W64 => self.cursor.register_of(Width::W64),
        }
    }
}

/// Which types a cast may name.
#[derive(Clone, Copy)]
enum Accept {
    Any,
    Unsigned,
}

fn fetch_op(verb: &str) -> Option<AtomicOp> {
    match verb {
        "_fetch_add" => Some(AtomicOp::Add(Fetch::Yes)),
        "_fetch_or" => Some(AtomicOp::Or(Fetch::Yes)),
        "_fetch_and" => Some(AtomicOp::And(Fetch::Yes)),
        "_fetch_xor" => Some(AtomicOp::Xor(Fetch::Yes)),
        "_xchg" => Some(AtomicOp::Xchg),
        "_cmpxchg" => Some(AtomicOp::Cmpxchg),
        _ => None,
    }
}
