//! Types as a flat listing, one record after the other, in the words of `bpftool btf dump`.
//!
//! A record is described once, as names and facts; text and JSON are two ways to write that. It follows no references
//! but those of sections to their variables' names.

use std::fmt;

use super::{Btf, BtfId, Encoding, Enum, FuncLinkage, Kind, Type, VarLinkage};

/// One type, described.
#[derive(Clone, Debug)]
pub struct RawType<'a> {
    /// Its id.
    pub id: BtfId,
    /// What it is.
    pub kind: Kind,
    /// Its name, empty where there is none.
    pub name: &'a str,
    /// What is said of it, in order.
    pub facts: Facts<'a>,
    /// Its members, values, parameters or variables, and what they are called.
    pub entries: Option<(&'static str, Vec<RawEntry<'a>>)>,
}

/// Names and what they stand for, in order.
pub type Facts<'a> = Vec<(&'static str, Fact<'a>)>;

/// What is said of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// A number.
    Number(i128),
    /// A value of an enumeration of 64 bits, which text writes with the suffix.
    Wide(i128, &'static str),
    /// A word.
    Word(&'a str),
}

/// A member, value, parameter or variable of a section.
#[derive(Clone, Debug)]
pub struct RawEntry<'a> {
    /// Its name; none for the variables of a section.
    pub name: Option<&'a str>,
    /// What is said of it.
    pub facts: Facts<'a>,
    /// The variable of a section, as its kind and name.
    pub variable: Option<(&'static str, &'a str)>,
}

impl Btf {
    /// The type as a flat record; none for `void` and ids that do not exist.
    pub fn raw(&self, id: BtfId) -> Option<RawType<'_>> {
        let ty = self.ty(id);
        let kind = ty.kind()?;
        Some(RawType {
            id,
            kind,
            name: ty.name(),
            facts: facts(&ty),
            entries: entries(self, &ty),
        })
    }
}

/// The kind's name as listings have it.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "INT",
        Kind::Ptr => "PTR",
        Kind::Array => "ARRAY",
        Kind::Struct => "STRUCT",
        Kind::Union => "UNION",
        Kind::Enum => "ENUM",
        Kind::Fwd => "FWD",
        Kind::Typedef => "TYPEDEF",
        Kind::Volatile => "VOLATILE",
        Kind::Const => "CONST",
        Kind::Restrict => "RESTRICT",
        Kind::Func => "FUNC",
        Kind::FuncProto => "FUNC_PROTO",
        Kind::Var => "VAR",
        Kind::Datasec => "DATASEC",
        Kind::Float => "FLOAT",
        Kind::DeclTag => "DECL_TAG",
        Kind::TypeTag => "TYPE_TAG",
        Kind::Enum64 => "ENUM64",
    }
}

/// A name as listings have it.
pub fn name_or_anonymous(name: &str) -> &str {
    if name.is_empty() { "(anon)" } else { name }
}

fn number<'a>(number: impl Into<i128>) -> Fact<'a> {
    Fact::Number(number.into())
}

fn id<'a>(id: BtfId) -> Fact<'a> {
    number(id.0)
}

/// A count of entries, which are at most 65535.
fn count<'a>(len: usize) -> Fact<'a> {
    Fact::Number(len as i128)
}

fn facts<'a>(ty: &Type<'a>) -> Facts<'a> {
    match *ty {
        Type::Void => Vec::new(),
        Type::Int {
            size,
            bits,
            offset,
            encoding,
            ..
        } => vec![
            ("size", number(size)),
            ("bits_offset", number(offset)),
            ("nr_bits", number(bits)),
            ("encoding", Fact::Word(encoding_name(encoding))),
        ],
        Type::Ptr { to } | Type::Typedef { to, .. } | Type::TypeTag { to, .. } => {
            vec![("type_id", id(to))]
        }
        Type::Volatile { to } | Type::Const { to } | Type::Restrict { to } => {
            vec![("type_id", id(to))]
        }
        Type::Array { elem, index, count } => vec![
            ("type_id", id(elem)),
            ("index_type_id", id(index)),
            ("nr_elems", number(count)),
        ],
        Type::Struct(composite) | Type::Union(composite) => vec![
            ("size", number(composite.size)),
            ("vlen", count(composite.members.len())),
        ],
        Type::Enum(enumeration) | Type::Enum64(enumeration) => vec![
            ("encoding", Fact::Word(sign_name(enumeration))),
            ("size", number(enumeration.size)),
            ("vlen", count(enumeration.values.len())),
        ],
        Type::Fwd { kind, .. } => {
            let kind = if kind == Kind::Union {
                "union"
            } else {
                "struct"
            };
            vec![("fwd_kind", Fact::Word(kind))]
        }
        Type::Func { proto, linkage, .. } => vec![
            ("type_id", id(proto)),
            ("linkage", Fact::Word(func_linkage_name(linkage))),
        ],
        Type::FuncProto { ret, params } => {
            vec![("ret_type_id", id(ret)), ("vlen", count(params.len()))]
        }
        Type::Var { ty, linkage, .. } => vec![
            ("type_id", id(ty)),
            ("linkage", Fact::Word(var_linkage_name(linkage))),
        ],
        Type::Datasec { size, entries, .. } => {
            vec![("size", number(size)), ("vlen", count(entries.len()))]
        }
        Type::Float { size, .. } => vec![("size", number(size))],
        Type::DeclTag { to, component, .. } => vec![
            ("type_id", id(to)),
            ("component_idx", component.map_or(Fact::Number(-1), number)),
        ],
    }
}

