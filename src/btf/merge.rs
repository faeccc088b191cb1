//! Type information of several objects as one, with each type once.
//!
//! Types are the same when nothing that can be asked of them differs: kind, name, size, members, and the same of all that they
//! refer to. That is found by refinement: types start out in one class for each shape, and classes are split
//! until types of one class refer to types of the same classes. Circles of types need no special care so.
//!
//! - A declaration of a structure or union is taken for its definition where all definitions of the name have one shape.
//! - Variables are never the same unless [`Merge::replace`] says so: two objects may each have a `static int count`.
//! - Sections of variables are left out; [`Merge::add_section`] makes new ones, since offsets are the linker's to say.

use std::collections::HashMap;

use super::parse::u32_at;
use super::record::{self, HEAD_LEN};
use super::{Btf, BtfId, Kind};

/// Splitting goes on for at most this many rounds. Types that differ only further away than this are not made by
/// compilers; then every type is kept.
const MAX_ROUNDS: usize = 512;
/// The class of `void`.
const VOID: u32 = u32::MAX;
const MAGIC: u32 = 0x0001_eb9f;
const HEADER_LEN: u32 = 24;

/// A type before it has its final id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MergedId(u32);

/// When a declaration agrees with a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The types are the same but for typedefs, qualifiers, the signs of numbers and the names of parameters;
    /// a structure may be declared only, and an array may lack its size.
    Type,
    /// Both are structures that describe a map: the same members, in any order.
    Map,
}

/// What became of the ids of an object that was added.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    shift: u32,
    count: u32,
}

impl Moved {
    /// The type that had that id; none for `void` and ids that do not exist.
    pub fn id(self, id: BtfId) -> Option<MergedId> {
        let exists = id != BtfId::VOID && id.0 < self.count;
        exists.then(|| MergedId(id.0 + self.shift))
    }
}

/// Types while they are collected.
#[derive(Default)]
pub struct Merge {
    /// Every record that was added, by its [`MergedId`] less 1.
    records: Vec<Entry>,
    strings: Strings,
}

/// A record with ids that count through all inputs, and names in the common string section.
pub(super) struct Entry {
    kind: Kind,
    /// The words of the head and what follows it.
    pub(super) words: Vec<u32>,
    /// What stands for it instead.
    replaced: Option<MergedId>,
    /// Whether it is left out.
    dropped: bool,
}

/// The result.
pub struct Merged {
    /// The `.BTF` section.
    pub bytes: Vec<u8>,
    /// The final id of each type, by [`MergedId`] less 1.
    ids: Vec<BtfId>,
}

impl Merged {
    /// The id that a type has got.
    pub fn id(&self, id: MergedId) -> BtfId {
        let index = (id.0 as usize).checked_sub(1);
        let found = index.and_then(|index| self.ids.get(index));
        found.copied().unwrap_or_default()
    }
}

/// The string section.
#[derive(Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    offsets: HashMap<Vec<u8>, u32>,
}

impl Strings {
    pub(super) fn add(&mut self, text: &[u8]) -> u32 {
        if self.bytes.is_empty() {
            self.bytes.push(0);
        }
        if text.is_empty() {
            return 0;
        }
        if let Some(&offset) = self.offsets.get(text) {
            return offset;
        }
        // Inputs have at most 4 GiB each; what does not fit is refused by whoever parses it.
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.offsets.insert(text.to_vec(), offset);
        offset
    }
}

/// The words of a record that are names, and those that are types, by index; entries repeat with a stride.
struct Shape {
    /// Whether word 2 is a type.
    refers: bool,
    /// Words of names in an entry.
    names: &'static [usize],
    /// Words of types in an entry.
    types: &'static [usize],
    /// Words of an entry, 0 where there are none.
    stride: usize,
}

fn shape(kind: Kind) -> Shape {
    let refers = record::refers(kind);
    let (names, types, stride): (&[usize], &[usize], usize) = match kind {
        Kind::Array => (&[], &[0, 1], 3),
        Kind::Struct | Kind::Union => (&[0], &[1], 3),
        Kind::FuncProto => (&[0], &[1], 2),
        Kind::Enum => (&[0], &[], 2),
        Kind::Enum64 => (&[0], &[], 3),
        Kind::Datasec => (&[], &[0], 3),
        Kind::Int | Kind::Ptr | Kind::Fwd | Kind::Typedef | Kind::Volatile => (&[], &[], 0),
        Kind::Const | Kind::Restrict | Kind::Func | Kind::Var => (&[], &[], 0),
        Kind::Float | Kind::DeclTag | Kind::TypeTag => (&[], &[], 0),
    };
    Shape {
        refers,
        names,
        types,
        stride,
    }
}

