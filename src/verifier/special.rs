//! Special fields of map values and of objects that programs allocate: where they are, which programs may have
//! them, and that loads and stores leave them alone.
//!
//! Where they are says [`crate::object::Fields`]; what calls may do with them is in [`super::timer`],
//! [`super::lock`], [`super::kptr`] and [`super::kfunc`].
//!
//! Kernel: `check_map_access`, `check_map_prog_compatibility`, `reg_btf_record` in kernel/bpf/verifier.c, 6.12.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::abi::kptrs::is_released;
use crate::abi::{MapType, ProgType};
use crate::btf::{BtfId, KindFilter};
use crate::isa::{Imm64, Insn};
use crate::object::{Field, FieldKind, Fields, Kptr, KptrHold, MapSpec, Sleepable};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Use};
use super::state::{Kind, MapLevel, MapRef, Register};

/// The special fields of types, each found once.
#[derive(Debug, Default)]
pub(super) struct KnownFields {
    /// Of the values of maps.
    values: BTreeMap<(u32, MapLevel), Arc<Fields>>,
    /// Of the program's own structures.
    objects: std::cell::RefCell<BTreeMap<BtfId, Arc<Fields>>>,
    none: Arc<Fields>,
}

/// What a pointer in a field leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointee {
    /// A structure of the kernel's.
    Kernel(BtfId),
    /// A structure of the program's.
    Local(BtfId),
}

impl Verifier<'_> {
    /// Refuses a program that may not refer to maps with such fields, and notes where they are.
    pub(super) fn check_maps(&mut self) -> Check {
        let program = self.program;
        for (index, spec) in (0..).zip(program.maps.iter()) {
            self.note_fields(index, MapLevel::Outer, spec);
            if let Some(inner) = &spec.inner {
                self.note_fields(index, MapLevel::Inner, inner);
            }
        }
        let referred: BTreeSet<u32> = self.insns.iter().filter_map(map_index).collect();
        for index in referred {
            if let Some(fields) = self.known.values.get(&(index, MapLevel::Outer)) {
                check_allowed(self.program.prog_type, fields)?;
            }
            let spec = program.maps.get(index as usize);
            let waits = program.sleepable == Sleepable::Yes;
            if waits && spec.is_some_and(|spec| !may_be_waited_with(spec.map_type)) {
                return Err(Fail::invalid(
                    "Sleepable programs can only use array, hash, ringbuf and local storage maps",
                ));
            }
        }
        Ok(())
    }

    fn note_fields(&mut self, index: u32, level: MapLevel, spec: &MapSpec) {
        let has_loose = spec.fields.iter().any(|field| self.is_loose(field));
        // As in Linux, one field that is wrong spoils them all.
        let fits = spec.fields.fit(spec.map_type, spec.flags);
        if !spec.fields.is_empty() && fits && !has_loose {
            let fields = Arc::new(spec.fields.clone());
            self.known.values.insert((index, level), fields);
        }
    }

    /// Whether a field would hold a reference that nothing could release.
    fn is_loose(&self, field: &Field) -> bool {
        let FieldKind::Kptr(kptr) = &field.kind else {
            return false;
        };
        match (kptr.hold, self.pointee(*kptr)) {
            (KptrHold::Reference, Pointee::Kernel(id)) => {
                !is_released(self.kernel_btf().ty(id).name())
            }
            (KptrHold::Reference | KptrHold::PerCpu | KptrHold::None, _) => false,
        }
    }

    /// What a pointer leads to: the kernel's structure of that name, or else the program's own.
    pub(super) fn pointee(&self, kptr: Kptr) -> Pointee {
        let btf = self.program.btf.as_ref();
        let name = btf.map_or("", |btf| btf.ty(kptr.pointee).name());
        match self.kernel_btf().find(name, KindFilter::STRUCT) {
            Some(id) => Pointee::Kernel(id),
            None => Pointee::Local(kptr.pointee),
        }
    }

    /// The special fields of a map's values.
    pub(super) fn value_fields(&self, map: MapRef) -> Arc<Fields> {
        let known = self.known.values.get(&(map.index, map.level));
        Arc::clone(known.unwrap_or(&self.known.none))
    }

    /// The special fields of one of the program's structures.
    pub(super) fn object_fields(&self, ty: BtfId) -> Arc<Fields> {
        let mut objects = self.known.objects.borrow_mut();
        let found = objects.entry(ty).or_insert_with(|| {
            let btf = self.program.btf.as_ref();
            let fields = btf.and_then(|btf| Fields::of_object(btf, ty).ok());
            Arc::new(fields.unwrap_or_default())
        });
        Arc::clone(found)
    }

    /// The special fields of what a register points to.
    pub(super) fn fields_behind(&self, kind: Kind) -> Arc<Fields> {
        match kind {
            Kind::MapValue(map) => self.value_fields(map),
            Kind::Local(ty, hold) if hold.is_alloc() => self.object_fields(ty),
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::MapKey(_)
            | Kind::Stack(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Btf(..)
            | Kind::Local(..)
            | Kind::Sock(_)
            | Kind::Dynptr
            | Kind::FlowKeys
            | Kind::Arena
            | Kind::Buf(_) => Arc::clone(&self.known.none),
        }
    }

    /// Whether there may be a lock behind a pointer, so that its id says which.
    pub(super) fn may_hold_lock(&self, kind: Kind) -> bool {
        self.fields_behind(kind).lock().is_some()
    }

    /// Loads and stores must leave the fields of a value alone; a kptr may be accessed as a whole.
    pub(super) fn check_fields_untouched(
        &self,
        pointer: &Register,
        map: MapRef,
        access: Access,
    ) -> Check {
        let fixed = i64::from(pointer.off) + i64::from(access.off);
        let first = pointer.value.smin.saturating_add(fixed);
        let end = pointer.value.umax.saturating_add_signed(fixed);
        let end = end.saturating_add(u64::from(access.size));
        for field in self.value_fields(map).iter() {
            let start = u64::from(field.offset);
            let past = start + u64::from(field.kind.size());
            if first < past.cast_signed() && start < end {
                check_touched(field, pointer, access, fixed)?;
            }
        }
        Ok(())
    }
}