fn entries<'a>(btf: &'a Btf, ty: &Type<'a>) -> Option<(&'static str, Vec<RawEntry<'a>>)> {
    let named = |name, facts| RawEntry {
        name: Some(name),
        facts,
        variable: None,
    };
    Some(match *ty {
        Type::Struct(composite) | Type::Union(composite) => {
            let members = composite.members.iter().map(|member| {
                let mut facts = vec![
                    ("type_id", id(member.ty)),
                    ("bits_offset", number(member.bit_offset)),
                ];
                facts.extend(
                    member
                        .bitfield_size
                        .map(|bits| ("bitfield_size", number(bits))),
                );
                named(member.name, facts)
            });
            ("members", members.collect())
        }
        Type::Enum(enumeration) => {
            let values = enumeration.values.iter();
            let value = |value| vec![("val", Fact::Number(value))];
            (
                "values",
                values
                    .map(|entry| named(entry.name, value(entry.value)))
                    .collect(),
            )
        }
        Type::Enum64(enumeration) => {
            let suffix = if enumeration.signed { "LL" } else { "ULL" };
            let values = enumeration.values.iter();
            let value = |value| vec![("val", Fact::Wide(value, suffix))];
            (
                "values",
                values
                    .map(|entry| named(entry.name, value(entry.value)))
                    .collect(),
            )
        }
        Type::FuncProto { params, .. } => {
            let params = params.iter();
            let ty = |ty| vec![("type_id", id(ty))];
            (
                "params",
                params
                    .map(|param| named(param.name, ty(param.ty)))
                    .collect(),
            )
        }
        Type::Datasec { entries, .. } => {
            let variables = entries.iter().map(|entry| variable(btf, &entry));
            ("vars", variables.collect())
        }
        Type::Void | Type::Int { .. } | Type::Ptr { .. } | Type::Array { .. } => return None,
        Type::Fwd { .. } | Type::Typedef { .. } | Type::Volatile { .. } => return None,
        Type::Const { .. } | Type::Restrict { .. } | Type::Func { .. } => return None,
        Type::Var { .. } | Type::Float { .. } => return None,
        Type::DeclTag { .. } | Type::TypeTag { .. } => return None,
    })
}

/// A variable, or a function declared in another file, of a section.
fn variable<'a>(btf: &'a Btf, entry: &super::SecEntry) -> RawEntry<'a> {
    let ty = btf.ty(entry.var);
    RawEntry {
        name: None,
        facts: vec![
            ("type_id", id(entry.var)),
            ("offset", number(entry.offset)),
            ("size", number(entry.size)),
        ],
        variable: ty.kind().map(|kind| (kind_name(kind), ty.name())),
    }
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Unsigned => "(none)",
        Encoding::Signed => "SIGNED",
        Encoding::Char => "CHAR",
        Encoding::Bool => "BOOL",
    }
}

fn sign_name(enumeration: Enum<'_>) -> &'static str {
    if enumeration.signed {
        "SIGNED"
    } else {
        "UNSIGNED"
    }
}

fn func_linkage_name(linkage: FuncLinkage) -> &'static str {
    match linkage {
        FuncLinkage::Static => "static",
        FuncLinkage::Global => "global",
        FuncLinkage::Extern => "extern",
        FuncLinkage::Other(_) => "(unknown)",
    }
}

fn var_linkage_name(linkage: VarLinkage) -> &'static str {
    match linkage {
        VarLinkage::Static => "static",
        VarLinkage::Global => "global",
        VarLinkage::Extern => "extern",
        VarLinkage::Other(_) => "(unknown)",
    }
}

impl fmt::Display for RawType<'_> {
    /// The record as lines without the last newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (kind_name(self.kind), name_or_anonymous(self.name));
        write!(f, "[{}] {kind} '{name}'", self.id)?;
        // Only the listings of variables put a comma here.
        let separator = if self.kind == Kind::Var { "," } else { "" };
        for (index, (name, fact)) in self.facts.iter().enumerate() {
            let separator = if index == 0 { "" } else { separator };
            write!(f, "{separator} {name}={fact}")?;
        }
        for entry in self.entries.iter().flat_map(|(_, entries)| entries) {
            write!(f, "\n\t{entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RawEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(name) = self.name {
            write!(f, "'{}'", name_or_anonymous(name))?;
            separator = " ";
        }
        for (name, fact) in &self.facts {
            write!(f, "{separator}{name}={fact}")?;
            separator = " ";
        }
        match self.variable {
            Some((kind, name)) => write!(f, " ({kind} '{}')", name_or_anonymous(name)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Number(number) => write!(f, "{number}"),
            Fact::Wide(number, suffix) => write!(f, "{number}{suffix}"),
            Fact::Word(word) => f.write_str(word),
        }
    }
}
