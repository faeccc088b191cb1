//! Loads, stores and atomic operations, by the kind of pointer they go through.
//!
//! Kernel: `check_mem_access`, `check_mem_region_access`, `check_packet_access`,
//! `check_ctx_access`, `check_atomic` in kernel/bpf/verifier.c, 6.12.

use crate::abi::MapType;
use crate::abi::context::{PacketRule, SockView, packet_rule};
use crate::abi::map_type::flag;
use crate::isa::{AtomicOp, Extend, Fetch, Operand, Reg, Size, Width};
use crate::object::{FieldKind, Initial, MapSpec, Origin};

use super::alu::MAX_VAR_OFF;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::outcome::AccessKind;
use super::scalar::Scalar;
use super::state::{Kind, MapLevel, MapRef, Register, UNSETTLED};
use super::tnum::Tnum;

/// Where packets start, past a multiple of 4 (`NET_IP_ALIGN`): their headers after the first are
/// aligned then.
const PACKET_ALIGNMENT: i64 = 2;

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A load.
    Read,
    /// A store.
    Write,
    /// A helper reads or writes on the program's behalf.
    Helper,
}

impl Use {
    /// How messages about the stack call it.
    pub(super) fn stack_phrase(self) -> &'static str {
        match self {
            Use::Read => " read from",
            Use::Write => " write to",
            Use::Helper => " indirect access to",
        }
    }
}

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A register.
    Reg(Reg),
    /// An immediate.
    Imm(i32),
    /// Something unknown.
    Unknown,
}

/// One access through a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// The base register.
    pub(super) reg: Reg,
    /// The instruction's offset.
    pub(super) off: i32,
    /// How many bytes.
    pub(super) size: u32,
    /// Read or write.
    pub(super) how: Use,
    /// Of a write, what is stored.
    pub(super) source: Source,
    /// Of a read, what happens to the upper bits.
    pub(super) extend: Extend,
    /// Whether any access must be aligned, not only those of the stack.
    pub(super) alignment: Alignment,
}

/// Which accesses must be aligned to their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alignment {
    /// Those of the stack, for slots to mean something; on x86 nothing else need be.
    StackOnly,
    /// All.
    Strict,
}

impl Access {
    /// A read of `size` bytes at `off` from a register.
    pub(super) fn read(reg: Reg, off: i32, size: u32) -> Access {
        let (source, extend) = (Source::Unknown, Extend::Zero);
        Access {
            reg,
            off,
            size,
            how: Use::Read,
            source,
            extend,
            alignment: Alignment::StackOnly,
        }
    }

    /// What a helper may do with `size` bytes that a register points to.
    pub(super) fn by_helper(reg: Reg, size: u32) -> Access {
        Access {
            how: Use::Helper,
            ..Access::read(reg, 0, size)
        }
    }
}

