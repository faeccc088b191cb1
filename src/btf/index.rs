//! Search by name, and from a declaration to its tags: indexes that are built when first needed.
//!
//! Both hold ids only, and answer in ascending order of ids, so that the first match is the same
//! in every run.

use super::record;
use super::{Btf, BtfId, Kind, StrRef, Type};

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

    /// Only the kind of that number (`BTF_KIND_…`), if there is one.
    pub fn of_number(number: u32) -> Option<KindFilter> {
        Kind::from_number(number).map(KindFilter::of)
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
        let base = self.base.as_deref().map(|base| {
            let found: Box<dyn Iterator<Item = BtfId> + 'a> = Box::new(base.find_all(name, kinds));
            found
        });
        base.into_iter().flatten().chain(self.find_own(name, kinds))
    }

    /// All types of those kinds whose name without flavour is `name`, in no order. Of types split
    /// from others, only their own.
    pub(super) fn find_own_essential(&self, name: &str, kinds: KindFilter) -> Vec<BtfId> {
        let mut found: Vec<_> = self.find_own(name, kinds).collect();
        for btf in self.lineage() {
            let flavoured = btf.flavours.get_or_init(|| flavours(btf));
            let names = flavoured.iter().map(|&text| btf.text(text));
            for full in names.filter(|full| essential_name(full) == name) {
                found.extend(self.find_own(full, kinds));
            }
        }
        found
    }

    /// As [`Btf::find_all`], without those of the types these are split from.
    fn find_own<'a>(
        &'a self,
        name: &'a str,
        kinds: KindFilter,
    ) -> impl Iterator<Item = BtfId> + 'a {
        self.bucket(name, kinds)
            .filter(move |&(_, text)| self.text_bytes(text) == name.as_bytes())
            .map(|(id, _)| id)
    }

    /// The types of those kinds whose names have the hash of `name`.
    fn bucket(&self, name: &str, kinds: KindFilter) -> impl Iterator<Item = (BtfId, StrRef)> + '_ {
        let index = self.names.get_or_init(|| NameIndex::build(self));
        index
            .bucket(hash(name.as_bytes()))
            .filter_map(|id| record::kind_and_name(self, id).map(|(kind, text)| (id, kind, text)))
            .filter(move |&(_, kind, _)| kinds.has(kind))
            .map(|(id, _, text)| (id, text))
    }

    /// The tags on a declaration, as `(component, tag)`: the index of the tagged member or
    /// parameter, none for a tag on the declaration itself.
    pub fn decl_tags(&self, id: BtfId) -> impl Iterator<Item = (Option<u32>, &str)> {
        let of = move |btf: &'_ Btf| {
            let index = btf.tags.get_or_init(|| TagIndex::build(btf));
            index.of(id).collect::<Vec<_>>()
        };
        let mut tags: Vec<_> = self.lineage().flat_map(of).collect();
        tags.sort_unstable();
        tags.into_iter().filter_map(|tag| match self.ty(tag) {
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
pub fn essential_name(name: &str) -> &str {
    let separator = name.as_bytes().windows(5).rposition(|window| {
        matches!(window, [before, b'_', b'_', b'_', after] if *before != b'_' && *after != b'_')
    });
    match separator {
        Some(before) => name.get(..=before).unwrap_or(name),
        None => name,
    }
}

/// The strings with a flavour, ascending. Compilers and kernels hardly have any, so the megabytes
/// of a kernel's strings are searched in steps of three bytes, one of which hits each `___`.
fn flavours(btf: &Btf) -> Vec<StrRef> {
    let strings = btf.string_bytes();
    let mut found = Vec::new();
    let third = strings.iter().enumerate().skip(2).step_by(3);
    for (at, _) in third.filter(|&(_, &byte)| byte == b'_') {
        let around = strings.get(at - 2..).unwrap_or_default();
        let around = around.get(..5).unwrap_or(around);
        if !around.windows(3).any(|window| window == b"___") {
            continue;
        }
        let before = strings.get(..at).unwrap_or_default();
        let start = before
            .iter()
            .rposition(|&byte| byte == 0)
            .map_or(0, |nul| nul + 1);
        let text = StrRef((start as u32).saturating_add(btf.first_string));
        let name = btf.text(text);
        if essential_name(name).len() < name.len() && found.last() != Some(&text) {
            found.push(text);
        }
    }
    found
}

/// Types by hash of their name: a chain of ids for each bucket, ascending.
pub(super) struct NameIndex {
    /// First id of each bucket, 0 for none; a power of two of them.
    heads: Vec<u32>,
    /// The id after each id in its bucket, 0 for none.
    next: Vec<u32>,
    /// The id that `next` starts with.
    first: u32,
}

impl NameIndex {
    fn build(btf: &Btf) -> NameIndex {
        let count = btf.offsets.len();
        let mut index = NameIndex {
            heads: vec![0; count.next_power_of_two()],
            next: vec![0; count],
            first: btf.first_id,
        };
        for id in btf.own_ids().rev() {
            let Some((_, text)) = record::kind_and_name(btf, id).filter(|(_, text)| text.0 != 0)
            else {
                continue;
            };
            let bucket = index.bucket_of(hash(btf.text_on(text)));
            let place = (id.0 - index.first) as usize;
            if let (Some(head), Some(next)) =
                (index.heads.get_mut(bucket), index.next.get_mut(place))
            {
                *next = std::mem::replace(head, id.0);
            }
        }
        index
    }

    fn bucket_of(&self, hash: u32) -> usize {
        hash as usize & (self.heads.len() - 1)
    }

    fn bucket(&self, hash: u32) -> impl Iterator<Item = BtfId> + '_ {
        let first = self.heads.get(self.bucket_of(hash)).copied();
        let next = |&id: &u32| self.next.get(id.checked_sub(self.first)? as usize).copied();
        std::iter::successors(first, next)
            .take_while(|&id| id != 0)
            .map(BtfId)
    }
}

/// A quick hash of the text up to its NUL or end, eight bytes at a time: a kernel has a hundred
/// thousand names. Collisions cost time only.
fn hash(text: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut hash = 0;
    let mut rest = text;
    loop {
        let (word, after) = match rest.split_first_chunk::<8>() {
            Some((word, after)) => (u64::from_le_bytes(*word), after),
            None => (
                rest.iter()
                    .rev()
                    .fold(0, |word, &byte| (word << 8) | u64::from(byte)),
                [].as_slice(),
            ),
        };
        // The lowest high bit set is that of the first zero byte.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            let before = (1 << (zeros.trailing_zeros() / 8 * 8)) - 1;
            return (mix(hash, word & before) >> 32) as u32;
        }
        hash = mix(hash, word);
        rest = after;
    }
}

