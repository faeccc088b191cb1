//! From what linking gives to a [`Job`].
//!
//! What libbpf changes on the way to the kernel is changed here (its rules, libbpf 1.5, are used
//! under its BSD-2-Clause licence): hidden functions become static in the BTF, externs look defined
//! there, map types that take no types lose them, ring buffers are rounded up to whole pages.

use std::collections::HashMap;

use crate::abi::sections::SectionKind;
use crate::abi::{AttachType, MapType, ProgType, sections};
use crate::btf::{Btf, BtfId, FuncLinkage, Type, essential_name};
use crate::object::{
    AttachProgram, Initial, Linkage, MapSpec, Origin, Program, Sleepable, StructOps, Subprog,
};

use super::job::{
    Access, AttachName, AttachPoint, FuncInfo, Job, LineInfo, MapJob, ProgramJob, TargetJob,
};
use super::records::Section;

/// `BPF_F_SLEEPABLE`.
const SLEEPABLE: u32 = 1 << 4;
/// The unit of ring buffers.
const PAGE_SIZE: u32 = 4096;
/// Bytes of a BTF header that are looked at.
const HEADER_LEN: usize = 24;

impl Job {
    /// The maps and programs of one object. Programs refer to maps by index into `maps`.
    pub fn new<'a>(
        btf: Option<&Btf>,
        maps: &[MapSpec],
        programs: impl IntoIterator<Item = &'a Program>,
    ) -> Job {
        let mut types = btf.map(Types::new);
        let programs: Vec<&Program> = programs.into_iter().collect();
        let mut jobs: Vec<MapJob> = maps.iter().map(map_job).collect();
        for (job, spec) in jobs.iter_mut().zip(maps) {
            job.programs = initial_programs(spec, &programs);
        }
        let programs = programs
            .iter()
            .map(|program| program_job(program, types.as_mut()))
            .collect();
        Job {
            maps: jobs,
            programs,
            btf: types.map(Types::into_bytes),
            ..Job::default()
        }
    }

    /// One program with the maps of its object.
    pub fn of_program(program: &Program) -> Job {
        Job::new(program.btf.as_deref(), &program.maps, [program])
    }
}

/// Where a program attaches, if it is to an event of the kernel that needs no more than its section
/// says.
pub fn attach_point(program: &Program) -> Option<AttachPoint> {
    let section = sections::parse(&program.section)?;
    let target = section.attach_target.filter(|target| !target.is_empty());
    match (program.prog_type, section.kind) {
        (ProgType::Tracepoint, _) => {
            let (category, name) = sections::tracepoint_target(target?)?;
            Some(AttachPoint::Tracepoint {
                category: category.to_owned(),
                name: name.to_owned(),
            })
        }
        (ProgType::RawTracepoint | ProgType::RawTracepointWritable, _) => {
            let name = target?.to_owned();
            Some(AttachPoint::RawTracepoint { name })
        }
        (ProgType::Tracing, _) if program.attach_type != Some(AttachType::TraceIter) => {
            Some(AttachPoint::Loaded)
        }
        (ProgType::Lsm, _) if program.attach_type != Some(AttachType::LsmCgroup) => {
            Some(AttachPoint::Loaded)
        }
        (_, kind @ (SectionKind::Kprobe | SectionKind::Kretprobe)) => {
            let (function, offset) = sections::kprobe_target(target?)?;
            Some(AttachPoint::Kprobe {
                function: function.to_owned(),
                offset,
                returns: kind == SectionKind::Kretprobe,
            })
        }
        (_, kind @ (SectionKind::Ksyscall | SectionKind::Kretsyscall)) => {
            Some(AttachPoint::Kprobe {
                function: format!("__x64_sys_{}", target?),
                offset: 0,
                returns: kind == SectionKind::Kretsyscall,
            })
        }
        _ => None,
    }
}

fn initial_programs(spec: &MapSpec, programs: &[&Program]) -> Vec<(u32, u32)> {
    let Initial::Programs(slots) = &spec.initial else {
        return Vec::new();
    };
    let index = |name: &str| programs.iter().position(|program| program.name == name);
    slots
        .iter()
        .filter_map(|(slot, name)| Some((*slot, u32::try_from(index(name)?).ok()?)))
        .collect()
}