impl Verifier<'_> {
    pub(super) fn check_load(
        &mut self,
        size: Size,
        extend: Extend,
        dst: Reg,
        base: Reg,
        off: i16,
    ) -> Check {
        let pointer = self.read_reg(base)?;
        self.check_writable(dst)?;
        let access = Access {
            extend,
            ..Access::read(base, i32::from(off), size.bytes())
        };
        let loaded = self.check_access(&pointer, access)?;
        let loaded = narrow(loaded, size, extend);
        self.write_reg(dst, loaded);
        Ok(())
    }

    pub(super) fn check_store(&mut self, size: Size, base: Reg, off: i16, src: Operand) -> Check {
        let source = match src {
            Operand::Reg(reg) => {
                self.read_reg(reg)?;
                Source::Reg(reg)
            }
            Operand::Imm(imm) => Source::Imm(imm),
        };
        let pointer = self.read_reg(base)?;
        let access = Access {
            how: Use::Write,
            source,
            ..Access::read(base, i32::from(off), size.bytes())
        };
        self.check_access(&pointer, access).map(|_| ())
    }

    pub(super) fn check_atomic(
        &mut self,
        op: AtomicOp,
        width: Width,
        base: Reg,
        off: i16,
        src: Reg,
    ) -> Check {
        self.read_reg(src)?;
        let pointer = self.read_reg(base)?;
        if op == AtomicOp::Cmpxchg {
            self.read_reg(Reg::R0)?;
            self.check_leak(Reg::R0, "into mem")?;
        }
        self.check_leak(src, "into mem")?;
        let is_refused = matches!(
            pointer.kind,
            Kind::Ctx | Kind::Packet | Kind::PacketMeta | Kind::FlowKeys | Kind::Sock(_)
        );
        if is_refused || pointer.kind == Kind::Arena && super::arena::is_loop(op) {
            return Err(Fail::access(format!(
                "BPF_ATOMIC stores into R{} {} is not allowed",
                base.number(),
                self.type_name(&pointer)
            )));
        }
        let size = match width {
            Width::W32 => Size::W,
            Width::W64 => Size::DW,
        };
        if matches!(pointer.kind, Kind::Stack(_)) && !pointer.value.is_const() {
            let fixed = i64::from(pointer.off) + i64::from(off);
            return Err(Fail::access(format!(
                "variable offset stack pointer cannot be passed into helper function; \
                 var_off={} off={fixed} size={}",
                pointer.value.tnum,
                size.bytes()
            )));
        }
        let result = fetched_into(op, src);
        if let Some(result) = result {
            self.check_writable(result)?;
        }
        let mut access = Access {
            alignment: Alignment::Strict,
            ..Access::read(base, i32::from(off), size.bytes())
        };
        let loaded = self.check_access(&pointer, access)?;
        if matches!(pointer.kind, Kind::Stack(_)) && self.is_secret(&loaded) {
            let off = i64::from(pointer.off) + i64::from(off);
            let reason = format!("leaking pointer from stack off {off}");
            return Err(Fail::access(reason));
        }
        // What is fetched is there before the write is judged, be it in the very base.
        if let Some(result) = result {
            self.write_reg(result, narrow(loaded, size, Extend::Zero));
        }
        access.how = Use::Write;
        let pointer = *self.cur.reg(base);
        self.check_access(&pointer, access)?;
        Ok(())
    }

    /// What a store stores, if it is known.
    pub(super) fn source_register(&self, source: Source) -> Option<Register> {
        match source {
            Source::Reg(reg) => Some(*self.cur.reg(reg)),
            Source::Imm(imm) => Some(Register::constant(i64::from(imm).cast_unsigned())),
            Source::Unknown => None,
        }
    }

    /// Judges one access; of a read, gives what it yields.
    pub(super) fn check_access(&mut self, pointer: &Register, access: Access) -> Check<Register> {
        let off = i64::from(pointer.off) + i64::from(access.off);
        self.check_alignment(pointer, access)?;
        let null_checked = !pointer.maybe_null;
        match pointer.kind {
            Kind::MapKey(map) if null_checked => {
                if access.how == Use::Write {
                    return Err(Fail::access(format!(
                        "write to change key R{} not allowed",
                        access.reg.number()
                    )));
                }
                let size = self.map_spec(map).key_size;
                self.check_region(
                    pointer,
                    access,
                    Region {
                        what: "map key, key",
                        size,
                    },
                )?;
                self.plain()
            }
            Kind::MapValue(map) if null_checked => self.check_map_value(pointer, map, access),
            Kind::Mem(size, kind) if null_checked => {
                if access.how == Use::Write && kind.is_read_only() {
                    let name = self.type_name(pointer);
                    return Err(Fail::access(format!(
                        "R{} cannot write into {name}",
                        access.reg.number()
                    )));
                }
                self.check_stored(access, "into mem")?;
                self.check_region(
                    pointer,
                    access,
                    Region {
                        what: "memory, mem",
                        size,
                    },
                )?;
                self.plain()
            }
            Kind::Ctx => {
                self.check_stored(access, "into ctx")?;
                self.check_context(pointer, access, off)
            }
            Kind::Stack(_) => self.check_stack(pointer, access, off),
            Kind::Packet | Kind::PacketMeta => {
                if access.how == Use::Write && !self.may_write_packet() {
                    return Err(Fail::access("cannot write into packet"));
                }
                self.check_stored(access, "into packet")?;
                self.check_packet(pointer, access)?;
                self.plain()
            }
            Kind::Btf(..) if null_checked => self.check_btf_access(pointer, access, off),
            Kind::Local(ty, hold) if null_checked => {
                self.check_local_access(pointer, (ty, hold), access, off)
            }
            Kind::Sock(view) if null_checked => self.check_sock(pointer, view, access, off),
            Kind::FlowKeys => {
                self.check_stored(access, "into flow keys")?;
                self.check_flow_keys(access, off)
            }
            Kind::Buf(buffer) if null_checked => self.check_buffer(pointer, buffer, access, off),
            Kind::Map(map) if null_checked => self.check_map_fields(map, access, off),
            Kind::Arena => self.check_arena_access(),
            Kind::Uninit
            | Kind::Scalar
            | Kind::Map(_)
            | Kind::MapValue(_)
            | Kind::MapKey(_)
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::Buf(_)
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => Err(Fail::access(format!(
                "R{} invalid mem access '{}'",
                access.reg.number(),
                self.type_name(pointer)
            ))),
        }
    }

    /// Refuses to store a pointer that must stay secret where somebody can read it.
    fn check_stored(&self, access: Access, into: &str) -> Check {
        match (access.how, access.source) {
            (Use::Write, Source::Reg(reg)) => self.check_leak(reg, into),
            (Use::Write, Source::Imm(_) | Source::Unknown) | (Use::Read | Use::Helper, _) => Ok(()),
        }
    }

    pub(super) fn plain(&mut self) -> Check<Register> {
        self.note_access(AccessKind::Plain)?;
        Ok(Register::unknown())
    }

    /// Refuses an access that must be aligned and is not.
    pub(super) fn check_alignment(&self, pointer: &Register, access: Access) -> Check {
        let is_strict = self.rights.is_strict || access.alignment == Alignment::Strict;
        let is_access = access.how != Use::Helper || access.alignment == Alignment::Strict;
        // What before the offsets moves the place, and how messages show it.
        let (name, before) = match pointer.kind {
            Kind::Stack(_) if is_access => ("stack ", 0),
            Kind::Uninit | Kind::Stack(_) | Kind::Arena => return Ok(()),
            _ if !is_strict || !is_access => return Ok(()),
            Kind::Packet | Kind::PacketMeta => ("packet ", PACKET_ALIGNMENT),
            Kind::MapValue(_) => ("value ", 0),
            Kind::MapKey(_) => ("key ", 0),
            Kind::Ctx => ("context ", 0),
            Kind::FlowKeys => ("flow keys ", 0),
            Kind::Sock(view) => (alignment_name(view), 0),
            Kind::Scalar
            | Kind::Map(_)
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Buf(_)
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => ("", 0),
        };
        let fixed = before + i64::from(pointer.off) + i64::from(access.off);
        let fixed = Tnum::constant(fixed.cast_unsigned());
        let sum = pointer.value.tnum.add(fixed);
        if sum.is_aligned(u64::from(access.size)) {
            return Ok(());
        }
        let Access { off, size, .. } = access;
        let var_off = pointer.value.tnum;
        let before = match before {
            0 => String::new(),
            before => format!("{before}+"),
        };
        Err(Fail::access(format!(
            "misaligned {name}access off {before}{var_off}+{}+{off} size {size}",
            pointer.off
        )))
    }

    fn check_stack(&mut self, pointer: &Register, access: Access, off: i64) -> Check<Register> {
        let range = self.check_stack_bounds(access.reg, pointer, off, access.size, access.how)?;
        self.note_access(AccessKind::Plain)?;
        let fixed = pointer.value.is_const();
        match (access.how, fixed) {
            (Use::Write, true) => self.write_stack(range, access.source)?,
            (Use::Write, false) => self.write_stack_somewhere(range, access.source)?,
            (Use::Read | Use::Helper, true) => return self.read_stack(range),
            (Use::Read | Use::Helper, false) => return Ok(self.read_stack_somewhere(range)),
        }
        Ok(Register::unknown())
    }

    fn check_map_value(
        &mut self,
        pointer: &Register,
        map: MapRef,
        access: Access,
    ) -> Check<Register> {
        self.check_stored(access, "into map")?;
        self.check_map_flags(pointer, map, access)?;
        self.check_value_region(pointer, map, access)?;
        if let Some(content) = self.check_kptr_access(pointer, map, access)? {
            return Ok(content);
        }
        self.note_access(AccessKind::Plain)?;
        if access.how == Use::Read
            && let Some(known) = self.constant_content(pointer, map, access)
        {
            return Ok(Register::constant(known));
        }
        Ok(Register::unknown())
    }

    /// An access must lie within a map's value, and beside its special fields.
    pub(super) fn check_value_region(
        &self,
        pointer: &Register,
        map: MapRef,
        access: Access,
    ) -> Check {
        let size = self.map_spec(map).value_size;
        let what = "map value, value";
        self.check_region(pointer, access, Region { what, size })?;
        self.check_fields_untouched(pointer, map, access)
    }

    /// Maps may be closed to programs in one direction.
    pub(super) fn check_map_flags(&self, pointer: &Register, map: MapRef, access: Access) -> Check {
        let spec = self.map_spec(map);
        let (size, off) = (access.size, i64::from(pointer.off) + i64::from(access.off));
        if access.how == Use::Write && spec.flags & flag::RDONLY_PROG != 0 {
            return Err(Fail::access(format!(
                "write into map forbidden, value_size={} off={off} size={size}",
                spec.value_size
            )));
        }
        if access.how != Use::Write && spec.flags & flag::WRONLY_PROG != 0 {
            return Err(Fail::access(format!(
                "read from map forbidden, value_size={} off={off} size={size}",
                spec.value_size
            )));
        }
        Ok(())
    }

    /// What a read-only data section holds at a known offset.
    fn constant_content(&self, pointer: &Register, map: MapRef, access: Access) -> Option<u64> {
        let spec = self.map_spec(map);
        let Initial::Data(data) = &spec.initial else {
            return None;
        };
        if spec.origin != Origin::ReadOnlyData || spec.flags & flag::RDONLY_PROG == 0 {
            return None;
        }
        let start = pointer.value.const_value()?.cast_signed();
        let start = start.checked_add(i64::from(pointer.off) + i64::from(access.off))?;
        let start = usize::try_from(start).ok()?;
        let mut bytes = [0; 8];
        let size = access.size as usize;
        // What lies behind the initialised bytes is zero, as the map's value is.
        for (index, byte) in bytes.iter_mut().take(size).enumerate() {
            *byte = data.get(start.checked_add(index)?).copied().unwrap_or(0);
        }
        Some(u64::from_le_bytes(bytes))
    }

    /// Judges an access to memory of known size.
    pub(super) fn check_region(&self, pointer: &Register, access: Access, region: Region) -> Check {
        let number = access.reg.number();
        let off = i64::from(pointer.off) + i64::from(access.off);
        let value = &pointer.value;
        let low = value.smin.saturating_add(off);
        if value.smin < 0 && (value.smin == i64::MIN || i32::try_from(low).is_err() || low < 0) {
            return Err(Fail::access(format!(
                "R{number} min value is negative, either use unsigned index or do a if (index >=0) check."
            )));
        }
        region.check(low, access.size).map_err(|fail| {
            fail.then(format!(
                "R{number} min value is outside of the allowed memory range"
            ))
        })?;
        if value.umax >= MAX_VAR_OFF.cast_unsigned() {
            return Err(Fail::access(format!(
                "R{number} unbounded memory access, make sure to bounds check any such access"
            )));
        }
        let high = value.umax.cast_signed().saturating_add(off);
        region.check(high, access.size).map_err(|fail| {
            fail.then(format!(
                "R{number} max value is outside of the allowed memory range"
            ))
        })
    }

    /// Judges an access to the packet: within what has been compared with its end.
    pub(super) fn check_packet(&self, pointer: &Register, access: Access) -> Check {
        let number = access.reg.number();
        let off = i64::from(pointer.off) + i64::from(access.off);
        if pointer.value.smin < 0 {
            return Err(Fail::access(format!(
                "R{number} min value is negative, either use unsigned index or do a if (index >=0) check."
            )));
        }
        let within = off >= 0 && off + i64::from(access.size) <= i64::from(pointer.range);
        if pointer.range >= 0 && within {
            return Ok(());
        }
        let detail = format!(
            "invalid access to packet, off={off} size={}, R{number}(id={},off={off},r={})",
            access.size, pointer.id, pointer.range
        );
        Err(Fail::access(detail).then(format!("R{number} offset is outside of the packet")))
    }

    /// Whether programs of this type may write to the packet.
    pub(super) fn may_write_packet(&self) -> bool {
        match packet_rule(self.program.prog_type) {
            PacketRule::Load | PacketRule::LoadAndPass => false,
            PacketRule::Store | PacketRule::StoreAndPassToAny => true,
        }
    }

    /// The map that is meant.
    pub(super) fn map_spec(&self, map: MapRef) -> &MapSpec {
        let outer = &self.program.maps[map.index as usize];
        match (map.level, &outer.inner) {
            (MapLevel::Inner, Some(inner)) => inner,
            (MapLevel::Inner | MapLevel::Outer, _) => outer,
        }
    }

    /// What a lookup in the map gives: of a map of maps, its inner map.
    pub(super) fn lookup_kind(&self, map: MapRef) -> Kind {
        let spec = self.map_spec(map);
        if matches!(spec.map_type, MapType::ArrayOfMaps | MapType::HashOfMaps) {
            let inner = MapRef {
                level: MapLevel::Inner,
                ..map
            };
            let fields = self.value_fields(inner);
            let is_told_apart = fields.has(&FieldKind::Timer) || fields.has(&FieldKind::WorkQueue);
            let uid = if is_told_apart { UNSETTLED } else { 0 };
            Kind::Map(MapRef { uid, ..inner })
        } else {
            Kind::MapValue(map)
        }
    }
}

