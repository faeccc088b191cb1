//! `.BTF.ext`: which function, source line and CO-RE relocation belongs to which instruction.
//!
//! Instructions are given as the name of their ELF section and a byte offset into it, as the
//! compiler wrote them; bringing them to program counters is a loader's work. Records longer
//! than known here are accepted, as libbpf does (`btf_ext_setup_info`).

use super::core::CoreKind;
use super::parse::{check_preamble, part, truncated, u32_at};
use super::{Btf, BtfError, BtfId, Problem, StrRef};

/// Bytes of a header without CO-RE relocations, the oldest there is.
const HEADER_LEN: u32 = 24;
/// Bytes of a header with them.
const HEADER_LEN_CORE: u32 = 32;

/// A parsed `.BTF.ext` section.
#[derive(Clone, Debug, Default)]
pub struct BtfExt {
    /// Functions.
    pub func_info: Vec<InfoSection<FuncInfo>>,
    /// Source lines.
    pub line_info: Vec<InfoSection<LineInfo>>,
    /// CO-RE relocations.
    pub core_relos: Vec<InfoSection<CoreRelo>>,
}

/// The records of one ELF section.
#[derive(Clone, Debug)]
pub struct InfoSection<T> {
    /// The section's name.
    pub name: StrRef,
    /// Its records, in the order of the file.
    pub records: Vec<T>,
}

/// A function starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuncInfo {
    /// Byte offset of its first instruction in the section.
    pub insn_offset: u32,
    /// Its [`Type::Func`](super::Type::Func).
    pub ty: BtfId,
}

/// Instructions of a source line start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// Byte offset of the first instruction in the section.
    pub insn_offset: u32,
    /// The file's name.
    pub file: StrRef,
    /// The line's text.
    pub text: StrRef,
    /// The line's number, from 1.
    pub line: u32,
    /// The column, from 1; 0 when unknown.
    pub column: u32,
}

/// An instruction whose immediate or offset depends on the kernel's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRelo {
    /// How many relocations of the file come before it.
    pub number: u32,
    /// Byte offset of the instruction in the section.
    pub insn_offset: u32,
    /// The type the access starts from.
    pub ty: BtfId,
    /// What is accessed, as indexes: `0:1:2`.
    pub access: StrRef,
    /// What is asked of it.
    pub kind: CoreKind,
}

impl BtfExt {
    /// Parses a section that belongs to `btf`.
    ///
    /// # Errors
    /// Says at which offset of the section the first violation of the format is.
    pub fn parse(bytes: &[u8], btf: &Btf) -> Result<BtfExt, BtfError> {
        let header_len = check_preamble(bytes, SECTION, HEADER_LEN)?;
        let table = Table {
            bytes,
            btf,
            header_len,
        };
        let mut core_relos = match header_len {
            HEADER_LEN_CORE.. => table.parse(24)?,
            _ => Vec::new(),
        };
        let records = core_relos
            .iter_mut()
            .flat_map(|section: &mut InfoSection<CoreRelo>| &mut section.records);
        for (number, relo) in (0..).zip(records) {
            relo.number = number;
        }
        Ok(BtfExt {
            func_info: table.parse(8)?,
            line_info: table.parse(16)?,
            core_relos,
        })
    }

    /// The functions of an ELF section.
    pub fn functions<'a>(
        &'a self,
        btf: &'a Btf,
        section: &'a str,
    ) -> impl Iterator<Item = &'a FuncInfo> {
        of_section(&self.func_info, btf, section)
    }

    /// The source lines of an ELF section.
    pub fn lines<'a>(
        &'a self,
        btf: &'a Btf,
        section: &'a str,
    ) -> impl Iterator<Item = &'a LineInfo> {
        of_section(&self.line_info, btf, section)
    }

    /// The CO-RE relocations of an ELF section.
    pub fn relocations<'a>(
        &'a self,
        btf: &'a Btf,
        section: &'a str,
    ) -> impl Iterator<Item = &'a CoreRelo> {
        of_section(&self.core_relos, btf, section)
    }
}

const SECTION: &str = ".BTF.ext";

fn of_section<'a, T>(
    sections: &'a [InfoSection<T>],
    btf: &'a Btf,
    name: &'a str,
) -> impl Iterator<Item = &'a T> {
    sections
        .iter()
        .filter(move |section| btf.text(section.name) == name)
        .flat_map(|section| &section.records)
}

