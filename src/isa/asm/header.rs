//! Directives: what a program says about itself beside its instructions.
//!
//! Types are kept as the words they are: what `xdp` or `hash` mean is the caller's knowledge.

use super::{AsmError, AsmErrorKind};

/// What the directives of a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `.type`: the program's type or section name.
    pub prog_type: Option<String>,
    /// `.license`.
    pub license: Option<String>,
    /// `.name`: the program's name.
    pub name: Option<String>,
    /// `.map` lines in order.
    pub maps: Vec<MapDecl>,
}

/// A declared map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDecl {
    /// Its name.
    pub name: String,
    /// Its type in the words of the text.
    pub map_type: String,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many entries it can hold.
    pub max_entries: u32,
    /// Creation flags.
    pub flags: u32,
    /// The line of the declaration, from 1.
    pub line: u32,
}

impl Header {
    /// Adds what a directive line says.
    pub(super) fn directive(&mut self, line: u32, text: &str) -> Result<(), AsmError> {
        let mut words = Words {
            line,
            column: 1,
            rest: text,
        };
        let (column, name) = words.word("a directive")?;
        match name {
            ".type" => self.prog_type = Some(words.word("a program type")?.1.into()),
            ".license" | ".licence" => self.license = Some(words.word("a license")?.1.into()),
            ".name" => self.name = Some(words.word("a program name")?.1.into()),
            ".map" => self.map(&mut words)?,
            name => {
                let kind = AsmErrorKind::UnknownDirective { name: name.into() };
                return Err(AsmError { line, column, kind });
            }
        }
        words.end()
    }

    fn map(&mut self, words: &mut Words<'_>) -> Result<(), AsmError> {
        let (column, name) = words.word("a map name")?;
        if self.maps.iter().any(|map| map.name == name) {
            let kind = AsmErrorKind::DuplicateMap { name: name.into() };
            return Err(AsmError {
                line: words.line,
                column,
                kind,
            });
        }
        self.maps.push(MapDecl {
            name: name.into(),
            map_type: words.word("a map type")?.1.into(),
            key_size: words.number("a key size")?,
            value_size: words.number("a value size")?,
            max_entries: words.number("a number of entries")?,
            flags: if words.at_end() {
                0
            } else {
                words.number("flags")?
            },
            line: words.line,
        });
        Ok(())
    }
}

/// The words of a directive line, quoted or not.
struct Words<'a> {
    line: u32,
    column: u32,
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let columns = u32::try_from(skipped.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(columns);
        self.rest = rest;
        skipped
    }

    fn at_end(&mut self) -> bool {
        self.skip(self.rest.len() - self.rest.trim_start().len());
        self.rest.is_empty() || self.rest.starts_with(['#', ';']) || self.rest.starts_with("//")
    }

    /// The next word and its column.
    fn word(&mut self, wanted: &'static str) -> Result<(u32, &'a str), AsmError> {
        if self.at_end() {
            return Err(self.expected(wanted, "end of line".into()));
        }
        let column = self.column;
        if !self.rest.starts_with('"') {
            let length = self.rest.find(|c: char| c.is_whitespace() || c == ';');
            return Ok((column, self.skip(length.unwrap_or(self.rest.len()))));
        }
        self.skip(1);
        match self.rest.find('"') {
            Some(length) => {
                let word = self.skip(length);
                self.skip(1);
                Ok((column, word))
            }
            None => {
                self.skip(self.rest.len());
                Err(self.expected("`\"`", "end of line".into()))
            }
        }
    }

    fn number(&mut self, wanted: &'static str) -> Result<u32, AsmError> {
        let (column, word) = self.word(wanted)?;
        let number = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => word.parse(),
        };
        number.map_err(|_| {
            let kind = AsmErrorKind::Expected {
                wanted,
                got: format!("`{word}`"),
            };
            AsmError {
                line: self.line,
                column,
                kind,
            }
        })
    }

    fn end(&mut self) -> Result<(), AsmError> {
        if self.at_end() {
            return Ok(());
        }
        let got = format!("`{}`", self.rest.trim_end());
        Err(self.expected("end of line", got))
    }

    fn expected(&self, wanted: &'static str, got: String) -> AsmError {
        let kind = AsmErrorKind::Expected { wanted, got };
        AsmError {
            line: self.line,
            column: self.column,
            kind,
        }
    }
}