/// How many words the head of a record has.
const HEAD_WORDS: usize = HEAD_LEN / 4;

impl Entry {
    /// The record of a type as it is.
    pub(super) fn of(btf: &Btf, id: BtfId) -> Option<Entry> {
        let found = record::record(btf, id)?;
        let head = [found.head.name, found.head.info, found.head.size_or_type];
        let tail = (0..found.tail.len() / 4).filter_map(|i| u32_at(found.tail, i * 4));
        Some(Entry {
            kind: found.kind,
            words: head.into_iter().chain(tail).collect(),
            replaced: None,
            dropped: false,
        })
    }

    fn name(&self) -> u32 {
        self.words.first().copied().unwrap_or_default()
    }

    /// Applies a function to each word that is a type.
    pub(super) fn map_types(&mut self, mut change: impl FnMut(u32) -> u32) {
        let shape = shape(self.kind);
        let split = HEAD_WORDS.min(self.words.len());
        let (head, tail) = self.words.split_at_mut(split);
        if let (true, Some(word)) = (shape.refers, head.get_mut(2)) {
            *word = change(*word);
        }
        for entry in tail.chunks_exact_mut(shape.stride.max(1)) {
            for &index in shape.types {
                if let Some(word) = entry.get_mut(index) {
                    *word = change(*word);
                }
            }
        }
    }

    /// Applies a function to each word that is a name.
    pub(super) fn map_names(&mut self, mut change: impl FnMut(u32) -> u32) {
        let shape = shape(self.kind);
        let split = HEAD_WORDS.min(self.words.len());
        let (head, tail) = self.words.split_at_mut(split);
        if let Some(word) = head.first_mut() {
            *word = change(*word);
        }
        for entry in tail.chunks_exact_mut(shape.stride.max(1)) {
            for &index in shape.names {
                if let Some(word) = entry.get_mut(index) {
                    *word = change(*word);
                }
            }
        }
    }

    /// The record with its types replaced by what the function says.
    fn with_types(&self, change: impl FnMut(u32) -> u32) -> Vec<u32> {
        let mut copy = Entry {
            kind: self.kind,
            words: self.words.clone(),
            replaced: None,
            dropped: false,
        };
        copy.map_types(change);
        copy.words
    }
}

impl Merge {
    /// Adds all types of an object.
    pub fn add(&mut self, btf: &Btf) -> Moved {
        let shift = self.records.len() as u32;
        let count = btf.type_count();
        for id in btf.ids() {
            let Some(mut entry) = Entry::of(btf, id) else {
                continue;
            };
            entry.dropped = entry.kind == Kind::Datasec;
            entry.map_types(|id| if id == 0 { 0 } else { id.saturating_add(shift) });
            let strings = &mut self.strings;
            entry.map_names(|name| strings.add(btf.text_bytes(super::StrRef(name))));
            self.records.push(entry);
        }
        Moved { shift, count }
    }

    /// The offset of a string in the common string section.
    pub fn text(&mut self, text: &str) -> u32 {
        self.strings.add(text.as_bytes())
    }

    /// Lets one type stand for another wherever that is referred to.
    pub fn replace(&mut self, id: MergedId, by: MergedId) {
        if id != by
            && let Some(entry) = self.entry_mut(id)
        {
            entry.replaced = Some(by);
        }
    }

    /// Adds a section of variables: each with its offset and size. It has no id until the end.
    pub fn add_section(&mut self, name: &str, size: u32, variables: &[(MergedId, u32, u32)]) {
        let name = self.text(name);
        let count = variables.len().min(usize::from(u16::MAX));
        let info = ((Kind::Datasec as u32) << 24) | count as u32;
        let entries = variables.iter().take(count);
        let tail = entries.flat_map(|&(id, offset, size)| [id.0, offset, size]);
        self.records.push(Entry {
            kind: Kind::Datasec,
            words: [name, info, size].into_iter().chain(tail).collect(),
            replaced: None,
            dropped: false,
        });
    }

    /// Whether declarations can be of the same things as definitions, by the rule given for each pair.
    pub fn agree(&self, pairs: &[(MergedId, MergedId, Agreement)]) -> Vec<bool> {
        let comparison = Comparison {
            merge: self,
            classes: self.classes(),
        };
        let agree = |&(one, other, rule): &(MergedId, MergedId, Agreement)| match rule {
            Agreement::Type => comparison.same(one.0, other.0, 0),
            Agreement::Map => comparison.same_maps(one.0, other.0),
        };
        pairs.iter().map(agree).collect()
    }

