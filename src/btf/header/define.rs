//! Definitions: a type's body with its members, padding and attributes, as text.
//!
//! It does not know what comes first: `order` does.

use std::fmt::Write as _;

use super::layout::{self, Attribute, Layouts};
use super::names::Names;
use super::{HeaderError, MAX_LEN, is_c_integer, keyword};
use crate::btf::{Btf, BtfId, Composite, Encoding, Enum, Type};

/// The least value of an enumerator.
const LEAST: i128 = i64::MIN as i128;

/// The header as far as it is written.
pub(super) struct Printer<'a> {
    pub(super) btf: &'a Btf,
    pub(super) names: Names<'a>,
    pub(super) out: String,
    layouts: Layouts<'a>,
    /// Whether the last thing written was a declaration, which the next one follows without an empty line.
    after_declaration: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(btf: &'a Btf, start: &str) -> Printer<'a> {
        Printer {
            btf,
            names: Names::new(btf),
            // Text takes about as much room as the records and strings it comes from.
            out: String::with_capacity(btf.bytes().len() + start.len()) + start,
            layouts: Layouts::new(btf),
            after_declaration: false,
        }
    }

    pub(super) fn finish(mut self, end: &str) -> String {
        self.out.push_str(end);
        self.out
    }

    pub(super) fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Takes an identifier if it is free.
    pub(super) fn claim(&mut self, name: &'a str) -> bool {
        self.names.claim(name)
    }

    /// `struct name;`
    pub(super) fn declare_tag(&mut self, id: BtfId) {
        if !self.after_declaration {
            self.out.push('\n');
        }
        self.after_declaration = true;
        let name = self.names.of(id);
        let _ = writeln!(self.out, "{} {name};", keyword(&self.btf.ty(id)));
    }

    /// A type's definition.
    pub(super) fn define(&mut self, id: BtfId) -> Result<(), HeaderError> {
        self.out.push('\n');
        self.after_declaration = false;
        match self.btf.ty(id) {
            Type::Typedef { to, .. } => {
                let name = self.names.of(id).to_string();
                self.out.push_str("typedef ");
                self.declaration(to, &name)?;
            }
            Type::Int { size, encoding, .. } => {
                let name = self.names.of(id);
                let _ = write!(self.out, "typedef {} {name}", integer(size, encoding));
            }
            _ => self.body(id, 0, super::MAX_NESTING)?,
        }
        self.tags(id, None);
        self.out.push_str(";\n");
        Ok(())
    }

    /// A structure, union or enumeration with what is in it.
    pub(super) fn body(
        &mut self,
        id: BtfId,
        indent: usize,
        depth: usize,
    ) -> Result<(), HeaderError> {
        let ty = self.btf.ty(id);
        self.out.push_str(keyword(&ty));
        if !ty.name().is_empty() {
            let name = self.names.of(id);
            let _ = write!(self.out, " {name}");
        }
        match ty {
            Type::Struct(composite) | Type::Union(composite) => {
                self.composite(id, &composite, indent, depth)
            }
            Type::Enum(enumeration) => {
                self.enumeration(&enumeration, "", indent);
                Ok(())
            }
            Type::Enum64(enumeration) => {
                let suffix = if enumeration.signed { "LL" } else { "ULL" };
                self.enumeration(&enumeration, suffix, indent);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn composite(
        &mut self,
        id: BtfId,
        composite: &Composite<'a>,
        indent: usize,
        depth: usize,
    ) -> Result<(), HeaderError> {
        let depth = depth.checked_sub(1).ok_or(HeaderError::TooDeep { id })?;
        let layout = self.layouts.of(id);
        let is_struct = matches!(self.btf.ty(id), Type::Struct(_));
        let mut at = 0;
        self.out.push_str(" {\n");
        for (index, member) in composite.members.iter().enumerate() {
            let place = self.layouts.place(&member);
            if is_struct {
                self.pad(id, place.padding(at, layout.attribute), indent)?;
                at = place.end();
            }
            self.indent(indent + 1);
            self.nested_declaration(member.ty, member.name, indent + 1, depth)?;
            if let Some(width) = place.width {
                let _ = write!(self.out, ": {width}");
            }
            self.tags(id, u32::try_from(index).ok());
            self.out.push_str(";\n");
        }
        if is_struct {
            self.pad(id, layout::tail(at, composite.size, layout), indent)?;
        }
        self.indent(indent);
        self.out.push('}');
        self.attribute(layout.attribute);
        Ok(())
    }

    fn attribute(&mut self, attribute: Attribute) {
        match attribute {
            Attribute::None => {}
            Attribute::Packed => self.out.push_str(" __attribute__((packed))"),
            Attribute::Aligned(align) => {
                let _ = write!(self.out, " __attribute__((aligned({align})))");
            }
        }
    }

    /// Bit-fields without a name.
    fn pad(
        &mut self,
        id: BtfId,
        widths: impl Iterator<Item = u64>,
        indent: usize,
    ) -> Result<(), HeaderError> {
        for width in widths {
            self.indent(indent + 1);
            let _ = writeln!(self.out, "long: {width};");
            self.check_len(id)?;
        }
        self.check_len(id)
    }

    fn enumeration(&mut self, enumeration: &Enum<'a>, suffix: &str, indent: usize) {
        // One without values is a declaration.
        if enumeration.values.is_empty() {
            return;
        }
        self.out.push_str(" {\n");
        for value in enumeration.values.iter() {
            self.indent(indent + 1);
            let name = self.names.identifier(value.name);
            let _ = match value.value {
                // As one literal it would be a minus before a number that is too large.
                LEAST => writeln!(self.out, "{name} = {}LL - 1,", LEAST + 1),
                value => writeln!(self.out, "{name} = {value}{suffix},"),
            };
        }
        self.indent(indent);
        self.out.push('}');
        if enumeration.size != natural_size(enumeration) {
            self.out.push_str(size_attribute(enumeration));
        }
    }

    /// The tags on a declaration, or on one of its members.
    fn tags(&mut self, id: BtfId, component: Option<u32>) {
        for (on, tag) in self.btf.decl_tags(id) {
            if on == component {
                let _ = write!(self.out, " __attribute__((btf_decl_tag(\"{tag}\")))");
            }
        }
    }

    pub(super) fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n('\t', indent));
    }

    pub(super) fn check_len(&self, id: BtfId) -> Result<(), HeaderError> {
        if self.out.len() > MAX_LEN {
            return Err(HeaderError::TooLong { id });
        }
        Ok(())
    }

    /// An integer as C calls it, by its name where C knows that.
    pub(super) fn integer_name(&mut self, id: BtfId, name: &str) -> String {
        if is_c_integer(name) {
            return name.to_owned();
        }
        self.names.of(id).to_string()
    }
}

/// The integer of C that is such a one.
fn integer(size: u32, encoding: Encoding) -> &'static str {
    match (encoding, size) {
        (Encoding::Bool, 1) => "_Bool",
        (Encoding::Signed | Encoding::Char, 1) => "signed char",
        (Encoding::Signed, 2) => "short",
        (Encoding::Signed, 4) => "int",
        (Encoding::Signed, 8) => "long",
        (Encoding::Signed, 16) => "__int128",
        (_, 1) => "unsigned char",
        (_, 2) => "unsigned short",
        (_, 8) => "unsigned long",
        (_, 16) => "unsigned __int128",
        _ => "unsigned int",
    }
}

/// The bytes that C gives to an enumeration of these values.
fn natural_size(enumeration: &Enum<'_>) -> u32 {
    let values = || enumeration.values.iter().map(|value| value.value);
    let (least, most) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    let fits_signed = i32::try_from(least).is_ok() && i32::try_from(most).is_ok();
    let fits_unsigned = u32::try_from(least).is_ok() && u32::try_from(most).is_ok();
    if fits_signed || fits_unsigned { 4 } else { 8 }
}

/// The attribute of an enumeration that does not have its natural size.
fn size_attribute(enumeration: &Enum<'_>) -> &'static str {
    let most = enumeration.values.iter().map(|value| value.value).max();
    match (enumeration.size, most) {
        // A mode makes the type signed, and the larger half of the values negative.
        (1, Some(128..256)) | (2, Some(0x8000..0x1_0000)) => " __attribute__((packed))",
        (1, _) => " __attribute__((mode(QI)))",
        (2, _) => " __attribute__((mode(HI)))",
        (8, _) => " __attribute__((mode(DI)))",
        _ => " __attribute__((mode(SI)))",
    }
}
