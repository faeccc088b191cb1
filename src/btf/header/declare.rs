//! Declarations: a type around a name, as C writes them from the inside out.
//!
//! Structures, unions and enumerations without a name are written where they are used, with all that is in them.

use std::fmt::Write as _;

use super::define::Printer;
use super::{HeaderError, MAX_NESTING, keyword};
use crate::btf::{Btf, BtfId, MAX_DEPTH, Type};

/// What stands between a type and the pointer or name that it is for.
#[derive(Default)]
struct Qualifiers<'a> {
    constant: Option<&'static str>,
    volatile: Option<&'static str>,
    restrict: Option<&'static str>,
    /// Outermost first; C has them the other way round.
    tags: Vec<&'a str>,
}

impl Qualifiers<'_> {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        [self.constant, self.volatile, self.restrict]
            .into_iter()
            .flatten()
    }

    /// Appends the tags as attributes, each with a space before it.
    fn write_tags(&self, text: &mut String) {
        for tag in self.tags.iter().rev() {
            let _ = write!(text, " __attribute__((btf_type_tag(\"{tag}\")))");
        }
    }
}

impl<'a> Printer<'a> {
    /// A type around a name at the start of a line.
    pub(super) fn declaration(&mut self, id: BtfId, name: &str) -> Result<(), HeaderError> {
        self.nested_declaration(id, name, 0, MAX_NESTING)
    }

    /// A type around a name, which may be empty.
    pub(super) fn nested_declaration(
        &mut self,
        id: BtfId,
        name: &str,
        indent: usize,
        depth: usize,
    ) -> Result<(), HeaderError> {
        let (mut id, mut declarator) = (id, name.to_owned());
        let mut qualifiers = Qualifiers::default();
        for depth in (0..depth).rev() {
            match self.btf.ty(id) {
                Type::Const { to } => {
                    qualifiers.constant = Some("const");
                    id = to;
                }
                Type::Volatile { to } => {
                    qualifiers.volatile = Some("volatile");
                    id = to;
                }
                Type::Restrict { to } => {
                    qualifiers.restrict = Some("restrict");
                    id = to;
                }
                Type::TypeTag { name, to } => {
                    qualifiers.tags.push(name);
                    id = to;
                }
                Type::Ptr { to } => {
                    declarator =
                        pointer(self.btf, to, &std::mem::take(&mut qualifiers), &declarator);
                    id = to;
                }
                Type::Array { elem, count, .. } => {
                    let _ = write!(declarator, "[{count}]");
                    id = elem;
                }
                Type::FuncProto { ret, .. } => {
                    declarator = self.prototype(id, declarator, indent, depth)?;
                    id = ret;
                }
                Type::Func { proto, .. } => id = proto,
                _ => return self.base(id, &qualifiers, &declarator, indent, depth),
            }
        }
        Err(HeaderError::TooDeep { id })
    }

    /// The type that a declaration starts with, and the rest of the declaration.
    fn base(
        &mut self,
        id: BtfId,
        qualifiers: &Qualifiers<'a>,
        declarator: &str,
        indent: usize,
        depth: usize,
    ) -> Result<(), HeaderError> {
        for word in qualifiers.words() {
            self.out.push_str(word);
            self.out.push(' ');
        }
        let ty = self.btf.ty(id);
        match ty {
            Type::Struct(_) | Type::Union(_) | Type::Enum(_) | Type::Enum64(_)
                if ty.name().is_empty() =>
            {
                self.body(id, indent, depth)?;
            }
            Type::Struct(_) | Type::Union(_) | Type::Enum(_) | Type::Enum64(_) => {
                self.tagged_name(id, &ty);
            }
            Type::Fwd { .. } => self.tagged_name(id, &ty),
            Type::Int { name, .. } => {
                let name = self.integer_name(id, name);
                self.out.push_str(&name);
            }
            // The compiler has it built in, and it is declared nowhere.
            Type::Typedef { name, .. } if name == "__builtin_va_list" => self.out.push_str(name),
            Type::Typedef { .. } => {
                let name = self.names.of(id);
                let _ = write!(self.out, "{name}");
            }
            Type::Float { name, .. } => self.out.push_str(name),
            Type::Void | Type::Var { .. } | Type::Datasec { .. } | Type::DeclTag { .. } => {
                self.out.push_str("void");
            }
            Type::Ptr { .. } | Type::Array { .. } | Type::FuncProto { .. } | Type::Func { .. } => {}
            Type::Const { .. } | Type::Volatile { .. } => {}
            Type::Restrict { .. } | Type::TypeTag { .. } => {}
        }
        qualifiers.write_tags(&mut self.out);
        if !declarator.is_empty() {
            self.out.push(' ');
            self.out.push_str(declarator);
        }
        self.check_len(id)
    }

    fn tagged_name(&mut self, id: BtfId, ty: &Type<'_>) {
        let name = self.names.of(id);
        let _ = write!(self.out, "{} {name}", keyword(ty));
    }

    /// The declarator of a function with its parameters.
    fn prototype(
        &mut self,
        proto: BtfId,
        declarator: String,
        indent: usize,
        depth: usize,
    ) -> Result<String, HeaderError> {
        let Type::FuncProto { params, .. } = self.btf.ty(proto) else {
            return Ok(declarator);
        };
        // The return type comes before the parameters: they are written elsewhere first.
        let before = std::mem::replace(&mut self.out, declarator + "(");
        for (index, param) in params.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if param.ty == BtfId::VOID {
                self.out.push_str("...");
            } else {
                self.nested_declaration(param.ty, param.name, indent, depth)?;
            }
        }
        if params.is_empty() {
            self.out.push_str("void");
        }
        self.out.push(')');
        Ok(std::mem::replace(&mut self.out, before))
    }
}

/// The declarator of a pointer, in brackets where it would bind to what follows it.
fn pointer(btf: &Btf, to: BtfId, qualifiers: &Qualifiers<'_>, declarator: &str) -> String {
    let binds = binds_tighter(btf, to);
    let mut text = String::with_capacity(declarator.len() + 8);
    text.push_str(if binds { "(*" } else { "*" });
    let start = text.len();
    for word in qualifiers.words() {
        if text.len() > start {
            text.push(' ');
        }
        text.push_str(word);
    }
    qualifiers.write_tags(&mut text);
    if text.len() > start && declarator.starts_with(|c: char| c != '[' && c != '(' && c != ')') {
        text.push(' ');
    }
    text.push_str(declarator);
    if binds {
        text.push(')');
    }
    text
}

/// Whether what is pointed to is written after the name.
fn binds_tighter(btf: &Btf, to: BtfId) -> bool {
    let mut id = to;
    for _ in 0..MAX_DEPTH {
        match btf.ty(id) {
            Type::Const { to } | Type::Volatile { to } | Type::Restrict { to } => id = to,
            Type::TypeTag { to, .. } => id = to,
            Type::Array { .. } | Type::FuncProto { .. } => return true,
            _ => return false,
        }
    }
    false
}