    /// The section, and what became of each type.
    pub fn finish(mut self) -> Merged {
        self.resolve_declarations();
        let classes = self.classes();
        let mut of_class: HashMap<u32, BtfId> = HashMap::new();
        let mut ids = vec![BtfId::VOID; self.records.len()];
        let mut kept = Vec::new();
        for (index, entry) in self.records.iter().enumerate() {
            if entry.dropped || entry.replaced.is_some() {
                continue;
            }
            let class = classes.get(index).copied().unwrap_or(VOID);
            let next = BtfId(kept.len() as u32 + 1);
            let id = *of_class.entry(class).or_insert(next);
            if id == next {
                kept.push(index);
            }
            if let Some(place) = ids.get_mut(index) {
                *place = id;
            }
        }
        let all: Vec<BtfId> = (0..ids.len() as u32)
            .map(|index| {
                let target = self.target(index + 1).checked_sub(1);
                let found = target.and_then(|target| ids.get(target as usize));
                found.copied().unwrap_or_default()
            })
            .collect();
        let of = |id: u32| {
            let index = id.checked_sub(1);
            let found = index.and_then(|index| all.get(index as usize));
            found.map_or(0, |id| id.0)
        };
        let records = kept.into_iter().filter_map(|index| self.records.get(index));
        let words: Vec<u32> = records.flat_map(|entry| entry.with_types(of)).collect();
        let bytes = section(&words, &self.strings);
        Merged { bytes, ids: all }
    }

    fn entry_mut(&mut self, id: MergedId) -> Option<&mut Entry> {
        let index = (id.0 as usize).checked_sub(1)?;
        self.records.get_mut(index)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        self.records.get((id as usize).checked_sub(1)?)
    }

    /// What stands for a type at last.
    fn target(&self, id: u32) -> u32 {
        let mut id = id;
        // A chain is as long as there are objects, and broken use of `replace` could close it.
        for _ in 0..self.records.len() {
            match self.entry(id).and_then(|entry| entry.replaced) {
                Some(by) => id = by.0,
                None => break,
            }
        }
        id
    }

    /// Lets definitions stand for declarations of their name.
    fn resolve_declarations(&mut self) {
        let mut definitions: HashMap<(Kind, u32), (usize, bool)> = HashMap::new();
        for (index, entry) in self.records.iter().enumerate() {
            let is_definition = matches!(entry.kind, Kind::Struct | Kind::Union);
            if !is_definition || entry.name() == 0 || entry.replaced.is_some() {
                continue;
            }
            let known = definitions.entry((entry.kind, entry.name()));
            let (first, same) = known.or_insert((index, true));
            let shape = |entry: &Entry| entry.with_types(|_| 0);
            *same &= self.records.get(*first).map(shape) == Some(shape(entry));
        }
        for entry in &mut self.records {
            if entry.kind != Kind::Fwd || entry.replaced.is_some() {
                continue;
            }
            let is_union = entry.words.get(1).is_some_and(|info| info >> 31 == 1);
            let kind = if is_union { Kind::Union } else { Kind::Struct };
            if let Some(&(index, true)) = definitions.get(&(kind, entry.name())) {
                entry.replaced = Some(MergedId(index as u32 + 1));
            }
        }
    }

    /// The class of each record: records of one class are the same type.
    fn classes(&self) -> Vec<u32> {
        let mut classes = vec![0; self.records.len()];
        let mut count = 0;
        for _ in 0..MAX_ROUNDS {
            let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
            let next: Vec<u32> = (0..)
                .zip(&self.records)
                .zip(&classes)
                .map(|((index, entry), class)| {
                    let mut key = entry.with_types(|id| self.class_of(id, &classes));
                    key.push(*class);
                    if matches!(entry.kind, Kind::Var | Kind::Datasec) {
                        key.push(index);
                    }
                    let fresh = known.len() as u32;
                    *known.entry(key).or_insert(fresh)
                })
                .collect();
            classes = next;
            if known.len() == count {
                return classes;
            }
            count = known.len();
        }
        (0..).take(self.records.len()).collect()
    }

    fn class_of(&self, id: u32, classes: &[u32]) -> u32 {
        let index = self.target(id).checked_sub(1);
        let class = index.and_then(|index| classes.get(index as usize));
        class.copied().unwrap_or(VOID)
    }
}

