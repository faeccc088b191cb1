//! One line of assembly as tokens, and a cursor over them.
//!
//! Rules:
//! - A comment starts with `;`, `//` or `#`, unless the `#` joins a name and a number (`name#5`).
//! - `s>`, `s<=`, `s/=` and the like are one token.

use super::{AsmError, AsmErrorKind};
use crate::isa::{Reg, Width};

/// Longest first.
const PUNCTUATION: [&str; 38] = [
    "s>>=", "<<=", ">>=", "s/=", "s%=", "s>=", "s<=", "+=", "-=", "*=", "/=", "%=", "|=", "&=",
    "^=", "==", "!=", ">=", "<=", "s>", "s<", "(", ")", "[", "]", "*", "=", "<", ">", "&", "+",
    "-", ",", ":", "#", "@", ".", "/",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    Number,
    Punctuation,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    line: u32,
    column: u32,
}

impl Token<'_> {
    pub(super) fn error(self, kind: AsmErrorKind) -> AsmError {
        AsmError {
            line: self.line,
            column: self.column,
            kind,
        }
    }

    pub(super) fn expected(self, wanted: &'static str) -> AsmError {
        let got = match self.kind {
            Kind::End => "end of line".into(),
            Kind::Ident | Kind::Number | Kind::Punctuation => format!("`{}`", self.text),
        };
        self.error(AsmErrorKind::Expected { wanted, got })
    }

    /// The register of that name.
    pub(super) fn register(self) -> Option<(Width, Reg)> {
        let (width, digits) = match self.text.split_at_checked(1)? {
            ("r", digits) => (Width::W64, digits),
            ("w", digits) => (Width::W32, digits),
            _ => return None,
        };
        let reg = Reg::all().find(|reg| reg.number().to_string() == digits)?;
        (self.kind == Kind::Ident).then_some((width, reg))
    }
}

/// A number with its sign, as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    pub(super) token: Token<'a>,
    pub(super) negative: bool,
    pub(super) magnitude: u64,
    pub(super) hexadecimal: bool,
}

impl Number<'_> {
    pub(super) fn value(self) -> i128 {
        let magnitude = i128::from(self.magnitude);
        if self.negative { -magnitude } else { magnitude }
    }

    pub(super) fn fit<T: TryFrom<i128>>(self, wanted: &'static str) -> Result<T, AsmError> {
        T::try_from(self.value()).map_err(|_| self.out_of_range(wanted))
    }

    /// A 32-bit immediate, which hexadecimal may give unsigned.
    pub(super) fn imm(self) -> Result<i32, AsmError> {
        match u32::try_from(self.value()) {
            Ok(bits) if self.hexadecimal => Ok(bits as i32),
            _ => self.fit("a signed 32-bit number"),
        }
    }

    /// A 64-bit immediate, signed or unsigned.
    pub(super) fn imm64(self) -> Result<u64, AsmError> {
        if self.negative {
            self.fit("a 64-bit number").map(|value: i64| value as u64)
        } else {
            Ok(self.magnitude)
        }
    }

    fn out_of_range(self, wanted: &'static str) -> AsmError {
        let sign = if self.negative { "-" } else { "" };
        let number = format!("{sign}{}", self.token.text);
        self.token
            .error(AsmErrorKind::OutOfRange { number, wanted })
    }
}

