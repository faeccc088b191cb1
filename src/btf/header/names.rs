//! Names that C keeps apart: the second type of a name becomes `name___2`.
//!
//! There are two spaces: tags, which follow `struct`, `union` and `enum`, and identifiers, which are typedefs, enumerators and
//! functions. Numbers are given in the order of asking. libbpf takes what follows `___` for a flavour and
//! ignores it when it looks for the kernel's type, so the suffix does no harm.

use std::collections::HashMap;
use std::fmt;

use crate::btf::{Btf, BtfId, Kind, KindFilter, Type};

/// A name and which of that name it is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    text: &'a str,
    version: u32,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            1 => f.write_str(self.text),
            version => write!(f, "{}___{version}", self.text),
        }
    }
}

/// The names given so far.
pub(super) struct Names<'a> {
    btf: &'a Btf,
    tags: HashMap<&'a str, u32>,
    identifiers: HashMap<&'a str, u32>,
    /// The version of each type's name, 0 where it has none yet.
    versions: Vec<u32>,
}

impl<'a> Names<'a> {
    pub(super) fn new(btf: &'a Btf) -> Names<'a> {
        Names {
            btf,
            tags: HashMap::new(),
            identifiers: HashMap::new(),
            versions: vec![0; btf.type_count() as usize],
        }
    }

    /// The name of a type that has one: the same at each asking.
    pub(super) fn of(&mut self, id: BtfId) -> Name<'a> {
        let id = self.definition(id);
        let ty = self.btf.ty(id);
        let text = ty.name();
        let known = self.versions.get(id.index()).copied().unwrap_or(1);
        if known != 0 {
            return Name {
                text,
                version: known,
            };
        }
        let is_tag = ty.composite().is_some()
            || ty.enumeration().is_some()
            || matches!(ty, Type::Fwd { .. });
        let version = if is_tag {
            next(self.btf, &mut self.tags, text)
        } else {
            next(self.btf, &mut self.identifiers, text)
        };
        if let Some(place) = self.versions.get_mut(id.index()) {
            *place = version;
        }
        Name { text, version }
    }

    /// A new identifier.
    pub(super) fn identifier(&mut self, text: &'a str) -> Name<'a> {
        let version = next(self.btf, &mut self.identifiers, text);
        Name { text, version }
    }

    /// Takes an identifier as it is, and says whether it was free.
    pub(super) fn claim(&mut self, text: &'a str) -> bool {
        next(self.btf, &mut self.identifiers, text) == 1
    }

    /// The structure or union that a declaration stands for, by name: the first of all declarations when there is none.
    fn definition(&self, id: BtfId) -> BtfId {
        let Type::Fwd { name, kind } = self.btf.ty(id) else {
            return id;
        };
        let defined = self.btf.find(name, KindFilter::of(kind));
        let mut declared = self.btf.find_all(name, KindFilter::of(Kind::Fwd));
        defined
            .or_else(|| declared.find(|&other| self.is_forward(other, kind)))
            .unwrap_or(id)
    }

    fn is_forward(&self, id: BtfId, wanted: Kind) -> bool {
        matches!(self.btf.ty(id), Type::Fwd { kind, .. } if kind == wanted)
    }
}

/// The next version of a name whose suffixed form is not itself a name.
fn next<'a>(btf: &Btf, given: &mut HashMap<&'a str, u32>, text: &'a str) -> u32 {
    let count = given.entry(text).or_insert(0);
    *count += 1;
    while *count > 1
        && btf
            .find(&format!("{text}___{count}"), KindFilter::ANY)
            .is_some()
    {
        *count += 1;
    }
    *count
}
