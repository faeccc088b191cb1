//! The one pass over a `.BTF` section: it checks everything and notes where each type starts.
//!
//! It decodes nothing for keeps; `record` does that on demand and relies on
//! what is checked here.
//!
//! The limits are libbpf's (`btf_parse_hdr`, `btf_validate_type` in `tools/lib/bpf/btf.c`), and the
//! kernel's for integers (`btf_int_check_meta` in `kernel/bpf/btf.c`).

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::record;
use super::{Btf, BtfError, BtfId, Kind, Problem, StrRef};

/// Bytes of the header's first version.
const HEADER_LEN: u32 = 24;
const MAGIC: u16 = 0xeb9f;

/// Parses and validates a section that continues another one's types, or stands alone.
pub(super) fn parse(bytes: Cow<'static, [u8]>, base: Option<Arc<Btf>>) -> Result<Btf, BtfError> {
    let bytes = little_endian(bytes);
    let header = Header::parse(&bytes)?;
    let strings = Strings::check(&bytes, header.strings.clone(), base.as_deref())?;
    let offsets = Scan::new(&bytes, header.types, &strings).run()?;
    let (first_id, first_string) = (strings.first_id(), strings.first);
    let sanitised = strings.sanitised;
    let strings = header.strings;
    Ok(Btf {
        base,
        first_id,
        first_string,
        bytes,
        strings,
        sanitised,
        offsets,
        names: OnceLock::new(),
        flavours: OnceLock::new(),
        tags: OnceLock::new(),
    })
}

/// The section as a little-endian machine has it. But for the magic number, header and types are words; whether they
/// are in order is for others to say.
fn little_endian(bytes: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
    let magic = bytes.first_chunk::<2>().copied();
    if magic.map(u16::from_be_bytes) != Some(MAGIC) {
        return bytes;
    }
    let mut swapped = bytes.into_owned();
    swapped.swap(0, 1);
    let header = swapped.get_mut(4..HEADER_LEN as usize);
    header.into_iter().for_each(swap_words);
    let field = |at| u32_at(&swapped, at).unwrap_or_default() as usize;
    let start = field(4).saturating_add(field(8));
    let end = start.saturating_add(field(12)).min(swapped.len());
    swapped.get_mut(start..end).into_iter().for_each(swap_words);
    Cow::Owned(swapped)
}

fn swap_words(bytes: &mut [u8]) {
    bytes
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .for_each(|word| word.reverse());
}

/// A `u32` at an offset, if it is inside.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

/// The start common to the headers of `.BTF` and `.BTF.ext`; returns the header's length.
pub(super) fn check_preamble(
    bytes: &[u8],
    section: &'static str,
    least: u32,
) -> Result<u32, BtfError> {
    let error = |offset, problem| BtfError {
        section,
        offset,
        problem,
    };
    let Some(&[magic0, magic1, version, flags, ref len @ ..]) = bytes.first_chunk::<8>() else {
        return Err(error(0, truncated("header", 8, bytes.len())));
    };
    match u16::from_le_bytes([magic0, magic1]) {
        MAGIC => {}
        got if got == MAGIC.swap_bytes() => return Err(error(0, Problem::BigEndian)),
        got => return Err(error(0, Problem::BadMagic { got })),
    }
    if version != 1 {
        return Err(error(2, Problem::BadVersion { got: version }));
    }
    if flags != 0 {
        return Err(error(3, Problem::BadFlags { got: flags }));
    }
    let got = u32::from_le_bytes(*len);
    if got < least {
        return Err(error(4, Problem::BadHeaderLength { got, want: least }));
    }
    if bytes.len() < got as usize {
        return Err(error(0, truncated("header", u64::from(got), bytes.len())));
    }
    Ok(got)
}

/// The problem of a section that ends too early.
pub(super) fn truncated(what: &'static str, want: u64, have: usize) -> Problem {
    Problem::Truncated {
        what,
        want,
        have: have as u64,
    }
}

/// The part of `bytes` that a header describes as `offset` and `len` from its end.
pub(super) fn part(
    bytes: &[u8],
    header_len: u32,
    offset: u32,
    len: u32,
    what: &'static str,
) -> Result<Range<usize>, Problem> {
    let start = u64::from(header_len) + u64::from(offset);
    let end = start + u64::from(len);
    let have = bytes.len() as u64;
    if end > have {
        let left = bytes
            .len()
            .saturating_sub(usize::try_from(start).unwrap_or(usize::MAX));
        return Err(truncated(what, u64::from(len), left));
    }
    Ok(start as usize..end as usize)
}

fn error(offset: usize, problem: Problem) -> BtfError {
    BtfError {
        section: ".BTF",
        offset,
        problem,
    }
}

