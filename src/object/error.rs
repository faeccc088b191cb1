//! Why an object cannot be loaded or one of its programs not linked.
//!
//! An error names the section, the place in it or the symbol; which file it was is the caller's
//! to add.

mod supply;

use thiserror::Error;

use crate::btf::BtfError;
use crate::btf::core::CoreError;

pub use self::supply::{AttachProblem, ExternProblem, StructOpsProblem, VariableProblem};

/// Why an object, or one program of it, is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The file is not an ELF object for BPF.
    #[error("not a BPF object: {problem}")]
    NotBpf {
        /// What it is instead.
        problem: HeaderProblem,
    },
    /// Something in a section, or about it, breaks the format.
    #[error("section `{section}`, offset {offset:#x}: {problem}")]
    Section {
        /// Its name, or `[index]` while names are not known.
        section: String,
        /// Where in the section; for a section that cannot be read, where in the file it starts.
        offset: u64,
        /// What is wrong there.
        problem: SectionProblem,
    },
    /// The type information is broken.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// A map's declaration is wrong.
    #[error("map `{map}`: {problem}")]
    Map {
        /// The map.
        map: String,
        /// What is wrong.
        problem: MapProblem,
    },
    /// A reference to a symbol cannot be resolved.
    #[error("section `{section}`, offset {offset:#x}: reference to `{symbol}`: {problem}")]
    Reference {
        /// The section that refers.
        section: String,
        /// Where in it.
        offset: u64,
        /// What it refers to.
        symbol: String,
        /// Why not.
        problem: ReferenceProblem,
    },
    /// A symbol that the kernel or the loader must supply, and cannot.
    #[error("extern `{symbol}`: {problem}")]
    Extern {
        /// The symbol.
        symbol: String,
        /// Why not.
        problem: ExternProblem,
    },
    /// A struct_ops map is wrong, or is not for this kernel.
    #[error("struct_ops map `{map}`: {problem}")]
    StructOps {
        /// The map, or its section.
        map: String,
        /// What is wrong.
        problem: StructOpsProblem,
    },
    /// A global variable cannot be given a value.
    #[error("variable `{path}`: {problem}")]
    Variable {
        /// The variable and the way into it.
        path: String,
        /// Why not.
        problem: VariableProblem,
    },
    /// What a program attaches to is not there.
    #[error("section `{section}`: {problem}")]
    Attach {
        /// The program's section.
        section: String,
        /// Why not.
        problem: AttachProblem,
    },
    /// A section of programs whose name says no program type.
    #[error("section `{section}` names no program type")]
    UnknownProgramType {
        /// The section.
        section: String,
    },
    /// A CO-RE relocation that cannot be applied.
    #[error("section `{section}`, offset {offset:#x}: CO-RE relocation of `{subject}`: {problem}")]
    Core {
        /// The section of the instruction.
        section: String,
        /// The instruction's offset in it.
        offset: u64,
        /// The field, type or value, as C writes it.
        subject: String,
        /// What is wrong.
        problem: CoreProblem,
    },
    /// A program, with all that it calls, has too many instructions.
    #[error("program of more than {limit} instructions")]
    TooManyInstructions {
        /// The limit.
        limit: u32,
    },
}

/// One program that did not link; the others of its object may.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("program `{program}`")]
pub struct LinkError {
    /// The program.
    pub program: String,
    /// Its section.
    pub section: String,
    /// Why.
    pub source: ObjectError,
}

/// What is wrong with a file's header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderProblem {
    /// An ELF file that type information was to be read from.
    #[error("no section .BTF in the file")]
    NoBtf,
    /// The file ends inside its header.
    #[error("file of {size} bytes, an ELF header takes 64")]
    Truncated {
        /// The file's size.
        size: usize,
    },
    /// Another format.
    #[error("file starts with {got:02x?}, want [7f, 45, 4c, 46]")]
    Magic {
        /// The first bytes.
        got: [u8; 4],
    },
    /// Not 64 bits.
    #[error("ELF class is {got}, want 2 (64-bit)")]
    Class {
        /// The class.
        got: u8,
    },
    /// Big-endian or unknown.
    #[error(
        "byte order is {got}, want 1: build it for this machine, with -target bpfel; of big-endian objects `btf dump` reads the types"
    )]
    ByteOrder {
        /// The byte order's number.
        got: u8,
    },
    /// An executable or library.
    #[error("ELF type is {got}, want 1 (relocatable)")]
    FileType {
        /// The type.
        got: u16,
    },
    /// Compiled for something else.
    #[error("machine is {got}, want 247 (BPF)")]
    Machine {
        /// The machine.
        got: u16,
    },
    /// No section table, or one that is not in the file.
    #[error(
        "section table of {count} entries of {entry_size} bytes at offset {offset:#x}, file has {size} bytes"
    )]
    SectionTable {
        /// Where it should start.
        offset: u64,
        /// How many entries it should have.
        count: u64,
        /// How long an entry should be.
        entry_size: u16,
        /// The file's size.
        size: usize,
    },
    /// The section with the names of sections is none of the sections.
    #[error("section names are in section {index}, there are {count}")]
    SectionNames {
        /// Its index.
        index: usize,
        /// How many sections there are.
        count: usize,
    },
}