fn error(offset: usize, problem: Problem) -> BtfError {
    BtfError {
        section: SECTION,
        offset,
        problem,
    }
}

/// A record of one of the three tables.
trait Info: Sized {
    /// What a table of them is called in errors.
    const WHAT: &'static str;
    /// Bytes of the record's first version.
    const LEN: u32;

    /// Reads a record at `offset` of the section.
    fn read(table: &Table<'_>, offset: usize) -> Result<Self, BtfError>;
}

impl Info for FuncInfo {
    const WHAT: &'static str = "func_info";
    const LEN: u32 = 8;

    fn read(table: &Table<'_>, offset: usize) -> Result<FuncInfo, BtfError> {
        Ok(FuncInfo {
            insn_offset: table.word(offset)?,
            ty: table.id(offset + 4)?,
        })
    }
}

impl Info for LineInfo {
    const WHAT: &'static str = "line_info";
    const LEN: u32 = 16;

    fn read(table: &Table<'_>, offset: usize) -> Result<LineInfo, BtfError> {
        let place = table.word(offset + 12)?;
        Ok(LineInfo {
            insn_offset: table.word(offset)?,
            file: table.string(offset + 4)?,
            text: table.string(offset + 8)?,
            line: place >> 10,
            column: place & 0x3ff,
        })
    }
}

impl Info for CoreRelo {
    const WHAT: &'static str = "core_relo";
    const LEN: u32 = 16;

    fn read(table: &Table<'_>, offset: usize) -> Result<CoreRelo, BtfError> {
        let kind = table.word(offset + 12)?;
        let kind = CoreKind::from_number(kind)
            .ok_or_else(|| error(offset + 12, Problem::UnknownRelocation { kind }))?;
        Ok(CoreRelo {
            number: 0,
            insn_offset: table.word(offset)?,
            ty: table.id(offset + 4)?,
            access: table.string(offset + 8)?,
            kind,
        })
    }
}

/// The section while its tables are read.
struct Table<'a> {
    bytes: &'a [u8],
    btf: &'a Btf,
    header_len: u32,
}