/// A map without the programs in it.
fn map_job(spec: &MapSpec) -> MapJob {
    let has_types = takes_types(spec.map_type);
    let type_id = |id: Option<BtfId>| id.filter(|_| has_types).map_or(0, |id| id.0);
    let (values, inner_maps) = match &spec.initial {
        Initial::Data(bytes) => (vec![(vec![0; 4], bytes.clone())], Vec::new()),
        Initial::Maps(slots) => (Vec::new(), slots.clone()),
        Initial::Empty | Initial::Programs(_) | Initial::StructOps(_) => (Vec::new(), Vec::new()),
    };
    MapJob {
        name: spec.name.clone(),
        map_type: spec.map_type.number(),
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: max_entries(spec),
        flags: spec.flags,
        extra: spec.extra,
        key_type: type_id(spec.key_type),
        value_type: type_id(spec.value_type),
        kernel_value_type: kernel_value_type(&spec.initial),
        inner: spec.inner.as_deref().map(|inner| Box::new(map_job(inner))),
        values,
        inner_maps,
        programs: Vec::new(),
        access: match spec.origin {
            Origin::ReadOnlyData => Access::Frozen,
            Origin::Declared | Origin::Data | Origin::StructOps { .. } => Access::ReadWrite,
        },
    }
}

/// The type of a structure of functions in the kernel's types.
fn kernel_value_type(initial: &Initial) -> u32 {
    match initial {
        Initial::StructOps(table) => table.kernel_value.map_or(0, |id| id.0),
        Initial::Empty | Initial::Data(_) | Initial::Programs(_) | Initial::Maps(_) => 0,
    }
}

fn max_entries(spec: &MapSpec) -> u32 {
    match spec.map_type {
        MapType::Ringbuf | MapType::UserRingbuf if spec.max_entries != 0 => spec
            .max_entries
            .max(PAGE_SIZE)
            .checked_next_power_of_two()
            .unwrap_or(spec.max_entries),
        _ => spec.max_entries,
    }
}

/// Whether the kernel lets maps of that type have key and value types.
fn takes_types(map_type: MapType) -> bool {
    !matches!(
        map_type,
        MapType::PerfEventArray
            | MapType::CgroupArray
            | MapType::StackTrace
            | MapType::ArrayOfMaps
            | MapType::HashOfMaps
            | MapType::Devmap
            | MapType::DevmapHash
            | MapType::Cpumap
            | MapType::Xskmap
            | MapType::Sockmap
            | MapType::Sockhash
            | MapType::StructOps
    )
}

fn program_job(program: &Program, types: Option<&mut Types<'_>>) -> ProgramJob {
    let section = sections::parse(&program.section);
    let sleepable = match program.sleepable {
        Sleepable::Yes => SLEEPABLE,
        Sleepable::No => 0,
    };
    let flags = section.map_or(0, |section| section.load_flags()) | sleepable;
    let member = program.attach_btf.and_then(|attach| attach.member);
    let attach_type = program.attach_type.map_or(0, AttachType::number);
    let (func_info, line_info) = match types {
        Some(types) => (types.func_info(program), types.line_info(program)),
        None => (Vec::new(), Vec::new()),
    };
    ProgramJob {
        name: program.name.clone(),
        prog_type: program.prog_type.number(),
        attach_type: member.unwrap_or(attach_type),
        attach: attach_name(program),
        target: program.attach_program.as_ref().map(target_job),
        flags,
        licence: program.licence.clone(),
        insns: program
            .code
            .iter()
            .flat_map(|insn| insn.to_le_bytes())
            .collect(),
        func_info,
        line_info,
        log_level: 0,
    }
}

/// The program that another attaches to.
fn target_job(target: &AttachProgram) -> TargetJob {
    let subprog = target.program.subprogs.get(target.subprog);
    let function = subprog.and_then(|subprog| subprog.func);
    TargetJob {
        job: Box::new(Job::of_program(&target.program)),
        function: function.map_or(0, |function| function.0),
    }
}

/// What the kernel's types call that which a program attaches to.
fn attach_name(program: &Program) -> Option<AttachName> {
    if program.attach_program.is_some() {
        return None;
    }
    if program.prog_type == ProgType::StructOps {
        return structure(program).map(AttachName::Structure);
    }
    let mut section = sections::parse(&program.section)?;
    section.attach_target = section
        .attach_target
        .map(|target| target.strip_prefix("vmlinux:").unwrap_or(target));
    let name = section.btf_name()?;
    Some(match program.attach_type {
        Some(AttachType::TraceRawTp) => AttachName::Typedef(name),
        _ => AttachName::Function(name),
    })
}

