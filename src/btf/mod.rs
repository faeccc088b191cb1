//! BPF Type Format: the type graph of an object or a kernel, and everything asked of it.
//!
//! It covers `.BTF` (all kinds to 19), also of modules, split from their kernel's, `.BTF.ext`, names
//! and layouts, CO-RE matching, and values as text. It knows neither ELF nor kernels nor maps: bytes come in, types come out.
//!
//! Rules:
//! - [`Btf::parse`] validates every count, reference and string offset once and keeps only where
//!   each type starts; types are decoded when they are asked for ([`Btf::ty`]) and borrow the bytes.
//! - What is asked about later cannot fail for broken input: an id out of range is
//!   [`Type::Void`], a chain of references longer than [`MAX_DEPTH`] ends in void, and searches
//!   visit a type at most once. Cycles therefore end everywhere.
//! - Offsets in errors count from the start of the section.
//!
//! The format is described in the kernel's `Documentation/bpf/btf.rst` and
//! `include/uapi/linux/btf.h` (6.12).

pub mod core;
mod distilled;
mod embedded;
mod error;
mod ext;
mod header;
mod index;
mod merge;
mod name;
mod parse;
mod query;
mod raw;
mod record;
mod section;
mod types;
mod value;

#[cfg(test)]
mod kernel_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod testdata;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ffi::CStr;
use std::sync::{Arc, OnceLock};

pub use embedded::kernel_6_12;
pub use error::{BtfError, Problem};
pub use ext::{BtfExt, CoreRelo, FuncInfo, InfoSection, LineInfo};
pub use header::{HeaderError, Roots};
pub use index::{KindFilter, essential_name};
pub use merge::{Agreement, Merge, Merged, MergedId, Moved};
pub use query::MemberLocation;
pub use raw::{Fact, Facts, RawEntry, RawType, kind_name, name_or_anonymous};
pub use types::{
    Composite, Encoding, Enum, EnumValue, FuncLinkage, Kind, List, Member, Param, SecEntry, Type,
    VarLinkage,
};
pub use value::{Value, format_value, read_bits, value};

/// How many references in a row are followed before the chain counts as void.
///
/// The kernel resolves at most 32 deep (`MAX_RESOLVE_DEPTH` in `kernel/bpf/btf.c`).
pub const MAX_DEPTH: usize = 64;

/// The size of a pointer in eBPF and in every kernel with eBPF that matters here.
pub const POINTER_SIZE: u64 = 8;

/// The id of a type; 0 is `void`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BtfId(pub u32);

impl BtfId {
    /// `void`.
    pub const VOID: BtfId = BtfId(0);

    /// The id as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for BtfId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A string of a [`Btf`], by offset; [`Btf::text`] reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrRef(pub(crate) u32);

/// A parsed `.BTF` section.
pub struct Btf {
    /// The types whose ids and strings these continue.
    base: Option<Arc<Btf>>,
    /// The id of the first entry of `offsets`: 0, or how many types the base has.
    first_id: u32,
    /// The offset of the first string: 0, or how many bytes of strings the base has.
    first_string: u32,
    /// The section as it came.
    bytes: Cow<'static, [u8]>,
    /// Where the string section lies in `bytes`.
    strings: std::ops::Range<usize>,
    /// The string section with `?` for each byte that is not UTF-8, if there was one.
    sanitised: Option<Box<[u8]>>,
    /// Where each type's record starts in `bytes`, by id from `first_id`; the entry of `void` is
    /// unused.
    offsets: Vec<u32>,
    names: OnceLock<index::NameIndex>,
    flavours: OnceLock<Vec<StrRef>>,
    tags: OnceLock<index::TagIndex>,
}

impl Btf {
    /// Parses and validates a `.BTF` section.
    ///
    /// # Errors
    /// Says at which offset of the section the first violation of the format is.
    pub fn parse(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Btf, BtfError> {
        parse::parse(bytes.into(), None)
    }

    /// Parses a section whose ids and strings continue those of `base`, as a module's do its
    /// kernel's.
    ///
    /// # Errors
    /// Says at which offset of the section the first violation of the format is. That the section
    /// was made for another base can be seen only if it refers to something that is not there.
    pub fn parse_split(
        base: Arc<Btf>,
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Btf, BtfError> {
        parse::parse(bytes.into(), Some(base))
    }

    /// These types, those they are split from, and so on.
    fn lineage(&self) -> impl Iterator<Item = &Btf> {
        std::iter::successors(Some(self), |btf| btf.base.as_deref())
    }

    /// The section's bytes, as they were parsed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many ids there are, `void` included: ids are less than this.
    pub fn type_count(&self) -> u32 {
        let own = u32::try_from(self.offsets.len()).unwrap_or(u32::MAX);
        self.first_id.saturating_add(own)
    }

    /// All ids but `void`'s, ascending.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = BtfId> + use<> {
        (1..self.type_count()).map(BtfId)
    }

    /// All ids but those of the base and `void`'s, ascending.
    pub fn own_ids(&self) -> impl DoubleEndedIterator<Item = BtfId> + use<> {
        (self.first_id.max(1)..self.type_count()).map(BtfId)
    }

    /// The type of that id, [`Type::Void`] when there is none.
    pub fn ty(&self, id: BtfId) -> Type<'_> {
        record::decode(self, id)
    }

    /// The string at that reference, empty when there is none.
    pub fn text(&self, text: StrRef) -> &str {
        std::str::from_utf8(self.text_bytes(text)).unwrap_or_default()
    }

    /// The bytes of the string at that reference without its NUL.
    fn text_bytes(&self, text: StrRef) -> &[u8] {
        CStr::from_bytes_until_nul(self.text_on(text))
            .map(CStr::to_bytes)
            .unwrap_or_default()
    }

    /// The strings from that reference on.
    fn text_on(&self, text: StrRef) -> &[u8] {
        match (&self.base, text.0.checked_sub(self.first_string)) {
            (_, Some(offset)) => self
                .string_bytes()
                .get(offset as usize..)
                .unwrap_or_default(),
            (Some(base), None) => base.text_on(text),
            (None, None) => &[],
        }
    }

    /// Where the strings end: references are less than this.
    fn string_end(&self) -> usize {
        self.strings.len() + self.first_string as usize
    }

    /// The string section, readable as UTF-8.
    fn string_bytes(&self) -> &[u8] {
        match &self.sanitised {
            Some(strings) => strings,
            None => self.bytes.get(self.strings.clone()).unwrap_or_default(),
        }
    }

    /// The bytes from the record of a type on.
    fn record_on(&self, id: BtfId) -> Option<&[u8]> {
        match &self.base {
            Some(base) if id.0 < self.first_id => base.record_on(id),
            _ => self.bytes.get(self.record_offset(id)?..),
        }
    }

    /// Where the record of a type starts in [`Btf::bytes`].
    fn record_offset(&self, id: BtfId) -> Option<usize> {
        let place = id.0.checked_sub(self.first_id)?;
        let offset = self.offsets.get(place as usize)?;
        (id != BtfId::VOID).then_some(*offset as usize)
    }
}

impl std::fmt::Debug for Btf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Btf")
            .field("types", &self.offsets.len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
