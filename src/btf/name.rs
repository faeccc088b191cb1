//! Types as C writes them, without their definitions.
//!
//! Type tags are left out: they are attributes, and no part of the name.

use super::{Btf, BtfId, Kind, MAX_DEPTH, Type};

/// Longer names are cut, since broken input can ask for endless ones.
const MAX_LEN: usize = 4096;

impl Btf {
    /// The type as C writes it: `struct task_struct *`, `const char *`, `int (*)(void *)`.
    /// Functions and variables come as their declarations.
    pub fn type_name(&self, id: BtfId) -> String {
        let mut name = self.declare(id, String::new(), MAX_DEPTH);
        if name.len() > MAX_LEN {
            name.truncate(name.floor_char_boundary(MAX_LEN));
            name.push('…');
        }
        name
    }

    /// Wraps a declarator (a name, or what a pointer or array made of one) in a type, from the
    /// inside out as C does.
    fn declare(&self, id: BtfId, declarator: String, depth: usize) -> String {
        let (mut id, mut declarator) = (id, declarator);
        let mut qualifiers = String::new();
        for left in (0..depth).rev() {
            if declarator.len() > MAX_LEN {
                return declarator;
            }
            match self.ty(id) {
                Type::Const { to } => id = qualify(&mut qualifiers, "const ", to),
                Type::Volatile { to } => id = qualify(&mut qualifiers, "volatile ", to),
                Type::Restrict { to } => id = qualify(&mut qualifiers, "restrict ", to),
                Type::TypeTag { to, .. } => id = to,
                Type::Ptr { to } => {
                    declarator = self.pointer(to, &qualifiers, &declarator);
                    qualifiers.clear();
                    id = to;
                }
                Type::Array { elem, count, .. } => {
                    declarator = format!("{declarator}[{count}]");
                    id = elem;
                }
                Type::FuncProto { ret, .. } => {
                    let params = self.parameters(id, left);
                    declarator = format!("{declarator}({params})");
                    id = ret;
                }
                Type::Func { name, proto, .. } => {
                    declarator = name.to_owned();
                    id = proto;
                }
                Type::Var { name, ty, .. } => {
                    declarator = name.to_owned();
                    id = ty;
                }
                base => return join(&format!("{qualifiers}{}", base_name(&base)), &declarator),
            }
        }
        join("void", &declarator)
    }

    /// The declarator of a pointer, in brackets where it would bind to what follows it.
    fn pointer(&self, to: BtfId, qualifiers: &str, declarator: &str) -> String {
        let text = format!("*{qualifiers}{declarator}");
        let text = text.trim_end();
        match self.unqualified(to) {
            Type::Array { .. } | Type::FuncProto { .. } => format!("({text})"),
            _ => text.to_owned(),
        }
    }

    /// The type without qualifiers and tags, but with typedefs.
    fn unqualified(&self, id: BtfId) -> Type<'_> {
        let mut id = id;
        for _ in 0..MAX_DEPTH {
            match self.ty(id) {
                Type::Const { to } | Type::Volatile { to } | Type::Restrict { to } => id = to,
                Type::TypeTag { to, .. } => id = to,
                other => return other,
            }
        }
        Type::Void
    }

    fn parameters(&self, proto: BtfId, depth: usize) -> String {
        let Type::FuncProto { params, .. } = self.ty(proto) else {
            return String::new();
        };
        if params.is_empty() {
            return "void".to_owned();
        }
        let mut text = String::new();
        for param in params.iter() {
            if text.len() > MAX_LEN {
                break;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            if param.ty == BtfId::VOID {
                text.push_str("...");
            } else {
                text.push_str(&self.declare(param.ty, param.name.to_owned(), depth));
            }
        }
        text
    }
}

fn qualify(qualifiers: &mut String, word: &str, to: BtfId) -> BtfId {
    if !qualifiers.contains(word) {
        qualifiers.push_str(word);
    }
    to
}

/// A base type and a declarator.
fn join(base: &str, declarator: &str) -> String {
    match declarator.chars().next() {
        None => base.to_owned(),
        Some('[') => format!("{base}{declarator}"),
        Some(_) => format!("{base} {declarator}"),
    }
}

/// A type that stands at the start of a declaration.
fn base_name(ty: &Type<'_>) -> String {
    let tagged = |keyword: &str, name: &str| match name {
        "" => format!("{keyword} (anon)"),
        name => format!("{keyword} {name}"),
    };
    match ty {
        Type::Void => "void".to_owned(),
        Type::Struct(composite) => tagged("struct", composite.name),
        Type::Union(composite) => tagged("union", composite.name),
        Type::Enum(enumeration) | Type::Enum64(enumeration) => tagged("enum", enumeration.name),
        Type::Fwd {
            name,
            kind: Kind::Union,
        } => tagged("union", name),
        Type::Fwd { name, .. } => tagged("struct", name),
        other => other.name().to_owned(),
    }
}