impl Table<'_> {
    /// The table whose offset and length are at `field` of the header.
    fn parse<T: Info>(&self, field: usize) -> Result<Vec<InfoSection<T>>, BtfError> {
        let (offset, len) = (self.word(field)?, self.word(field + 4)?);
        if len == 0 {
            return Ok(Vec::new());
        }
        if offset % 4 != 0 {
            return Err(error(
                field,
                Problem::Misaligned {
                    what: T::WHAT,
                    got: offset,
                },
            ));
        }
        let range = part(self.bytes, self.header_len, offset, len, T::WHAT)
            .map_err(|problem| error(field, problem))?;
        let (mut at, end) = (range.start, range.end);
        self.fits(at, end, 4, T::WHAT)?;
        let record_len = self.word(at)?;
        if record_len < T::LEN || record_len % 4 != 0 {
            return Err(error(
                at,
                Problem::BadRecordSize {
                    what: T::WHAT,
                    got: record_len,
                    want: T::LEN,
                },
            ));
        }
        at += 4;
        let mut sections = Vec::new();
        while at < end {
            let section = self.section::<T>(at, end, record_len as usize)?;
            at += 8 + section.records.len() * record_len as usize;
            sections.push(section);
        }
        Ok(sections)
    }

    /// The records of one ELF section.
    fn section<T: Info>(
        &self,
        at: usize,
        end: usize,
        record_len: usize,
    ) -> Result<InfoSection<T>, BtfError> {
        self.fits(at, end, 8, T::WHAT)?;
        let name = self.string(at)?;
        let count = self.word(at + 4)?;
        if count == 0 {
            return Err(error(at + 4, Problem::NoRecords { what: T::WHAT }));
        }
        self.fits(at + 8, end, u64::from(count) * record_len as u64, T::WHAT)?;
        let records = (0..count as usize)
            .map(|i| T::read(self, at + 8 + i * record_len))
            .collect::<Result<_, _>>()?;
        Ok(InfoSection { name, records })
    }

    fn fits(&self, at: usize, end: usize, want: u64, what: &'static str) -> Result<(), BtfError> {
        let have = end.saturating_sub(at);
        if want > have as u64 {
            return Err(error(at, truncated(what, want, have)));
        }
        Ok(())
    }

    fn word(&self, offset: usize) -> Result<u32, BtfError> {
        u32_at(self.bytes, offset).ok_or_else(|| {
            error(
                offset,
                truncated("a word", 4, self.bytes.len().saturating_sub(offset)),
            )
        })
    }

    fn id(&self, offset: usize) -> Result<BtfId, BtfError> {
        let id = BtfId(self.word(offset)?);
        let count = self.btf.type_count();
        if id.0 >= count {
            return Err(error(offset, Problem::BadReference { id, count }));
        }
        Ok(id)
    }

    fn string(&self, offset: usize) -> Result<StrRef, BtfError> {
        let string = self.word(offset)?;
        let len = self.btf.string_end();
        if string as usize >= len {
            return Err(error(offset, Problem::BadExtString { string, len }));
        }
        Ok(StrRef(string))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{EXT, types};
    use super::*;

    fn broken(change: impl FnOnce(&mut Vec<u8>)) -> (usize, Problem) {
        let mut bytes = EXT.to_vec();
        change(&mut bytes);
        let error = BtfExt::parse(&bytes, &types()).expect_err("it is broken");
        assert_eq!(error.section, ".BTF.ext");
        (error.offset, error.problem)
    }

    #[test]
    fn parse_of_clang_output_finds_functions_lines_and_relocations() {
        let btf = types();
        let ext = BtfExt::parse(EXT, &btf).expect("clang makes valid BTF");
        let functions = |name| {
            ext.functions(&btf, name)
                .map(|f| (f.insn_offset, f.ty))
                .collect::<Vec<_>>()
        };
        assert_eq!(functions(".text"), [(0, BtfId(11))]);
        assert_eq!(functions("kprobe/one"), [(0, BtfId(9))]);
        assert_eq!(functions("none"), []);
        let line = ext.lines(&btf, ".text").nth(1).expect("two lines");
        assert!(btf.text(line.file).ends_with("types.bpf.c"));
        assert_eq!(btf.text(line.text), "\treturn (n >> 1) + limit;");
        assert_eq!((line.insn_offset, line.line, line.column), (8, 79, 20));
        let relos: Vec<_> = ext
            .relocations(&btf, "kprobe/one")
            .map(|relo| (relo.insn_offset, relo.ty, btf.text(relo.access), relo.kind))
            .collect();
        let kind = CoreKind::FieldByteOffset;
        assert_eq!(
            relos,
            [(0, BtfId(2), "0:0", kind), (8, BtfId(2), "0:2:3", kind)]
        );
    }

    #[test]
    fn header_without_relocations_is_accepted() {
        let btf = types();
        let mut bytes = EXT.to_vec();
        bytes.drain(24..32);
        bytes[4] = 24;
        let ext = BtfExt::parse(&bytes, &btf).expect("older headers are shorter");
        assert!(ext.core_relos.is_empty());
        assert_eq!(ext.functions(&btf, "kprobe/two").count(), 1);
    }

    #[test]
    fn section_that_is_broken_is_refused_where_it_is() {
        assert_eq!(
            broken(|b| b[4] = 20),
            (4, Problem::BadHeaderLength { got: 20, want: 24 })
        );
        assert_eq!(
            broken(|b| b[8] = 2),
            (
                8,
                Problem::Misaligned {
                    what: "func_info",
                    got: 2
                }
            )
        );
        assert!(matches!(
            broken(|b| b[14] = 1),
            (
                8,
                Problem::Truncated {
                    what: "func_info",
                    ..
                }
            )
        ));
        let size = |got| Problem::BadRecordSize {
            what: "func_info",
            got,
            want: 8,
        };
        assert_eq!(broken(|b| b[32] = 4), (32, size(4)));
        assert_eq!(broken(|b| b[32] = 9), (32, size(9)));
        assert_eq!(
            broken(|b| b[40] = 0),
            (40, Problem::NoRecords { what: "func_info" })
        );
        assert!(matches!(
            broken(|b| b[42] = 1),
            (44, Problem::Truncated { .. })
        ));
        assert!(matches!(
            broken(|b| b[39] = 1),
            (36, Problem::BadExtString { .. })
        ));
        assert_eq!(
            broken(|b| b[48] = 99),
            (
                48,
                Problem::BadReference {
                    id: BtfId(99),
                    count: 74
                }
            )
        );
        let last = EXT.len() - 4;
        assert_eq!(
            broken(|b| b[last] = 13),
            (last, Problem::UnknownRelocation { kind: 13 })
        );
    }
}
