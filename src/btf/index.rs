//! Search by name, and from a declaration to its tags: indexes that are built when first needed.
//!
//! Both hold ids only, and answer in ascending order of ids, so that the first match is the same
//! in every run.

use super::types::{self, Kind};
use super::{Btf, BtfId, StrRef, Type};

/// Which kinds a search considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindFilter(u32);

impl KindFilter {
    /// All.
    pub const ANY: KindFilter = KindFilter(u32::MAX);
    /// Structures.
    pub const STRUCT: KindFilter = KindFilter::of(Kind::Struct);
    /// Unions.
    pub const UNION: KindFilter = KindFilter::of(Kind::Union);
    /// Structures and unions.
    pub const COMPOSITE: KindFilter = KindFilter::STRUCT.or(KindFilter::UNION);
    /// Enumerations of either size.
    pub const ENUM: KindFilter = KindFilter::of(Kind::Enum).or(KindFilter::of(Kind::Enum64));
    /// Integers.
    pub const INT: KindFilter = KindFilter::of(Kind::Int);
    /// Type definitions.
    pub const TYPEDEF: KindFilter = KindFilter::of(Kind::Typedef);
    /// Functions.
    pub const FUNC: KindFilter = KindFilter::of(Kind::Func);
    /// Variables.
    pub const VAR: KindFilter = KindFilter::of(Kind::Var);
    /// Sections of variables.
    pub const DATASEC: KindFilter = KindFilter::of(Kind::Datasec);

    /// Only that kind.
    pub const fn of(kind: Kind) -> KindFilter {
        KindFilter(1 << kind as u32)
    }

    /// Those of either.
    pub const fn or(self, other: KindFilter) -> KindFilter {
        KindFilter(self.0 | other.0)
    }

    /// Whether a kind is one of them.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

impl Btf {
    /// The first type of that name and of those kinds.
    pub fn find(&self, name: &str, kinds: KindFilter) -> Option<BtfId> {
        self.find_all(name, kinds).next()
    }

    /// All types of that name and of those kinds, ascending.
    pub fn find_all<'a>(
        &'a self,
        name: &'a str,
        kinds: KindFilter,
    ) -> impl Iterator<Item = BtfId> + 'a {
        self.bucket(name, kinds)
            .filter(move |&(_, text)| self.text_bytes(text) == name.as_bytes())
            .map(|(id, _)| id)
    }

    /// All types of those kinds whose name without flavour is `name`, ascending.
    pub(super) fn find_essential<'a>(
        &'a self,
        name: &'a str,
        kinds: KindFilter,
    ) -> impl Iterator<Item = BtfId> + 'a {
        self.bucket(name, kinds)
            .filter(move |&(_, text)| essential_name(self.text_bytes(text)) == name.as_bytes())
            .map(|(id, _)| id)
    }

    /// The types of those kinds whose names may be `name` up to a flavour.
    fn bucket(&self, name: &str, kinds: KindFilter) -> impl Iterator<Item = (BtfId, StrRef)> + '_ {
        let index = self.names.get_or_init(|| NameIndex::build(self));
        index
            .bucket(essential_name(name.as_bytes()))
            .filter_map(|id| types::kind_and_name(self, id).map(|(kind, text)| (id, kind, text)))
            .filter(move |&(_, kind, _)| kinds.has(kind))
            .map(|(id, _, text)| (id, text))
    }

    /// The tags on a declaration, as `(component, tag)`: the index of the tagged member or
    /// parameter, none for a tag on the declaration itself.
    pub fn decl_tags(&self, id: BtfId) -> impl Iterator<Item = (Option<u32>, &str)> {
        let index = self.tags.get_or_init(|| TagIndex::build(self));
        index.of(id).filter_map(|tag| match self.ty(tag) {
            Type::DeclTag {
                name, component, ..
            } => Some((component, name)),
            _ => None,
        })
    }
}

/// The name without its flavour: what follows a `___` between two other characters does not
/// count, so that one program can describe a type as several kernels have it (libbpf's
/// `bpf_core_essential_name_len`).
pub(super) fn essential_name(name: &[u8]) -> &[u8] {
    let separator = name.windows(5).rposition(|window| {
        matches!(window, [before, b'_', b'_', b'_', after] if *before != b'_' && *after != b'_')
    });
    match separator {
        Some(before) => name.get(..=before).unwrap_or(name),
        None => name,
    }
}

/// Types by hash of their essential name: a chain of ids for each bucket, ascending.
pub(super) struct NameIndex {
    /// First id of each bucket, 0 for none; a power of two of them.
    heads: Vec<u32>,
    /// The id after each id in its bucket, 0 for none.
    next: Vec<u32>,
}

impl NameIndex {
    fn build(btf: &Btf) -> NameIndex {
        let count = btf.offsets.len();
        let mut index = NameIndex {
            heads: vec![0; count.next_power_of_two()],
            next: vec![0; count],
        };
        for id in btf.ids().rev() {
            let Some((_, text)) = types::kind_and_name(btf, id).filter(|(_, text)| text.0 != 0)
            else {
                continue;
            };
            let bucket = index.bucket_of(essential_name(btf.text_bytes(text)));
            if let (Some(head), Some(next)) =
                (index.heads.get_mut(bucket), index.next.get_mut(id.index()))
            {
                *next = std::mem::replace(head, id.0);
            }
        }
        index
    }

    fn bucket_of(&self, name: &[u8]) -> usize {
        hash(name) as usize & (self.heads.len() - 1)
    }

    fn bucket(&self, name: &[u8]) -> impl Iterator<Item = BtfId> + '_ {
        let first = self.heads.get(self.bucket_of(name)).copied();
        std::iter::successors(first, |&id| self.next.get(id as usize).copied())
            .take_while(|&id| id != 0)
            .map(BtfId)
    }
}

/// A quick hash; collisions cost time only.
fn hash(name: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = name.as_chunks::<8>();
    let tail = rest.iter().fold(name.len() as u64, |tail, &byte| {
        (tail << 8) | u64::from(byte)
    });
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let hash = words
        .iter()
        .fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    (mix(hash, tail) >> 32) as u32
}

/// Declaration tags by what they are on.
pub(super) struct TagIndex {
    /// Declaration and tag, ascending.
    pairs: Vec<(BtfId, BtfId)>,
}

impl TagIndex {
    fn build(btf: &Btf) -> TagIndex {
        let tagged = |id| match types::kind_and_name(btf, id) {
            Some((Kind::DeclTag, _)) => match btf.ty(id) {
                Type::DeclTag { to, .. } => Some((to, id)),
                _ => None,
            },
            _ => None,
        };
        let mut pairs: Vec<_> = btf.ids().filter_map(tagged).collect();
        pairs.sort_unstable();
        TagIndex { pairs }
    }

    /// The tags on a declaration, ascending.
    fn of(&self, id: BtfId) -> impl Iterator<Item = BtfId> + '_ {
        let first = self.pairs.partition_point(|&(to, _)| to < id);
        let from = self.pairs.get(first..).unwrap_or_default();
        from.iter()
            .take_while(move |&&(to, _)| to == id)
            .map(|&(_, tag)| tag)
    }
}