/// Where parsing stands in a line.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    end: Token<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: u32, text: &'a str) -> Result<Cursor<'a>, AsmError> {
        let mut tokens = Vec::new();
        let mut column = 1_u32;
        let mut rest = text;
        loop {
            let (blank, trimmed) = rest.split_at(rest.len() - rest.trim_start().len());
            column = column.saturating_add(columns(blank));
            let touches = blank.is_empty();
            rest = trimmed;
            if rest.is_empty() || is_comment(rest, touches, tokens.last()) {
                break;
            }
            let Some((kind, length)) = scan(rest) else {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                let (text, _) = rest.split_at(first);
                let unknown = Token {
                    kind: Kind::Punctuation,
                    text,
                    line,
                    column,
                };
                return Err(unknown.expected("an instruction, a label or a comment"));
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token {
                kind,
                text,
                line,
                column,
            });
            column = column.saturating_add(columns(text));
            rest = after;
        }
        let end = Token {
            kind: Kind::End,
            text: "",
            line,
            column,
        };
        Ok(Cursor {
            tokens,
            next: 0,
            end,
        })
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Token<'a> {
        self.tokens
            .get(self.next.saturating_add(ahead))
            .copied()
            .unwrap_or(self.end)
    }

    pub(super) fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next = self.next.saturating_add(1);
        token
    }

    pub(super) fn at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    /// Takes the next token if it is that text.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.peek().text == text && !self.at_end();
        if found {
            self.advance();
        }
        found
    }

    /// Takes the next token, which must be that text; `wanted` is the text in backquotes.
    pub(super) fn expect(&mut self, text: &str, wanted: &'static str) -> Result<(), AsmError> {
        if self.take(text) {
            Ok(())
        } else {
            Err(self.peek().expected(wanted))
        }
    }

    pub(super) fn end(&self) -> Result<(), AsmError> {
        if self.at_end() {
            Ok(())
        } else {
            Err(self.peek().expected("end of line"))
        }
    }

    pub(super) fn ident(&mut self, wanted: &'static str) -> Result<Token<'a>, AsmError> {
        match self.peek().kind {
            Kind::Ident => Ok(self.advance()),
            Kind::Number | Kind::Punctuation | Kind::End => Err(self.peek().expected(wanted)),
        }
    }

    /// A register of either width.
    pub(super) fn register(&mut self) -> Result<(Width, Reg), AsmError> {
        let token = self.peek();
        let found = token
            .register()
            .ok_or_else(|| token.expected("a register"))?;
        self.advance();
        Ok(found)
    }

    /// A register that is named as in operations of that width.
    pub(super) fn register_of(&mut self, width: Width) -> Result<Reg, AsmError> {
        let token = self.peek();
        match (token.register(), width) {
            (Some((got, reg)), _) if got == width => {
                self.advance();
                Ok(reg)
            }
            (_, Width::W32) => Err(token.expected("a 32-bit register (w0 to w10)")),
            (_, Width::W64) => Err(token.expected("a 64-bit register (r0 to r10)")),
        }
    }

    /// Whether a number stands next, perhaps behind signs.
    pub(super) fn at_number(&self) -> bool {
        let signs = (0..2)
            .take_while(|&ahead| is_sign(self.peek_at(ahead).text))
            .count();
        self.peek_at(signs).kind == Kind::Number
    }

    /// A number behind at most one sign.
    pub(super) fn number(&mut self, wanted: &'static str) -> Result<Number<'a>, AsmError> {
        let negative = self.take("-");
        if !negative {
            self.take("+");
        }
        self.unsigned(wanted, negative)
    }

    /// A number that must have a sign, as in `pc+3`; `+ -4` counts as `-4`.
    pub(super) fn offset(&mut self) -> Result<Number<'a>, AsmError> {
        if !is_sign(self.peek().text) {
            return Err(self.peek().expected("`+` or `-`"));
        }
        if self.peek().text == "+" && self.peek_at(1).text == "-" {
            self.advance();
        }
        self.number("a number")
    }

    fn unsigned(&mut self, wanted: &'static str, negative: bool) -> Result<Number<'a>, AsmError> {
        let token = self.peek();
        if token.kind != Kind::Number {
            return Err(token.expected(wanted));
        }
        let (digits, radix) = match token.text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (token.text, 10),
        };
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        if !valid {
            return Err(token.expected(wanted));
        }
        let wide = "a 64-bit number";
        let magnitude = u64::from_str_radix(digits, radix).map_err(|_| {
            token.error(AsmErrorKind::OutOfRange {
                number: token.text.into(),
                wanted: wide,
            })
        })?;
        self.advance();
        Ok(Number {
            token,
            negative,
            magnitude,
            hexadecimal: radix == 16,
        })
    }

    /// A slot index before a line of a log: `12:`.
    pub(super) fn index(&mut self) -> Option<(u64, Token<'a>)> {
        let token = self.peek();
        let index = token.text.parse().ok()?;
        if self.peek_at(1).text != ":" {
            return None;
        }
        self.advance();
        self.advance();
        Some((index, token))
    }

    /// A label: `name:`.
    pub(super) fn label(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        let is_name = token.kind == Kind::Ident && token.register().is_none() && token.text != "pc";
        if !is_name || self.peek_at(1).text != ":" {
            return None;
        }
        self.advance();
        self.advance();
        Some(token)
    }

    /// An opcode before a line of a log: `(bf)`.
    pub(super) fn opcode(&mut self) -> Option<(u8, Token<'a>)> {
        let token = self.peek_at(1);
        // `(07)` is a number and `(bf)` a name, `(7a)` a number that runs into a letter.
        let is_byte = token.text.len() == 2 && token.kind != Kind::Punctuation;
        if self.peek().text != "(" || self.peek_at(2).text != ")" || !is_byte {
            return None;
        }
        let opcode = u8::from_str_radix(token.text, 16).ok()?;
        self.next = self.next.saturating_add(3);
        Some((opcode, token))
    }
}

/// Whether a character can stand in a name.
pub(super) fn is_ident(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

fn is_sign(text: &str) -> bool {
    matches!(text, "+" | "-")
}

fn columns(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn is_comment(rest: &str, touches: bool, before: Option<&Token<'_>>) -> bool {
    let Some(after) = rest.strip_prefix('#') else {
        return rest.starts_with(';') || rest.starts_with("//");
    };
    let name = before.is_some_and(|token| token.kind == Kind::Ident);
    let number = after
        .trim_start_matches('-')
        .starts_with(|c: char| c.is_ascii_digit());
    !(touches && name && number)
}

/// Kind and length of the first token, if one can start like that.
fn scan(rest: &str) -> Option<(Kind, usize)> {
    let word = rest.find(|c| !is_ident(c)).unwrap_or(rest.len());
    let punctuation = PUNCTUATION.iter().find(|text| rest.starts_with(**text));
    match punctuation {
        Some(&".") if word > 1 => Some((Kind::Ident, word)),
        Some(text) => Some((Kind::Punctuation, text.len())),
        None if word == 0 => None,
        None if rest.starts_with(|c: char| c.is_ascii_digit()) => Some((Kind::Number, word)),
        None => Some((Kind::Ident, word)),
    }
}
