//! 64-bit immediates that stand for something: maps, kernel variables and subprograms.

use super::lexer::Token;
use super::parser::Parser;
use super::{AsmError, AsmErrorKind};
use crate::isa::Imm64;

/// A map as written.
enum Map {
    Fd(i32),
    Idx(i32),
}

impl<'a> Parser<'_, 'a> {
    /// What follows `map`, `btf` or `subprog`, with the label of a subprogram.
    pub(super) fn imm64(
        &mut self,
        kind: Token<'a>,
    ) -> Result<(Imm64, Option<Token<'a>>), AsmError> {
        self.cursor.expect("[", "`[`")?;
        match kind.text {
            "map" => Ok((self.map()?, None)),
            "btf" => Ok((self.variable()?, None)),
            _ => self.subprog(),
        }
    }

    fn map(&mut self) -> Result<Imm64, AsmError> {
        let name = self.cursor.ident("a map")?;
        let map = match name.text {
            "fd" if self.cursor.take(":") => Map::Fd(self.cursor.number("a descriptor")?.imm()?),
            "idx" if self.cursor.take(":") => Map::Idx(self.cursor.number("an index")?.imm()?),
            _ => Map::Fd(self.named_map(name)?),
        };
        self.cursor.expect("]", "`]`")?;
        Ok(match map {
            Map::Fd(fd) => match self.value_off()? {
                Some(off) => Imm64::MapValue { fd, off },
                None => Imm64::MapFd(fd),
            },
            Map::Idx(index) => match self.plus_off()? {
                Some(off) => Imm64::MapIdxValue { index, off },
                None => Imm64::MapIdx(index),
            },
        })
    }

    fn named_map(&self, name: Token<'a>) -> Result<i32, AsmError> {
        let declared = self.maps.iter().position(|map| map.name == name.text);
        declared
            .and_then(|index| i32::try_from(index).ok())
            .or_else(|| self.symbols.map(name.text))
            .ok_or_else(|| unknown("map", name))
    }

    /// The `[0]+8` behind a map.
    fn value_off(&mut self) -> Result<Option<u32>, AsmError> {
        if !self.cursor.take("[") {
            return Ok(None);
        }
        self.cursor.expect("0", "`0`")?;
        self.cursor.expect("]", "`]`")?;
        Ok(Some(self.plus_off()?.unwrap_or(0)))
    }

    fn plus_off(&mut self) -> Result<Option<u32>, AsmError> {
        if !self.cursor.take("+") {
            return Ok(None);
        }
        self.cursor
            .number("an offset")?
            .fit("an unsigned 32-bit number")
            .map(Some)
    }

    fn variable(&mut self) -> Result<Imm64, AsmError> {
        let name = self.cursor.ident("a kernel variable")?;
        let (id, btf_fd) = if name.text == "id" && self.cursor.take(":") {
            let id = self
                .cursor
                .number("a BTF id")?
                .fit("an unsigned 32-bit number")?;
            (id, self.btf_fd()?)
        } else {
            self.symbols
                .variable(name.text)
                .ok_or_else(|| unknown("kernel variable", name))?
        };
        self.cursor.expect("]", "`]`")?;
        Ok(Imm64::BtfVar { id, btf_fd })
    }

    /// The `,fd:3` behind a BTF id.
    fn btf_fd(&mut self) -> Result<i32, AsmError> {
        if !self.cursor.take(",") {
            return Ok(0);
        }
        self.cursor.expect("fd", "`fd`")?;
        self.cursor.expect(":", "`:`")?;
        self.cursor.number("a descriptor")?.imm()
    }

    fn subprog(&mut self) -> Result<(Imm64, Option<Token<'a>>), AsmError> {
        let target = self.target()?;
        self.cursor.expect("]", "`]`")?;
        Ok((Imm64::Func(target.long()?), target.label))
    }
}

fn unknown(what: &'static str, name: Token<'_>) -> AsmError {
    name.error(AsmErrorKind::UnknownName {
        what,
        name: name.text.into(),
    })
}