/// The structure of functions that a program stands in for a member of.
fn structure(program: &Program) -> Option<String> {
    let refers = |table: &&StructOps| table.members.iter().any(|(_, name)| *name == program.name);
    let tables = program.maps.iter().filter_map(|map| match &map.initial {
        Initial::StructOps(table) => Some(table),
        Initial::Empty | Initial::Data(_) | Initial::Programs(_) | Initial::Maps(_) => None,
    });
    let ty = tables
        .filter(refers)
        .find(|table| table.kernel_value.is_some())?
        .ty;
    let name = program.btf.as_deref()?.ty(ty).name();
    Some(essential_name(name).to_owned())
}

/// An object's BTF that programs find their functions and source lines in.
struct Types<'a> {
    btf: &'a Btf,
    section: Section,
    /// Where strings start in the string section, its last part.
    strings: HashMap<Vec<u8>, u32>,
    /// Length of the string section.
    strings_len: u32,
    /// Whether strings can be added: the string section is at the end.
    appendable: bool,
}

impl<'a> Types<'a> {
    fn new(btf: &'a Btf) -> Types<'a> {
        let mut section = Section::new(btf.bytes().to_vec());
        section.allocate_externs();
        let bytes = &section.bytes;
        let word = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let header = word(4).unwrap_or(0) as usize;
        let start = header.saturating_add(word(16).unwrap_or(0) as usize);
        let strings_len = word(20).unwrap_or(0);
        let end = start.saturating_add(strings_len as usize);
        let mut strings = HashMap::new();
        let mut at = 0_u32;
        for text in bytes
            .get(start..end)
            .unwrap_or_default()
            .split_inclusive(|&byte| byte == 0)
        {
            let name = text.strip_suffix(&[0]).unwrap_or(text);
            strings.entry(name.to_vec()).or_insert(at);
            at = at.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Types {
            btf,
            appendable: end == bytes.len() && header >= HEADER_LEN,
            section,
            strings,
            strings_len,
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        self.section.bytes
    }

    /// Where a string is, after adding it where it is missing; the empty one where it cannot be.
    fn string(&mut self, text: &str) -> u32 {
        if let Some(&at) = self.strings.get(text.as_bytes()) {
            return at;
        }
        let len = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
        let Some(grown) = self
            .strings_len
            .checked_add(len)
            .filter(|_| self.appendable)
        else {
            return 0;
        };
        let at = self.strings_len;
        self.section.bytes.extend_from_slice(text.as_bytes());
        self.section.bytes.push(0);
        self.strings_len = grown;
        if let Some(field) = self.section.bytes.get_mut(20..24) {
            field.copy_from_slice(&grown.to_le_bytes());
        }
        self.strings.insert(text.as_bytes().to_vec(), at);
        at
    }

    /// The functions of a program, or none at all unless the object describes them all.
    fn func_info(&mut self, program: &Program) -> Vec<FuncInfo> {
        let info = |subprog: &Subprog| {
            Some(FuncInfo {
                insn: subprog.start.0,
                func: subprog.func?.0,
            })
        };
        let found: Option<Vec<FuncInfo>> = program.subprogs.iter().map(info).collect();
        for subprog in &program.subprogs {
            if let (Some(func), Linkage::Static) = (subprog.func, subprog.linkage) {
                self.make_static(func);
            }
        }
        found.unwrap_or_default()
    }

    fn line_info(&mut self, program: &Program) -> Vec<LineInfo> {
        let lines = program.lines.iter();
        lines
            .map(|line| LineInfo {
                insn: line.pc.0,
                file: self.string(&line.file),
                text: self.string(&line.text),
                line_column: (line.line << 10) | (line.column & 0x3ff),
            })
            .collect()
    }

    /// Takes a function that is hidden from other objects for a static one, as the linker did.
    fn make_static(&mut self, func: BtfId) {
        let linkage = FuncLinkage::Global;
        if !matches!(self.btf.ty(func), Type::Func { linkage: found, .. } if found == linkage) {
            return;
        }
        self.section.make_static(func.0);
    }
}