/// Memory of known size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    /// How messages call it and its size.
    pub(super) what: &'static str,
    /// Its size in bytes.
    pub(super) size: u32,
}

impl Region {
    fn check(self, off: i64, size: u32) -> Check {
        if off >= 0 && off.saturating_add(i64::from(size)) <= i64::from(self.size) {
            return Ok(());
        }
        let Region { what, size: limit } = self;
        Err(Fail::access(format!(
            "invalid access to {what}_size={limit} off={off} size={size}"
        )))
    }
}

/// Refuses a pointer that was moved backwards or by what is not known.
pub(super) fn check_unvaried(reg: Reg, pointer: &Register, name: &str) -> Check {
    let fixed = Register {
        off: pointer.off.min(0),
        ..*pointer
    };
    check_unmoved(reg, &fixed, name)
}

/// Refuses a pointer that was moved, where the kernel wants it as it came.
pub(super) fn check_unmoved(reg: Reg, pointer: &Register, name: &str) -> Check {
    let number = reg.number();
    let off = pointer.off;
    if off < 0 {
        return Err(Fail::access(format!(
            "negative offset {name} ptr R{number} off={off} disallowed"
        )));
    }
    if off > 0 {
        return Err(Fail::access(format!(
            "dereference of modified {name} ptr R{number} off={off} disallowed"
        )));
    }
    if pointer.value.const_value() != Some(0) {
        let var_off = pointer.value.tnum;
        return Err(Fail::access(format!(
            "variable {name} access var_off={var_off} disallowed"
        )));
    }
    Ok(())
}

