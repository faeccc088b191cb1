//! Types of a module that come with a summary of the kernel's types that they were made for, not with those types.
//!
//! Such a module (`.BTF.base`) fits kernels whose types have other ids. Its references are changed to the types of a
//! given kernel, after which it is as one that was split from these.
//!
//! Rules, all libbpf's (`btf_relocate.c`, 1.5, used under its BSD-2-Clause licence):
//! - A summary has integers, floats, enumerations, structures, unions and declarations, all with names.
//! - Integers, floats and enumerations are found by name and size. So are structures of which the kernel has several by
//!   one name, and those that the module has as a part of its own. Others are found by name.
//! - Two that fit are as bad as none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::merge::{Entry, Strings, section};
use super::{Btf, BtfError, BtfId, Kind, Problem, StrRef, Type};

impl Btf {
    /// Parses a section that was split from the summary `distilled`, for a kernel with the types `base`.
    ///
    /// # Errors
    /// One of the sections is broken, or the kernel has not one type for each of the summary.
    pub fn parse_relocated(
        base: Arc<Btf>,
        distilled: Vec<u8>,
        bytes: Vec<u8>,
    ) -> Result<Btf, BtfError> {
        let summary = Btf::parse(distilled).map_err(in_base)?;
        let split = Btf::parse_split(Arc::new(summary), bytes)?;
        let bytes = Relocation::new(&base, &split)?.bytes();
        Btf::parse_split(base, bytes)
    }
}

/// The error of the summary.
fn in_base(error: BtfError) -> BtfError {
    BtfError {
        section: ".BTF.base",
        ..error
    }
}

/// A module's types on the way from a summary to a kernel.
struct Relocation<'a> {
    base: &'a Btf,
    split: &'a Btf,
    /// What each type of the summary is in the kernel.
    found: BTreeMap<u32, BtfId>,
}

impl<'a> Relocation<'a> {
    fn new(base: &'a Btf, split: &'a Btf) -> Result<Relocation<'a>, BtfError> {
        let embedded = embedded(split);
        let several = several(base);
        let mut by_name: BTreeMap<&str, Vec<BtfId>> = BTreeMap::new();
        for id in base.ids() {
            by_name.entry(base.ty(id).name()).or_default().push(id);
        }
        let mut found = BTreeMap::new();
        for id in (1..split.first_id).map(BtfId) {
            let ty = split.ty(id);
            let name = ty.name();
            let problem = |problem| {
                in_base(BtfError {
                    section: "",
                    offset: 0,
                    problem,
                })
            };
            let summarised = matches!(
                ty,
                Type::Int { .. }
                    | Type::Float { .. }
                    | Type::Enum(_)
                    | Type::Struct(_)
                    | Type::Union(_)
                    | Type::Fwd { .. }
            );
            if !summarised || name.is_empty() {
                return Err(problem(Problem::NotDistilled { id }));
            }
            let is_exact = embedded.contains(&id) || several.contains(name);
            let candidates = by_name.get(name).into_iter().flatten();
            let mut fitting = candidates.filter(|one| {
                let theirs = base.ty(**one);
                fits(&ty, &theirs) && (!is_exact || size(&ty) == size(&theirs))
            });
            match (fitting.next(), fitting.next()) {
                (Some(one), None) => {
                    found.insert(id.0, *one);
                }
                (None, _) => {
                    let name = name.to_owned();
                    return Err(problem(Problem::NotInBase { name, id }));
                }
                (Some(_), Some(_)) => {
                    let name = name.to_owned();
                    return Err(problem(Problem::SeveralInBase { name, id }));
                }
            }
        }
        Ok(Relocation { base, split, found })
    }

    /// The section as one that was split from the kernel's types.
    fn bytes(&self) -> Vec<u8> {
        let (old_first, new_first) = (self.split.first_id, self.base.type_count());
        let string_base = u32::try_from(self.base.string_end()).unwrap_or(u32::MAX);
        let mut strings = Strings::default();
        let mut words = Vec::new();
        for id in self.split.own_ids() {
            let Some(mut entry) = Entry::of(self.split, id) else {
                continue;
            };
            entry.map_types(|id| match id.checked_sub(old_first) {
                Some(own) => new_first.saturating_add(own),
                None => self.found.get(&id).map_or(0, |found| found.0),
            });
            entry.map_names(|name| match self.split.text_bytes(StrRef(name)) {
                [] => 0,
                text => string_base.saturating_add(strings.add(text)),
            });
            words.extend(entry.words);
        }
        section(&words, &strings)
    }
}

/// Structures of the summary that the module has as a part of its own: not behind pointers.
fn embedded(split: &Btf) -> BTreeSet<BtfId> {
    let composites = split.own_ids().filter_map(|id| split.ty(id).composite());
    let members = composites.flat_map(|composite| composite.members.iter());
    members
        .map(|member| {
            let mut ty = split.resolve(member.ty);
            while let Type::Array { elem, .. } = split.ty(ty) {
                ty = split.resolve(elem);
            }
            ty
        })
        .filter(|id| id.0 < split.first_id)
        .collect()
}

/// Names that several structures or unions have.
fn several(base: &Btf) -> BTreeSet<&str> {
    let (mut once, mut several) = (BTreeSet::new(), BTreeSet::new());
    let composites = base.ids().filter_map(|id| base.ty(id).composite());
    for name in composites.map(|composite| composite.name) {
        if !name.is_empty() && !once.insert(name) {
            several.insert(name);
        }
    }
    several
}

