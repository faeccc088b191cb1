//! What linking gives: programs and maps, without an ELF file behind them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::abi::{AttachType, MapType, ProgType, sections};
use crate::btf::{Btf, BtfId};
use crate::isa::{Pc, RawInsn};

use super::{AttachProgram, Fields, StructOps};

/// `BPF_F_SLEEPABLE`.
const SLEEPABLE: u32 = 1 << 4;

/// A program with everything that judging and running it needs.
#[derive(Clone, Debug)]
pub struct Program {
    /// The name of its function.
    pub name: String,
    /// The section it came from, as written.
    pub section: String,
    /// Its type.
    pub prog_type: ProgType,
    /// Its expected attach type, where the type has several.
    pub attach_type: Option<AttachType>,
    /// What it attaches to: the part of the section name after the type, as written
    /// (`syscalls/sys_enter_execve`, `bprm_check_security`).
    pub attach_target: Option<String>,
    /// That in the kernel's types, where it is looked up there.
    pub attach_btf: Option<AttachBtf>,
    /// That in another program, where it is a function of one.
    pub attach_program: Option<AttachProgram>,
    /// Whether it may sleep.
    pub sleepable: Sleepable,
    /// Whether it is loaded without being asked for (`SEC("?…")` is not).
    pub autoload: Autoload,
    /// The object's licence, empty when it has none.
    pub licence: String,
    /// Instructions of the program and of all subprograms it reaches. Map references hold an index
    /// into `maps` in place of a descriptor.
    pub code: Vec<RawInsn>,
    /// The functions in `code`, the program itself first, by rising start.
    pub subprogs: Vec<Subprog>,
    /// Source lines, by rising pc.
    pub lines: Vec<Line>,
    /// Instructions whose CO-RE relocation has no answer in the kernel's types, by rising pc.
    pub poisoned: Vec<Poisoned>,
    /// Calls of weak kernel functions that the kernel does not have, by rising pc.
    pub missing_functions: Vec<MissingFunction>,
    /// References to functions and variables of modules, by rising pc.
    pub module_symbols: Vec<ModuleSymbol>,
    /// The maps of the object, shared by its programs.
    pub maps: Arc<[MapSpec]>,
    /// The object's type information.
    pub btf: Option<Arc<Btf>>,
}

impl Program {
    /// A program of instructions alone: without maps, types and source lines, under a licence that
    /// lets it call everything. Subprograms are the targets of its calls, judged with each call.
    pub fn from_raw(name: &str, prog_type: ProgType, code: Vec<RawInsn>) -> Program {
        let subprogs = raw_subprogs(name, &code);
        Program {
            name: name.to_owned(),
            section: String::new(),
            prog_type,
            attach_type: None,
            attach_target: None,
            attach_btf: None,
            attach_program: None,
            sleepable: Sleepable::No,
            autoload: Autoload::Yes,
            licence: "GPL".to_owned(),
            code,
            subprogs,
            lines: Vec::new(),
            poisoned: Vec::new(),
            missing_functions: Vec::new(),
            module_symbols: Vec::new(),
            maps: Arc::default(),
            btf: None,
        }
    }

    /// The `BPF_F_…` flags that it is loaded with.
    pub fn flags(&self) -> u32 {
        let section = sections::parse(&self.section).map_or(0, |section| section.load_flags());
        let sleepable = match self.sleepable {
            Sleepable::Yes => SLEEPABLE,
            Sleepable::No => 0,
        };
        section | sleepable
    }
}

/// The program itself and the targets of its calls and function addresses. Targets outside of the
/// program are left for the verifier to refuse.
fn raw_subprogs(name: &str, code: &[RawInsn]) -> Vec<Subprog> {
    let target = |(pc, insn): (u32, &RawInsn)| match (insn.opcode, insn.src) {
        (0x85, 1) | (0x18, 4) => Pc(pc).target(insn.imm),
        _ => None,
    };
    let inside = |pc: &Pc| pc.0 != 0 && pc.index() < code.len();
    let starts: BTreeSet<Pc> = (0..).zip(code).filter_map(target).filter(inside).collect();
    let subprog = |name: String, start| Subprog {
        name,
        start,
        func: None,
        linkage: Linkage::Static,
    };
    let main = std::iter::once(subprog(name.to_owned(), Pc(0)));
    main.chain(
        (1..)
            .zip(starts)
            .map(|(number, start)| subprog(format!("subprog_{number}"), start)),
    )
    .collect()
}