/// How messages about alignment call a socket.
fn alignment_name(view: SockView) -> &'static str {
    match view {
        SockView::Common => "sock_common ",
        SockView::Full => "sock ",
        SockView::Tcp => "tcp_sock ",
        SockView::Xdp => "xdp_sock ",
    }
}

/// The register that an atomic operation puts the old value into.
fn fetched_into(op: AtomicOp, src: Reg) -> Option<Reg> {
    match op {
        AtomicOp::Add(Fetch::No)
        | AtomicOp::Or(Fetch::No)
        | AtomicOp::And(Fetch::No)
        | AtomicOp::Xor(Fetch::No) => None,
        AtomicOp::Add(Fetch::Yes)
        | AtomicOp::Or(Fetch::Yes)
        | AtomicOp::And(Fetch::Yes)
        | AtomicOp::Xor(Fetch::Yes)
        | AtomicOp::Xchg => Some(src),
        AtomicOp::Cmpxchg => Some(Reg::R0),
    }
}

/// A loaded number cut to the size of the load.
fn narrow(loaded: Register, size: Size, extend: Extend) -> Register {
    if !loaded.is_scalar() || size == Size::DW {
        return loaded;
    }
    let value: Scalar = match extend {
        Extend::Zero => loaded.value.truncate(size),
        Extend::Sign => loaded.value.sign_extend(size),
    };
    Register { value, ..loaded }
}
