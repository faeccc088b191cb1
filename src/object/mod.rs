//! From the ELF object that clang made to programs and maps that are ready to judge and run.
//!
//! [`Object::parse`] reads the file and depends on nothing else: the same bytes give the same
//! `Object` on every host. [`Object::link`] lays out each program with the subprograms it calls,
//! resolves maps and CO-RE field offsets, and gives [`Program`]s.

use std::sync::Arc;

use crate::abi::{AttachType, MapType, ProgType};
use crate::btf::{Btf, BtfId};
use crate::isa::{Pc, RawInsn};

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
    /// The maps of the object, shared by its programs.
    pub maps: Arc<[MapSpec]>,
    /// The object's type information.
    pub btf: Option<Arc<Btf>>,
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
    /// Its name.
    pub name: String,
    /// Its type.
    pub map_type: MapType,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// `BPF_F_…` creation flags.
    pub flags: u32,
    /// `map_extra`.
    pub extra: u64,
    /// Type of its keys in the object's BTF.
    pub key_type: Option<BtfId>,
    /// Type of its values in the object's BTF; of a data section, its `DATASEC`.
    pub value_type: Option<BtfId>,
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
    /// Nothing.
    Empty,
    /// The only value's bytes, of a data section.
    Data(Vec<u8>),
    /// Programs by index.
    Programs(Vec<(u32, String)>),
    /// Inner maps by index, as indices into the program's maps.
    Maps(Vec<(u32, u32)>),
}

/// Where a map comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A declaration.
    Declared,
    /// A writable data section.
    Data,
    /// A read-only data section, frozen at load.
    ReadOnlyData,
}

/// Whether a map is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// It is not.
    None,
    /// Under its name.
    ByName,
}