/// What is wrong with a section.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SectionProblem {
    /// A function of a section for programs that is not seen from outside.
    #[error(
        "program `{name}` is static, and nothing else in its section is a program: drop the `static`, or the SEC()"
    )]
    StaticProgram {
        /// The function.
        name: String,
    },
    /// It is not in the file.
    #[error("{size} bytes, file has {file_size}")]
    Outside {
        /// Its size.
        size: u64,
        /// The file's.
        file_size: usize,
    },
    /// It shares bytes of the file with another one.
    #[error("overlaps section `{other}`")]
    Overlaps {
        /// The other one.
        other: String,
    },
    /// A name outside its string table, without an end, or not UTF-8.
    #[error("name at {name:#x} of a string table of {size} bytes is not a string")]
    Name {
        /// The name's offset.
        name: u64,
        /// The table's size.
        size: usize,
    },
    /// Names that take far more room than the file.
    #[error("names of more than {limit} bytes together")]
    NamesTooLong {
        /// The limit.
        limit: usize,
    },
    /// A second symbol table.
    #[error("second symbol table")]
    SecondSymbolTable,
    /// A link to a section that does not exist.
    #[error("refers to section {index}, there are {count}")]
    SectionIndex {
        /// Its index.
        index: u64,
        /// How many sections there are.
        count: usize,
    },
    /// A reference to a symbol that does not exist.
    #[error("refers to symbol {index}, there are {count}")]
    SymbolIndex {
        /// Its index.
        index: usize,
        /// How many symbols there are.
        count: usize,
    },
    /// A size that is not a whole number of entries.
    #[error("{size} bytes, want a multiple of {entry_size}")]
    PartialEntry {
        /// The section's size.
        size: u64,
        /// An entry's.
        entry_size: u64,
    },
    /// More than a map value can be.
    #[error("{size} bytes of data, want at most {limit}")]
    TooLarge {
        /// The section's size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Relocations with explicit addends, which BPF has not.
    #[error("relocations with addends (SHT_RELA) are not supported, want SHT_REL")]
    Addends,
    /// A function that does not fit its section.
    #[error("function `{function}` of {size} bytes does not fit the section of {section_size}")]
    FunctionOutside {
        /// The function.
        function: String,
        /// Its size.
        size: u64,
        /// The section's.
        section_size: u64,
    },
    /// A function that does not start or end at an instruction.
    #[error("function `{function}` of {size} bytes, want whole instructions of 8")]
    FunctionCut {
        /// The function.
        function: String,
        /// Its size.
        size: u64,
    },
    /// A relocation of a place that is not there.
    #[error("relocation outside section `{target}` of {size} bytes")]
    RelocationOutside {
        /// The section that is relocated.
        target: String,
        /// Its size.
        size: usize,
    },
    /// Variables of an arena that is not there.
    #[error("variables of an arena, but no arena map is declared")]
    NoArena,
    /// A relocation of a place that belongs to no map.
    #[error("relocation outside of all maps")]
    NoMap,
    /// A fixed-size section of another size.
    #[error("{got} bytes, want {want}")]
    WrongSize {
        /// Its size.
        got: usize,
        /// What it should be.
        want: usize,
    },
    /// Maps without the type information that describes them.
    #[error("maps are declared, but there is no {missing}")]
    NoBtf {
        /// What is not there.
        missing: &'static str,
    },
    /// Line records that take far more room than the section.
    #[error("source lines of more than {limit} bytes together")]
    LinesTooLong {
        /// The limit.
        limit: usize,
    },
}