/// How deep the type of a variable is in a comparison: only there may an array lack its size.
const VARIABLE: usize = 1;

/// The comparison of declarations with definitions.
struct Comparison<'a> {
    merge: &'a Merge,
    classes: Vec<u32>,
}

impl Comparison<'_> {
    fn same(&self, one: u32, other: u32, depth: usize) -> bool {
        let (one, other) = (self.bare(one), self.bare(other));
        if self.merge.class_of(one, &self.classes) == self.merge.class_of(other, &self.classes) {
            return true;
        }
        let (Some(a), Some(b)) = (self.merge.entry(one), self.merge.entry(other)) else {
            return false;
        };
        if depth > super::MAX_DEPTH {
            return false;
        }
        let is_composite = |kind| matches!(kind, Kind::Struct | Kind::Union | Kind::Fwd);
        match (a.kind, b.kind) {
            (Kind::Fwd, kind) | (kind, Kind::Fwd) => is_composite(kind) && a.name() == b.name(),
            (Kind::Struct, Kind::Struct) | (Kind::Union, Kind::Union) => {
                // What their members point to may be declared in one object only.
                a.name() == b.name() && a.with_types(|_| 0) == b.with_types(|_| 0)
            }
            (Kind::Int | Kind::Float, _) | (Kind::Enum | Kind::Enum64, _) if a.kind == b.kind => {
                word(a, 2) == word(b, 2)
            }
            (Kind::Array, Kind::Array) => {
                let count = |entry: &Entry| entry.words.get(5).copied().unwrap_or_default();
                let is_open = depth <= VARIABLE && (count(a) == 0 || count(b) == 0);
                let sizes = count(a) == count(b) || is_open;
                sizes && self.same(word(a, 3), word(b, 3), depth + 1)
            }
            (Kind::FuncProto, Kind::FuncProto) => self.same_prototypes(a, b, depth),
            (Kind::Ptr, Kind::Ptr) | (Kind::Func, Kind::Func) | (Kind::Var, Kind::Var) => {
                self.same(word(a, 2), word(b, 2), depth + 1)
            }
            _ => false,
        }
    }

    /// Whether variables describe the same map.
    fn same_maps(&self, one: u32, other: u32) -> bool {
        let members = |id: u32| -> Option<Vec<(u32, u32)>> {
            let ty = self.bare(word(self.merge.entry(id)?, 2));
            let entry = self
                .merge
                .entry(ty)
                .filter(|entry| entry.kind == Kind::Struct)?;
            let tail = entry.words.get(HEAD_WORDS..)?.chunks_exact(3);
            let members = tail.filter_map(|member| Some((*member.first()?, *member.get(1)?)));
            let mut members: Vec<(u32, u32)> = members.collect();
            members.sort_unstable();
            Some(members)
        };
        let (Some(ours), Some(theirs)) = (members(one), members(other)) else {
            return self.same(one, other, 0);
        };
        let mut pairs = ours.iter().zip(&theirs);
        let same =
            |(a, b): (&(u32, u32), &(u32, u32))| a.0 == b.0 && self.same(a.1, b.1, VARIABLE + 1);
        ours.len() == theirs.len() && pairs.all(same)
    }

    fn same_prototypes(&self, a: &Entry, b: &Entry, depth: usize) -> bool {
        let params = |entry: &Entry| -> Vec<u32> {
            let tail = entry.words.get(HEAD_WORDS..).unwrap_or_default();
            tail.chunks_exact(2)
                .filter_map(|param| param.get(1).copied())
                .collect()
        };
        let (ours, theirs) = (params(a), params(b));
        let mut pairs = ours.iter().zip(&theirs);
        ours.len() == theirs.len()
            && self.same(word(a, 2), word(b, 2), depth + 1)
            && pairs.all(|(&one, &other)| self.same(one, other, depth + 1))
    }

    /// The type without typedefs and qualifiers.
    fn bare(&self, id: u32) -> u32 {
        let mut id = self.merge.target(id);
        for _ in 0..super::MAX_DEPTH {
            match self.merge.entry(id) {
                Some(entry) => match entry.kind {
                    Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict => {
                        id = self.merge.target(word(entry, 2));
                    }
                    _ => return id,
                },
                None => return id,
            }
        }
        id
    }
}

fn word(entry: &Entry, index: usize) -> u32 {
    entry.words.get(index).copied().unwrap_or_default()
}