/// Declaration tags by what they are on.
pub(super) struct TagIndex {
    /// Declaration and tag, ascending.
    pairs: Vec<(BtfId, BtfId)>,
}

impl TagIndex {
    fn build(btf: &Btf) -> TagIndex {
        let tagged = |id| match record::kind_and_name(btf, id) {
            Some((Kind::DeclTag, _)) => match btf.ty(id) {
                Type::DeclTag { to, .. } => Some((to, id)),
                _ => None,
            },
            _ => None,
        };
        let mut pairs: Vec<_> = btf.own_ids().filter_map(tagged).collect();
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

#[cfg(test)]
mod tests {
    use super::super::testdata::Builder;
    use super::*;

    #[test]
    fn flavours_are_found_wherever_they_lie() {
        for padding in 0..6 {
            let mut builder = Builder::new();
            builder.text(&"x".repeat(padding));
            let first = builder.text("a___b");
            builder.text("___none");
            builder.text("none____none");
            let second = builder.text("a___b___c");
            let btf = builder.build();
            assert_eq!(flavours(&btf), [StrRef(first), StrRef(second)], "{padding}");
        }
    }

    #[test]
    fn essential_name_ends_at_the_last_flavour() {
        assert_eq!(essential_name("a___b___c"), "a___b");
        assert_eq!(essential_name("plain"), "plain");
        assert_eq!(essential_name("____a"), "____a");
        assert_eq!(essential_name("a____b"), "a____b");
        assert_eq!(essential_name("a___"), "a___");
        assert_eq!(essential_name(""), "");
    }

    #[test]
    fn hash_of_a_name_ends_at_its_nul() {
        for len in 0..20 {
            let name = "n".repeat(len);
            let longer = format!("{name}\0and more of it");
            assert_eq!(hash(name.as_bytes()), hash(longer.as_bytes()), "{len}");
        }
        assert_ne!(hash(b"ab"), hash(b"ba"));
    }
}