/// Whether a type of a kernel may be what a summary has by the same name.
fn fits(summary: &Type<'_>, theirs: &Type<'_>) -> bool {
    match (summary, theirs) {
        (Type::Fwd { kind, .. }, Type::Fwd { kind: other, .. }) => kind == other,
        (Type::Fwd { kind, .. }, Type::Struct(_)) => *kind == Kind::Struct,
        (Type::Fwd { kind, .. }, Type::Union(_)) => *kind == Kind::Union,
        (
            Type::Int { encoding, .. },
            Type::Int {
                encoding: other, ..
            },
        ) => encoding == other && size(summary) == size(theirs),
        // Summaries have enumerations of 64 bits as ones of 32 with that size.
        (Type::Float { .. }, Type::Float { .. })
        | (Type::Enum(_), Type::Enum(_) | Type::Enum64(_)) => size(summary) == size(theirs),
        (Type::Struct(_), Type::Struct(_)) | (Type::Union(_), Type::Union(_)) => true,
        _ => false,
    }
}

/// The size that a record has itself.
fn size(ty: &Type<'_>) -> Option<u32> {
    match ty {
        Type::Int { size, .. } | Type::Float { size, .. } => Some(*size),
        Type::Enum(one) | Type::Enum64(one) => Some(one.size),
        Type::Struct(one) | Type::Union(one) => Some(one.size),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{Builder, FLAG};
    use super::*;

    /// A kernel: `long` (1), `task` (2) of 8 bytes, `twin` (3) of 4 and `twin` (4) of 8 bytes, twice `pair` of 4.
    fn kernel() -> Arc<Btf> {
        let mut builder = Builder::new();
        builder.record("long", Kind::Int, 0, 8, &[0x0100_0040]);
        builder.record("task", Kind::Struct, 0, 8, &[]);
        builder.record("twin", Kind::Struct, 0, 4, &[]);
        builder.record("twin", Kind::Struct, 0, 8, &[]);
        builder.record("pair", Kind::Struct, 0, 4, &[]);
        builder.record("pair", Kind::Struct, 0, 4, &[]);
        Arc::new(builder.build())
    }

    /// A module's structure `mine` of one member of that type in the summary, or a pointer to it.
    fn module(summary: &Builder, ty: u32, pointer: bool) -> Result<Btf, Problem> {
        let mut builder = Builder::split(summary);
        let count = summary.build().type_count();
        let member = builder.text("member");
        if pointer {
            builder.record("", Kind::Ptr, 0, ty, &[]);
        }
        let ty = if pointer { count } else { ty };
        builder.record("mine", Kind::Struct, 1 | FLAG, 8, &[member, ty, 0]);
        let (summary, bytes) = (summary.bytes(), builder.bytes());
        Btf::parse_relocated(kernel(), summary, bytes).map_err(|error| error.problem)
    }

    fn summary(name: &str, kind: Kind, size: u32) -> Builder {
        let mut builder = Builder::new();
        builder.record("long", Kind::Int, 0, 8, &[0x0100_0040]);
        builder.record(name, kind, 0, size, &[]);
        builder
    }

    /// What the member of `mine` is.
    fn member(btf: &Btf) -> BtfId {
        let mine = btf.find("mine", super::super::KindFilter::STRUCT);
        let composite = btf.ty(mine.expect("it is there")).composite();
        let members = composite.expect("it is a structure").members;
        members.iter().next().expect("it has one").ty
    }

    #[test]
    fn references_to_the_summary_become_those_to_the_kernel() {
        let btf = module(&summary("task", Kind::Struct, 8), 2, false).expect("it fits");
        assert_eq!(member(&btf), BtfId(2));
        assert_eq!(btf.ty(member(&btf)).name(), "task");
        let btf = module(&summary("task", Kind::Struct, 8), 1, false).expect("it fits");
        assert_eq!(member(&btf), BtfId(1));
    }

    #[test]
    fn structure_behind_a_pointer_may_have_another_size() {
        let btf =
            module(&summary("task", Kind::Struct, 16), 2, true).expect("only the name counts");
        let Type::Ptr { to } = btf.ty(member(&btf)) else {
            panic!("it is a pointer")
        };
        assert_eq!(to, BtfId(2));
        let error = module(&summary("task", Kind::Struct, 16), 2, false).expect_err("it is a part");
        let (name, id) = ("task".to_owned(), BtfId(2));
        assert_eq!(error, Problem::NotInBase { name, id });
    }

    #[test]
    fn declaration_in_the_summary_is_any_structure_of_the_name() {
        let btf = module(&summary("task", Kind::Fwd, 0), 2, true).expect("it fits");
        assert!(matches!(btf.ty(member(&btf)), Type::Ptr { to: BtfId(2) }));
    }

    #[test]
    fn structures_of_one_name_are_told_apart_by_their_size() {
        let btf = module(&summary("twin", Kind::Struct, 8), 2, true).expect("one fits");
        assert!(matches!(btf.ty(member(&btf)), Type::Ptr { to: BtfId(4) }));
        let error = module(&summary("twin", Kind::Fwd, 0), 2, true).expect_err("it has no size");
        let (name, id) = ("twin".to_owned(), BtfId(2));
        assert_eq!(error, Problem::NotInBase { name, id });
        let error = module(&summary("pair", Kind::Struct, 4), 2, true).expect_err("two fit");
        let (name, id) = ("pair".to_owned(), BtfId(2));
        assert_eq!(error, Problem::SeveralInBase { name, id });
    }

    #[test]
    fn summary_of_anything_else_is_refused() {
        let error =
            module(&summary("alias", Kind::Typedef, 1), 2, true).expect_err("it is no summary");
        assert_eq!(error, Problem::NotDistilled { id: BtfId(2) });
    }
}