/// An access that touches a field.
fn check_touched(field: &Field, pointer: &Register, access: Access, fixed: i64) -> Check {
    if !matches!(field.kind, FieldKind::Kptr(_)) {
        return Err(Fail::access(format!(
            "{} cannot be accessed directly by load/store",
            field.kind.name()
        )));
    }
    if access.how == Use::Helper {
        return Err(Fail::access("kptr cannot be accessed indirectly by helper"));
    }
    let Some(moved) = pointer.value.const_value() else {
        return Err(Fail::access("kptr access cannot have variable offset"));
    };
    let off = fixed.wrapping_add(moved.cast_signed());
    if off != i64::from(field.offset) {
        return Err(Fail::access(format!(
            "kptr access misaligned expected={} off={off}",
            field.offset
        )));
    }
    match access.size {
        8 => Ok(()),
        _ => Err(Fail::access("kptr access size must be BPF_DW")),
    }
}

/// Programs that trace may run anywhere, and so with the lock held.
fn check_allowed(prog_type: ProgType, fields: &Fields) -> Check {
    let traces = matches!(
        prog_type,
        ProgType::Kprobe
            | ProgType::Tracepoint
            | ProgType::PerfEvent
            | ProgType::RawTracepoint
            | ProgType::RawTracepointWritable
    );
    let tracing = |name| Fail::invalid(format!("tracing progs cannot use {name} yet"));
    if traces && fields.iter().any(|field| field.kind.is_root()) {
        return Err(tracing("bpf_{list_head,rb_root}"));
    }
    if prog_type == ProgType::SocketFilter && fields.has(&FieldKind::SpinLock) {
        return Err(Fail::invalid(
            "socket filter progs cannot use bpf_spin_lock yet",
        ));
    }
    let barred = [FieldKind::SpinLock, FieldKind::Timer, FieldKind::WorkQueue];
    match barred.iter().find(|kind| traces && fields.has(kind)) {
        Some(kind) => Err(tracing(kind.name())),
        None => Ok(()),
    }
}

/// Whether what is in such a map stays while a program that holds it sleeps.
fn may_be_waited_with(map_type: MapType) -> bool {
    match map_type {
        MapType::Hash
        | MapType::Array
        | MapType::PercpuHash
        | MapType::PercpuArray
        | MapType::LruHash
        | MapType::LruPercpuHash
        | MapType::ArrayOfMaps
        | MapType::HashOfMaps
        | MapType::Queue
        | MapType::Stack
        | MapType::Ringbuf
        | MapType::UserRingbuf
        | MapType::SkStorage
        | MapType::InodeStorage
        | MapType::TaskStorage
        | MapType::CgrpStorage
        | MapType::Arena => true,
        MapType::Unspec
        | MapType::ProgArray
        | MapType::PerfEventArray
        | MapType::StackTrace
        | MapType::CgroupArray
        | MapType::LpmTrie
        | MapType::Devmap
        | MapType::Sockmap
        | MapType::Cpumap
        | MapType::Xskmap
        | MapType::Sockhash
        | MapType::CgroupStorage
        | MapType::ReuseportSockarray
        | MapType::PercpuCgroupStorage
        | MapType::DevmapHash
        | MapType::StructOps
        | MapType::BloomFilter => false,
    }
}

/// The map that an instruction loads.
fn map_index(insn: &Insn) -> Option<u32> {
    let Insn::LoadImm64 {
        value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
        ..
    } = insn
    else {
        return None;
    };
    u32::try_from(*fd).ok()
}