/// A `.BTF` section of these records and strings.
pub(super) fn section(words: &[u32], strings: &Strings) -> Vec<u8> {
    let types: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let text: &[u8] = if strings.bytes.is_empty() {
        &[0]
    } else {
        &strings.bytes
    };
    let (types_len, text_len) = (types.len() as u32, text.len() as u32);
    let header = [MAGIC, HEADER_LEN, 0, types_len, types_len, text_len];
    let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(types);
    bytes.extend(text);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{Builder, types};
    use super::super::{KindFilter, Type};
    use super::*;

    /// A list node that points to itself and to something that is only declared.
    fn node(declared: &str) -> Btf {
        let mut builder = Builder::new();
        let (next, other) = (builder.text("next"), builder.text("other"));
        builder.record("node", Kind::Struct, 2, 16, &[next, 2, 0, other, 4, 64]);
        builder.record("", Kind::Ptr, 0, 1, &[]);
        builder.record(declared, Kind::Fwd, 0, 0, &[]);
        builder.record("", Kind::Ptr, 0, 3, &[]);
        builder.build()
    }

    #[test]
    fn an_object_twice_has_each_type_once() {
        let btf = types();
        let mut merge = Merge::default();
        merge.add(&btf);
        merge.add(&btf);
        let merged = Btf::parse(merge.finish().bytes).expect("the result is valid");
        let variables = |btf: &Btf, kind| {
            let is_kind = |id: &BtfId| btf.ty(*id).kind() == Some(kind);
            btf.ids().filter(is_kind).count() as u32
        };
        let (vars, sections) = (variables(&btf, Kind::Var), variables(&btf, Kind::Datasec));
        // A tag on a variable is as much its own as the variable.
        let tagged = btf.ids().filter(|&id| match btf.ty(id) {
            Type::DeclTag { to, .. } => btf.ty(to).kind() == Some(Kind::Var),
            _ => false,
        });
        let own = vars + tagged.count() as u32;
        assert_eq!(merged.type_count(), btf.type_count() + own - sections);
    }

    #[test]
    fn circles_of_types_are_merged_and_differences_far_away_are_kept() {
        let mut merge = Merge::default();
        let first = merge.add(&node("one"));
        let second = merge.add(&node("one"));
        let third = merge.add(&node("two"));
        let id = |moved: Moved| moved.id(BtfId(1)).expect("it was added");
        let (first, second, third) = (id(first), id(second), id(third));
        let merged = merge.finish();
        assert_eq!(merged.id(first), merged.id(second));
        assert_ne!(merged.id(first), merged.id(third));
        let btf = Btf::parse(merged.bytes).expect("the result is valid");
        assert_eq!(btf.type_count() - 1, 8);
    }

    #[test]
    fn declaration_is_taken_for_the_definition_of_its_name() {
        let mut builder = Builder::new();
        builder.record("one", Kind::Struct, 0, 4, &[]);
        let mut merge = Merge::default();
        merge.add(&node("one"));
        merge.add(&builder.build());
        let btf = Btf::parse(merge.finish().bytes).expect("the result is valid");
        assert_eq!(btf.find("one", KindFilter::of(Kind::Fwd)), None);
        let node = btf.find("node", KindFilter::STRUCT).expect("it is there");
        let (_, member) = btf.member(node, "other").expect("it is there");
        assert_eq!(btf.type_name(member.ty), "struct one *");
        assert_eq!(
            btf.size_of(btf.find("one", KindFilter::STRUCT).expect("it is there")),
            Some(4)
        );
    }

    #[test]
    fn declarations_agree_whatever_parameters_are_called() {
        let function = |param: &str, bits: u32| {
            let mut builder = Builder::new();
            let name = if param.is_empty() {
                0
            } else {
                builder.text(param)
            };
            builder.record("int", Kind::Int, 0, bits / 8, &[0x0100_0000 | bits]);
            builder.record("number", Kind::Typedef, 0, 1, &[]);
            builder.record("", Kind::FuncProto, 1, 1, &[name, 2]);
            builder.record("f", Kind::Func, 1, 3, &[]);
            builder.build()
        };
        let mut merge = Merge::default();
        let ids: Vec<MergedId> = [function("a", 32), function("", 32), function("a", 64)]
            .iter()
            .map(|btf| merge.add(btf).id(BtfId(4)).expect("it was added"))
            .collect();
        let pair = |index: usize| (ids[0], ids[index], Agreement::Type);
        assert_eq!(merge.agree(&[pair(1), pair(2)]), [true, false]);
    }
}