/// Where the two parts of the section are.
struct Header {
    types: Range<usize>,
    strings: Range<usize>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Header, BtfError> {
        let len = check_preamble(bytes, ".BTF", HEADER_LEN)?;
        let field = |offset| u32_at(bytes, offset).unwrap_or_default();
        let (type_off, type_len, str_off, str_len) = (field(8), field(12), field(16), field(20));
        if type_off % 4 != 0 {
            return Err(error(
                8,
                Problem::Misaligned {
                    what: "the type section",
                    got: type_off,
                },
            ));
        }
        let types = part(bytes, len, type_off, type_len, "the type section")
            .map_err(|problem| error(8, problem))?;
        let strings = part(bytes, len, str_off, str_len, "the string section")
            .map_err(|problem| error(16, problem))?;
        let types_end = u64::from(type_off) + u64::from(type_len);
        if types_end > u64::from(str_off) {
            return Err(error(
                16,
                Problem::Overlap {
                    strings: str_off,
                    types_end,
                },
            ));
        }
        Ok(Header { types, strings })
    }
}

/// The string section while offsets into it are checked.
struct Strings<'a> {
    base: Option<&'a Btf>,
    /// How many bytes of strings the base has.
    first: u32,
    bytes: &'a [u8],
    /// Whether every offset starts a character.
    ascii: bool,
    sanitised: Option<Box<[u8]>>,
}

impl<'a> Strings<'a> {
    fn check(
        all: &'a [u8],
        range: Range<usize>,
        base: Option<&'a Btf>,
    ) -> Result<Strings<'a>, BtfError> {
        let at = range.start;
        let bytes = all.get(range).unwrap_or_default();
        // Only the first string of all, the empty one, has a place of its own.
        let whole = match base {
            None => bytes.first() == Some(&0) && bytes.last() == Some(&0),
            Some(_) => bytes.last().is_none_or(|&last| last == 0),
        };
        let first = u32::try_from(base.map_or(0, Btf::string_end)).ok();
        let (Some(first), true) = (first, whole) else {
            return Err(error(at, Problem::BadStrings));
        };
        let ascii = bytes.is_ascii();
        let valid = ascii || std::str::from_utf8(bytes).is_ok();
        Ok(Strings {
            base,
            first,
            bytes,
            ascii,
            sanitised: (!valid).then(|| sanitise(bytes)),
        })
    }

    /// Whether a string starts at that offset.
    fn has(&self, offset: u32) -> bool {
        let Some(offset) = offset.checked_sub(self.first) else {
            let starts = |text: &[u8]| text.first().is_some_and(|byte| (byte & 0xc0) != 0x80);
            return self
                .base
                .is_some_and(|base| starts(base.text_on(StrRef(offset))));
        };
        if self.ascii {
            return (offset as usize) < self.bytes.len();
        }
        let bytes = self.sanitised.as_deref().unwrap_or(self.bytes);
        bytes
            .get(offset as usize)
            .is_some_and(|byte| (byte & 0xc0) != 0x80)
    }

    /// The id of the first type.
    fn first_id(&self) -> u32 {
        self.base.map_or(0, Btf::type_count)
    }

    /// Where the strings end.
    fn end(&self) -> usize {
        self.first as usize + self.bytes.len()
    }
}

/// The bytes with `?` for each that is not part of UTF-8: source lines in old encodings have such.
fn sanitise(bytes: &[u8]) -> Box<[u8]> {
    let mut clean = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        clean.extend_from_slice(chunk.valid().as_bytes());
        clean.resize(clean.len() + chunk.invalid().len(), b'?');
    }
    clean.into_boxed_slice()
}