/// What is wrong with a map's declaration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MapProblem {
    /// It is not an instance of a structure.
    #[error("declared as something else than a structure")]
    NotStruct,
    /// It is not in its section.
    #[error("{size} bytes at offset {offset:#x} of a section of {section_size}")]
    Outside {
        /// Where it starts.
        offset: u64,
        /// Its size.
        size: u64,
        /// The section's.
        section_size: u64,
    },
    /// A static or external declaration.
    #[error("linkage is {got}, want global")]
    Linkage {
        /// The linkage.
        got: &'static str,
    },
    /// A member that means nothing.
    #[error("unknown field `{field}`")]
    UnknownField {
        /// The member.
        field: String,
    },
    /// A member that is not encoded as its meaning wants.
    #[error("field `{field}`: want {want}")]
    BadField {
        /// The member.
        field: String,
        /// What is wanted.
        want: &'static str,
    },
    /// Two members that say different sizes.
    #[error("field `{field}`: size {got} conflicts with {before}")]
    Conflict {
        /// The second member.
        field: String,
        /// What it says.
        got: u64,
        /// What was said before.
        before: u32,
    },
    /// No type.
    #[error("no map type is given")]
    NoType,
    /// A map type that Linux 6.12 does not have.
    #[error("unknown map type {number}")]
    UnknownType {
        /// Its number.
        number: u32,
    },
    /// Inner maps that hold maps again.
    #[error("multi-level inner maps are not supported")]
    NestedInner,
    /// A pinning that does not exist.
    #[error("unknown pinning {got}")]
    UnknownPinning {
        /// Its number.
        got: u32,
    },
    /// Inner maps cannot be pinned.
    #[error("inner maps cannot be pinned")]
    PinnedInner,
    /// A legacy declaration with extra words that are not zero.
    #[error("legacy declaration of {size} bytes sets fields beyond the first 20 bytes")]
    LegacyExtra {
        /// The declaration's size.
        size: u64,
    },
    /// A legacy declaration that ends early.
    #[error("legacy declaration of {size} bytes, want at least 20")]
    LegacyShort {
        /// The declaration's size.
        size: u64,
    },
    /// A second arena.
    #[error("second arena map, a program can have one")]
    SecondArena,
    /// Initial contents for a map that cannot have any.
    #[error("initial contents at {offset:#x} are in none of its slots")]
    NotASlot {
        /// Where, from the start of the map's declaration.
        offset: u64,
    },
    /// Initial contents of a map of maps that are not a map, or of a program array not a program.
    #[error("slot {slot} holds `{symbol}`, want {want}")]
    BadSlot {
        /// The slot.
        slot: u32,
        /// What it holds.
        symbol: String,
        /// What it should hold.
        want: &'static str,
    },
}

/// Why a reference cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReferenceProblem {
    /// The instruction cannot hold one.
    #[error("instruction {opcode:#04x} is neither a call nor a 64-bit immediate load")]
    Instruction {
        /// Its operation code.
        opcode: u8,
    },
    /// A call that is not marked as one of a subprogram.
    #[error("call with source register {src}, want 1")]
    NotLocalCall {
        /// The source register.
        src: u8,
    },
    /// The target is not a function's start.
    #[error("no function starts at offset {target:#x} of section `{section}`")]
    NoFunction {
        /// The target's section.
        section: String,
        /// The target.
        target: i64,
    },
    /// The target is not a map's start.
    #[error("no map is declared at offset {target:#x} of section `{section}`")]
    NoMap {
        /// The target's section.
        section: String,
        /// The target.
        target: u64,
    },
    /// The target is in a section that is not loaded.
    #[error("section `{section}` holds neither code nor maps nor data")]
    NotLoaded {
        /// The target's section.
        section: String,
    },
    /// The symbol is absolute or common.
    #[error("symbol has special section index {index:#x}")]
    SpecialSection {
        /// The index.
        index: u64,
    },
    /// A map descriptor or function address that no relocation stands for.
    #[error("64-bit immediate load with source register {src} has no relocation")]
    Missing {
        /// The source register.
        src: u8,
    },
    /// An exception callback that does not exist.
    #[error("the exception callback is no subprogram")]
    NoCallback,
    /// A 64-bit immediate load without its second half.
    #[error("64-bit immediate load is cut at the end of its function")]
    Cut,
}

/// Why a CO-RE relocation cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CoreProblem {
    /// The types give no answer.
    #[error(transparent)]
    Match(#[from] CoreError),
    /// An instruction that holds no field offset.
    #[error("instruction {opcode:#04x} cannot be relocated")]
    Instruction {
        /// Its operation code.
        opcode: u8,
    },
    /// A 64-bit immediate load of something else than a number, or a broken one.
    #[error("the 64-bit immediate load is not one of a number")]
    Form,
    /// A number that the instruction cannot hold.
    #[error("{value} does not fit the instruction")]
    TooFar {
        /// The number.
        value: u64,
    },
    /// An instruction that does not hold what the program's own types say.
    #[error("instruction holds {got}, want {want}")]
    Mismatch {
        /// What it holds.
        got: u64,
        /// What the types say.
        want: u64,
    },
    /// A load or store of another size than the field's.
    #[error("instruction accesses {got} bytes of a field of {want}")]
    AccessSize {
        /// Its size.
        got: u64,
        /// The field's.
        want: u64,
    },
    /// A field of a size that no load or store has.
    #[error("no instruction accesses {size} bytes")]
    NoAccessOf {
        /// The field's size in the target.
        size: u64,
    },
    /// An instruction that is not in a function, or only half.
    #[error("no whole instruction is there")]
    NoInstruction,
}