/// What a program attaches to, in the kernel's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachBtf {
    /// The function, the tracepoint's type or the structure.
    pub id: BtfId,
    /// Of a structure, the index of the member that the program stands in for.
    pub member: Option<u32>,
    /// Whose types these are: 0 the kernel's, others a module's, by its place in
    /// [`LinkOptions::module_btfs`](super::LinkOptions::module_btfs) from 1.
    pub module: u16,
}

/// Whether a program may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleepable {
    /// It may not.
    No,
    /// It may (`SEC("….s/…")`).
    Yes,
}

/// Whether a program is loaded without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autoload {
    /// Only when it is named.
    No,
    /// With its object.
    Yes,
}

/// An instruction whose CO-RE relocation has no answer: `code` has a call of helper
/// [`POISON`](super::POISON) there, as libbpf puts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// The instruction.
    pub pc: Pc,
    /// What it is about, as C writes it: `struct task_struct.pid`, `enum kind::VALUE`.
    pub subject: String,
    /// What the kernel's types lack.
    pub lack: Lack,
}

/// Why a CO-RE relocation has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no such field.
    Field,
    /// There is no such value in the enumeration.
    Value,
    /// The field has another size, and another load or store would not give its value.
    Size,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Lack::Field => "the kernel has no such field",
            Lack::Value => "the kernel has no such value",
            Lack::Size => "the kernel's field has another size and is no unsigned integer",
        })
    }
}

/// A call of a weak kernel function that the kernel does not have: `code` has a call of a helper
/// from [`MISSING_FUNCTION`](super::MISSING_FUNCTION) on there, as libbpf puts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFunction {
    /// The instruction.
    pub pc: Pc,
    /// The function.
    pub name: String,
}

/// A call of a function, or a load of the address of a variable, that only a module of the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSymbol {
    /// The instruction.
    pub pc: Pc,
    /// The function or variable.
    pub name: String,
}

/// One function of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprog {
    /// Its name.
    pub name: String,
    /// Its first slot.
    pub start: Pc,
    /// Its BTF function, if the object describes it.
    pub func: Option<BtfId>,
    /// Whether it is judged in its caller's state or alone.
    pub linkage: Linkage,
}

/// How a function is linked (`enum btf_func_linkage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Judged with each call.
    Static,
    /// Judged alone, by its prototype.
    Global,
}

/// The source line an instruction came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// First slot that came from it.
    pub pc: Pc,
    /// Source file.
    pub file: Arc<str>,
    /// Line number from 1.
    pub line: u32,
    /// Column from 1.
    pub column: u32,
    /// The line's text.
    pub text: Arc<str>,
}

/// A map as the object declares it.
#[derive(Clone, Debug)]
pub struct MapSpec {
    /// Its name as libbpf has it: the declared name, of `.rodata`, `.data` and `.bss` with the
    /// object's name before it (`hello.rodata`), of other data sections the section's. The kernel,
    /// and with it `bpftool map`, keeps the first 15 bytes.
    pub name: String,
    /// Its type.
    pub map_type: MapType,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes.
    pub value_size: u32,
    /// Capacity. 0 for a perf event array stands for the number of CPUs.
    pub max_entries: u32,
    /// `BPF_F_…` creation flags.
    pub flags: u32,
    /// `map_extra`.
    pub extra: u64,
    /// Type of its keys in the object's BTF.
    pub key_type: Option<BtfId>,
    /// Type of its values in the object's BTF; of a data section, its `DATASEC`.
    pub value_type: Option<BtfId>,
    /// What its values hold beside data.
    pub fields: Fields,
    /// Template of the inner maps of a map of maps.
    pub inner: Option<Box<MapSpec>>,
    /// Contents at load.
    pub initial: Initial,
    /// Whether it is a data section's map and which.
    pub origin: Origin,
    /// Pin by name asked for (`LIBBPF_PIN_BY_NAME`).
    pub pinning: Pinning,
}

/// What a map holds at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Nothing; for `.bss` zeros.
    Empty,
    /// The only value's bytes, of a data section.
    Data(Vec<u8>),
    /// Programs by index.
    Programs(Vec<(u32, String)>),
    /// Inner maps by index, as indices into the program's maps.
    Maps(Vec<(u32, u32)>),
    /// A structure of functions and the programs in it.
    StructOps(StructOps),
}

/// Where a map comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A declaration.
    Declared,
    /// A writable data section.
    Data,
    /// A read-only data section, or the kernel's configuration; frozen at load.
    ReadOnlyData,
    /// A structure of functions.
    StructOps {
        /// Whether it is made without being asked for (`SEC("?.struct_ops")` is not).
        autocreate: Autoload,
    },
}

/// Whether a map is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// It is not.
    None,
    /// Under its name.
    ByName,
}