/// The walk over the type section.
struct Scan<'a> {
    bytes: &'a [u8],
    position: usize,
    end: usize,
    strings: &'a Strings<'a>,
    offsets: Vec<u32>,
    /// The highest id referred to, and where.
    highest: (u32, usize),
    /// Each function with the type it has.
    functions: Vec<(BtfId, BtfId)>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], types: Range<usize>, strings: &'a Strings<'a>) -> Scan<'a> {
        // A record takes 20 bytes or more in most sections, so this grows at most once.
        let mut offsets = Vec::with_capacity(types.len() / 20 + 1);
        if strings.base.is_none() {
            offsets.push(0);
        }
        Scan {
            bytes,
            position: types.start,
            end: types.end,
            strings,
            offsets,
            highest: (0, 0),
            functions: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Vec<u32>, BtfError> {
        while self.position < self.end {
            let record = self.record()?;
            self.check(&record)?;
            self.offsets.push(self.position as u32);
            self.position += record::HEAD_LEN + record.tail.len();
        }
        let count = self.id().0;
        let (highest, at) = self.highest;
        if highest >= count {
            return Err(error(
                at,
                Problem::BadReference {
                    id: BtfId(highest),
                    count,
                },
            ));
        }
        self.check_functions()?;
        Ok(self.offsets)
    }

    /// The type of a function must be a prototype.
    fn check_functions(&self) -> Result<(), BtfError> {
        let is_proto = |&&(_, ty): &&(BtfId, BtfId)| self.kind(ty) == Some(Kind::FuncProto);
        let wrong = self.functions.iter().find(|function| !is_proto(function));
        wrong.map_or(Ok(()), |&(id, got)| {
            let at = self.record_offset(id).unwrap_or_default() + 8;
            Err(error(at, Problem::NoPrototype { id, got }))
        })
    }

    /// Where the record of a type starts, if it is none of the base.
    fn record_offset(&self, id: BtfId) -> Option<usize> {
        let place = id.0.checked_sub(self.strings.first_id())?;
        let offset = self.offsets.get(place as usize)?;
        (id != BtfId::VOID).then_some(*offset as usize)
    }

    fn kind(&self, id: BtfId) -> Option<Kind> {
        match self.strings.base {
            Some(base) if id.0 < self.strings.first_id() => base.ty(id).kind(),
            _ => {
                let head = self.bytes.get(self.record_offset(id)?..)?;
                record::Head::parse(head.first_chunk()?).kind()
            }
        }
    }

    /// The id of the record at the current position.
    fn id(&self) -> BtfId {
        BtfId(
            self.strings
                .first_id()
                .saturating_add(self.offsets.len() as u32),
        )
    }

    /// The record at the current position.
    fn record(&self) -> Result<record::Record<'a>, BtfError> {
        let left = self.bytes.get(self.position..self.end).unwrap_or_default();
        let Some((head, rest)) = left.split_first_chunk::<{ record::HEAD_LEN }>() else {
            return Err(error(
                self.position,
                truncated("a type", record::HEAD_LEN as u64, left.len()),
            ));
        };
        let head = record::Head::parse(head);
        let kind = head.kind().ok_or_else(|| {
            error(
                self.position + 4,
                Problem::UnknownKind {
                    id: self.id(),
                    kind: head.kind_number(),
                },
            )
        })?;
        let len = record::tail_len(kind, head.vlen());
        let Some(tail) = rest.get(..len) else {
            let want = (record::HEAD_LEN + len) as u64;
            return Err(error(self.position, truncated("a type", want, left.len())));
        };
        Ok(record::Record { head, kind, tail })
    }

    /// Checks what a record refers to.
    fn check(&mut self, record: &record::Record<'_>) -> Result<(), BtfError> {
        let tail_at = self.position + record::HEAD_LEN;
        self.string(record.head.name, self.position)?;
        if record::refers(record.kind) {
            self.reference(record.head.size_or_type, self.position + 8);
        }
        match record.kind {
            Kind::Int => self.int(record)?,
            Kind::Func => {
                let function = (self.id(), BtfId(record.head.size_or_type));
                self.functions.push(function);
            }
            Kind::Array => {
                self.reference(u32_at(record.tail, 0).unwrap_or_default(), tail_at);
                self.reference(u32_at(record.tail, 4).unwrap_or_default(), tail_at + 4);
            }
            Kind::Struct | Kind::Union => self.named_references::<12>(record.tail, tail_at)?,
            Kind::FuncProto => self.named_references::<8>(record.tail, tail_at)?,
            Kind::Enum => self.names::<8>(record.tail, tail_at)?,
            Kind::Enum64 => self.names::<12>(record.tail, tail_at)?,
            Kind::Datasec => {
                for (i, entry) in record.tail.as_chunks::<12>().0.iter().enumerate() {
                    self.reference(u32_at(entry, 0).unwrap_or_default(), tail_at + i * 12);
                }
            }
            Kind::Ptr
            | Kind::Fwd
            | Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict => {}
            Kind::Var | Kind::Float | Kind::DeclTag | Kind::TypeTag => {}
        }
        Ok(())
    }

    fn int(&self, record: &record::Record<'_>) -> Result<(), BtfError> {
        let word = u32_at(record.tail, 0).unwrap_or_default();
        let (bits, offset) = record::int_bits(word);
        let size = record.head.size_or_type;
        let end = u32::from(bits) + u32::from(offset);
        if end > 128 || end.div_ceil(8) > size {
            let problem = Problem::BadInt {
                id: self.id(),
                bits,
                offset,
                size,
            };
            return Err(error(self.position + record::HEAD_LEN, problem));
        }
        Ok(())
    }

    /// Entries of `N` bytes that start with a name and a type.
    fn named_references<const N: usize>(&mut self, tail: &[u8], at: usize) -> Result<(), BtfError> {
        self.names::<N>(tail, at)?;
        for (i, entry) in tail.as_chunks::<N>().0.iter().enumerate() {
            self.reference(u32_at(entry, 4).unwrap_or_default(), at + i * N + 4);
        }
        Ok(())
    }

    /// Entries of `N` bytes that start with a name.
    fn names<const N: usize>(&self, tail: &[u8], at: usize) -> Result<(), BtfError> {
        for (i, entry) in tail.as_chunks::<N>().0.iter().enumerate() {
            self.string(u32_at(entry, 0).unwrap_or_default(), at + i * N)?;
        }
        Ok(())
    }

    fn string(&self, string: u32, at: usize) -> Result<(), BtfError> {
        if self.strings.has(string) {
            return Ok(());
        }
        let problem = Problem::BadString {
            id: self.id(),
            string,
            len: self.strings.end(),
        };
        Err(error(at, problem))
    }

    /// Notes a reference; whether it exists is known only at the end.
    fn reference(&mut self, id: u32, at: usize) {
        if id > self.highest.0 {
            self.highest = (id, at);
        }
    }
}
