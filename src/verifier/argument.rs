//! Whether the registers hold what a helper wants.
//!
//! Kernel: `check_func_arg`, `check_reg_type`, `check_helper_mem_access`, `check_mem_size_reg` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::MapType;
use crate::abi::context::{PacketRule, packet_rule};
use crate::abi::helpers::{ArgType, DynptrArg, MemAccess, MemArg, PacketArgs, ZeroSize};
use crate::isa::Reg;
use crate::object::{Initial, Kptr};

use super::dynptr::{DynptrType, Want};
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::helper::Call;
use super::memory::{Access, Alignment, Region, Use, check_unmoved, check_unvaried};
use super::outcome::Errno;
use super::stack::Touch;
use super::state::{BufKind, Hold, Kind, MemKind, Register};
use super::wanted::{described, expected_kinds, is_nullable, is_nullable_object, wanted_objects};

/// The largest size that a helper may be given (`BPF_MAX_VAR_SIZ`).
pub(super) const MAX_VAR_SIZE: u64 = 1 << 29;

/// What `r1` to `r5` are called in prototypes.
pub(super) const ARGUMENTS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// Memory that a helper is given.
#[derive(Clone, Copy, Debug)]
struct Memory {
    size: u32,
    zero: ZeroSize,
    access: MemAccess,
}

/// Whether the call releases what it is given there.
fn releases(arg: ArgType) -> bool {
    matches!(
        arg,
        ArgType::RingbufMem | ArgType::ReleasedSock | ArgType::KptrContent
    )
}

impl Verifier<'_> {
    /// Judges one argument, and notes in `call` what later ones and the result depend on.
    pub(super) fn check_argument(&mut self, call: &mut Call, index: usize) -> Check {
        let arg = self.resolved_argument(call, index);
        let reg = ARGUMENTS[index];
        if arg == ArgType::None {
            return Ok(());
        }
        let register = self.read_reg(reg)?;
        if arg == ArgType::Anything {
            return self.check_leak(reg, "into helper function");
        }
        if register.is_packet() && !self.may_pass_packet(call.prototype.packet) {
            return Err(Fail::access("helper access to the packet is not allowed"));
        }
        if register.is_null() && is_nullable(arg) {
            self.mark_precise(reg);
            return Ok(());
        }
        self.check_type(call, reg, &register, arg)?;
        self.check_offset(reg, &register, arg)?;
        if register.ref_id != 0 && arg != ArgType::KptrField {
            call.ref_id = register.ref_id;
        }
        if releases(arg) {
            if register.ref_id == 0 {
                return Err(Fail::invalid(format!(
                    "R{} must be referenced when passed to release function",
                    reg.number()
                )));
            }
            call.release = Some(register.ref_id);
        }
        self.check_content(call, index, reg, &register)
    }

    /// What the helper wants there: a map of sockets is given sockets for values.
    fn resolved_argument(&self, call: &Call, index: usize) -> ArgType {
        let arg = call.prototype.args[index];
        let map_type = call.map.map(|map| self.map_spec(map).map_type);
        let of_sockets = matches!(map_type, Some(MapType::Sockmap | MapType::Sockhash));
        match arg {
            ArgType::MapValue(nullable) if of_sockets => ArgType::BtfSockCommon(nullable),
            other => other,
        }
    }

    /// Whether this type of program may hand packet memory to such a helper.
    fn may_pass_packet(&self, helper: PacketArgs) -> bool {
        match packet_rule(self.program.prog_type) {
            PacketRule::Load => false,
            PacketRule::LoadAndPass | PacketRule::Store => helper == PacketArgs::Allowed,
            PacketRule::StoreAndPassToAny => true,
        }
    }

    /// Whether the register is of a kind that the argument accepts.
    fn check_type(&self, call: &Call, reg: Reg, register: &Register, arg: ArgType) -> Check {
        if let Kind::Local(_, hold) = register.kind {
            return self.check_local_argument(call, reg, register, hold);
        }
        let Some(expected) = expected_kinds(arg) else {
            return Err(Fail::unsupported(format!(
                "a helper's argument that is {}",
                described(arg)
            )));
        };
        let reads_only = matches!(
            arg,
            ArgType::Mem(MemArg {
                access: MemAccess::Read,
                ..
            }) | ArgType::FixedMem {
                mem: MemArg {
                    access: MemAccess::Read,
                    ..
                },
                ..
            }
        );
        let is_memory = matches!(arg, ArgType::Mem(_) | ArgType::FixedMem { .. });
        let mut kind = *register;
        kind.maybe_null &= !is_nullable_object(arg);
        match kind.kind {
            Kind::Mem(size, kind_of_mem) if reads_only && kind_of_mem.is_read_only() => {
                kind.kind = Kind::Mem(size, MemKind::Plain);
            }
            Kind::Buf(_) if reads_only => kind.kind = Kind::Buf(BufKind::ReadWrite),
            _ => {}
        }
        let name = self.type_name(&kind);
        if let (ArgType::KptrContent, Some(kptr)) = (arg, call.kptr)
            && matches!(register.kind, Kind::Btf(..))
            && expected.split(", ").any(|one| one == name)
        {
            return self.check_kptr_content(kptr, reg, register);
        }
        // Slices of packets have the name of other memory, but keys and values they cannot be.
        let is_slice = matches!(kind.kind, Kind::Mem(_, kind) if kind.is_packet_slice());
        let is_wanted = expected.split(", ").any(|one| one == name) && (is_memory || !is_slice);
        // Where an object of the program's is wanted, none of the kernel's is, whose name is the same.
        let is_foreign = matches!(arg, ArgType::SpinLock | ArgType::KptrField)
            && matches!(register.kind, Kind::Btf(..));
        if is_wanted && !is_foreign {
            let is_object = matches!(register.kind, Kind::Btf(..));
            return match wanted_objects(arg) {
                Some(wanted) if is_object => self.check_object(reg, register, wanted),
                None if is_object && arg != ArgType::PercpuBtfId && !reads_only => {
                    Err(Fail::access(format!(
                        "{}() may write into memory pointed by R{} type={}",
                        call.name,
                        reg.number(),
                        self.type_name(register)
                    )))
                }
                Some(_) | None => Ok(()),
            };
        }
        let number = reg.number();
        Err(Fail::access(format!(
            "R{number} type={name} expected={expected}"
        )))
    }

    /// Whether an argument may be an object of one of the program's types.
    fn check_local_argument(
        &self,
        call: &Call,
        reg: Reg,
        register: &Register,
        hold: Hold,
    ) -> Check {
        let arg = self.resolved_argument(call, usize::from(reg.number()) - 1);
        let is_present = !register.maybe_null;
        let fits = match (arg, hold) {
            (ArgType::SpinLock | ArgType::KptrField, Hold::Owned) => is_present,
            (ArgType::PercpuBtfId, Hold::RcuPerCpu) => is_present,
            (ArgType::KptrContent, _) => {
                let is_known = matches!(hold, Hold::Owned | Hold::OwnedPerCpu);
                return match (call.kptr, is_present && is_known) {
                    (Some(kptr), true) => self.check_fits_kptr(kptr, reg, register),
                    _ => self.wrong_content(reg, register, hold),
                };
            }
            (_, _) => false,
        };
        if fits {
            return Ok(());
        }
        Err(self.unexpected(reg, register, expected_kinds(arg).unwrap_or_default()))
    }

    /// An object that cannot be put into a field.
    fn wrong_content(&self, reg: Reg, register: &Register, hold: Hold) -> Check {
        let slips_through = match hold {
            Hold::Owned | Hold::OwnedPerCpu => register.maybe_null,
            Hold::Rcu => true,
            Hold::NonOwning
            | Hold::NonOwningRcu
            | Hold::NonOwningLost
            | Hold::RcuLost
            | Hold::RcuPerCpu
            | Hold::PerCpuLost
            | Hold::Untrusted => false,
        };
        if slips_through {
            return Err(Fail::new(
                Errno::Fault,
                "verifier internal error: invalid PTR_TO_BTF_ID register for type match",
            ));
        }
        let expected = expected_kinds(ArgType::KptrContent).unwrap_or_default();
        Err(self.unexpected(reg, register, expected))
    }

    fn unexpected(&self, reg: Reg, register: &Register, expected: &str) -> Fail {
        let (number, name) = (reg.number(), self.type_name(register));
        Fail::access(format!("R{number} type={name} expected={expected}"))
    }

    /// An object of the kernel's that is put into a field.
    fn check_kptr_content(&self, kptr: Kptr, reg: Reg, register: &Register) -> Check {
        match register.maybe_null {
            true => Err(Fail::access(format!(
                "Possibly NULL pointer passed to helper arg{}",
                reg.number()
            ))),
            false => self.check_fits_kptr(kptr, reg, register),
        }
    }

    /// Whether a pointer that must be as it came is.
    pub(super) fn check_offset(&self, reg: Reg, register: &Register, arg: ArgType) -> Check {
        if releases(arg) && register.off != 0 {
            return Err(Fail::invalid(format!(
                "R{} must have zero offset when passed to release func or trusted arg to kfunc",
                reg.number()
            )));
        }
        match register.kind {
            Kind::Scalar
            | Kind::Uninit
            | Kind::Stack(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::MapKey(_)
            | Kind::MapValue(_)
            | Kind::Arena
            | Kind::Buf(_) => Ok(()),
            Kind::Local(..) if register.maybe_null => {
                check_unmoved(reg, register, &self.type_name(register))
            }
            Kind::Btf(..) | Kind::Local(..) => {
                check_unvaried(reg, register, &self.type_name(register))
            }
            Kind::Mem(_, MemKind::Plain | MemKind::ReadOnly) => Ok(()),
            Kind::Mem(_, MemKind::Ringbuf) if arg != ArgType::RingbufMem => Ok(()),
            // Of memory Linux lists what may be moved; a packet's slices are not on the list.
            Kind::Mem(_, MemKind::PacketSlice | MemKind::ReadOnlyPacketSlice)
            | Kind::Mem(_, MemKind::Ringbuf)
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::PacketEnd
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Dynptr
            | Kind::Func(_) => check_unmoved(reg, register, &self.type_name(register)),
        }
    }

    fn check_content(
        &mut self,
        call: &mut Call,
        index: usize,
        reg: Reg,
        register: &Register,
    ) -> Check {
        match self.resolved_argument(call, index) {
            ArgType::ConstMapPtr => {
                if let Kind::Map(map) = register.kind {
                    Verifier::check_timer_map(call, map)?;
                    call.map = Some(map);
                }
                Ok(())
            }
            ArgType::MapKey => {
                let map = call
                    .map
                    .ok_or_else(|| Fail::access("invalid map_ptr to access map->key"))?;
                let size = self.map_spec(map).key_size;
                self.check_given(
                    call,
                    reg,
                    Memory {
                        size,
                        zero: ZeroSize::Refused,
                        access: MemAccess::Read,
                    },
                )
            }
            ArgType::MapValue(_) | ArgType::UninitMapValue => {
                let map = call
                    .map
                    .ok_or_else(|| Fail::access("invalid map_ptr to access map->value"))?;
                let size = self.map_spec(map).value_size;
                let access = if call.prototype.args[index] == ArgType::UninitMapValue {
                    MemAccess::Uninit
                } else {
                    MemAccess::Read
                };
                self.check_given(
                    call,
                    reg,
                    Memory {
                        size,
                        zero: ZeroSize::Refused,
                        access,
                    },
                )
            }
            ArgType::FixedMem { size, mem } => {
                if matches!(size, 4 | 8) {
                    // A number, which must lie where the helper can store it at once.
                    let alignment = Alignment::Strict;
                    let access = Access {
                        alignment,
                        ..Access::by_helper(reg, size)
                    };
                    self.check_alignment(register, access)?;
                }
                self.check_given(
                    call,
                    reg,
                    Memory {
                        size,
                        zero: ZeroSize::Refused,
                        access: mem.access,
                    },
                )
            }
            ArgType::Size(zero) => self.check_size(call, index, zero),
            ArgType::AllocSize => {
                let Some(size) = register.const_scalar() else {
                    return Err(Fail::access(format!(
                        "R{} is not a known constant'",
                        reg.number()
                    )));
                };
                // The kernel keeps 32 bits of it. A larger record is not to be had when the program
                // runs, so that what is read here is never reached.
                call.alloc_size = Some(size as u32);
                self.mark_precise(reg);
                Ok(())
            }
            ArgType::Func(callback) => {
                if let Kind::Func(subprog) = register.kind {
                    call.callback = Some((callback, subprog as usize));
                }
                Ok(())
            }
            ArgType::ConstStr => self.check_const_str(reg, register),
            ArgType::None
            | ArgType::Anything
            | ArgType::Mem(_)
            | ArgType::Ctx(_)
            | ArgType::RingbufMem
            | ArgType::SockCommon
            | ArgType::BtfSockCommon(_)
            | ArgType::ReleasedSock
            | ArgType::SocketOrNull
            | ArgType::BtfId(_)
            | ArgType::BtfIdOrNull(_)
            | ArgType::StackOrNull => Ok(()),
            ArgType::PercpuBtfId => {
                match register.kind {
                    Kind::Btf(id, _) => call.variable = Some(id),
                    Kind::Local(id, _) => call.object = Some(id),
                    _ => {}
                }
                Ok(())
            }
            ArgType::Dynptr(wanted) => self.check_given_dynptr(call, reg, wanted),
            ArgType::Timer => self.check_timer(call, reg, register),
            ArgType::SpinLock => self.check_lock(call.number, reg, register),
            ArgType::KptrField => {
                call.kptr = Some(self.exchanged_kptr(reg, register)?);
                Ok(())
            }
            ArgType::KptrContent => Ok(()),
        }
    }

    /// A dynptr that a helper makes, uses or releases.
    fn check_given_dynptr(&mut self, call: &mut Call, reg: Reg, wanted: DynptrArg) -> Check {
        let want = match wanted {
            DynptrArg::Initialised => Want::Any,
            DynptrArg::UninitLocal => Want::Room(DynptrType::Local),
            DynptrArg::UninitRingbuf => Want::Room(DynptrType::Ringbuf),
            DynptrArg::ReleaseRingbuf => {
                self.check_releasable(reg)?;
                Want::Of(DynptrType::Ringbuf)
            }
        };
        self.check_dynptr(reg, want)?;
        call.dynptr = Some((reg, wanted));
        Ok(())
    }

    /// A size, and with it the memory that the argument before points to.
    fn check_size(&mut self, call: &mut Call, index: usize, zero: ZeroSize) -> Check {
        let reg = ARGUMENTS[index];
        let number = reg.number();
        let size = self.cur.reg(reg).value;
        let memory = index
            .checked_sub(1)
            .map(|before| (ARGUMENTS[before], call.prototype.args[before]));
        let Some((memory_reg, ArgType::Mem(mem))) = memory else {
            return Err(Fail::invalid("a size without memory"));
        };
        call.max_size = Some(size.umax);
        if size.smin < 0 {
            return Err(Fail::access(format!(
                "R{number} min value is negative, either use unsigned or 'var &= const'"
            )));
        }
        if size.umin == 0 && zero == ZeroSize::Refused {
            return Err(Fail::access(format!(
                "R{number} invalid zero-sized read: u64=[{},{}]",
                size.umin, size.umax
            )));
        }
        if size.umax >= MAX_VAR_SIZE {
            return Err(Fail::access(format!(
                "R{number} unbounded memory access, use 'var &= const' or 'if (var < const)'"
            )));
        }
        // What is only perhaps overwritten must have been initialised.
        let access = match mem.access {
            MemAccess::Uninit if !size.is_const() => MemAccess::Write,
            access => access,
        };
        let size = u32::try_from(size.umax).unwrap_or(u32::MAX);
        self.check_given(call, memory_reg, Memory { size, zero, access })?;
        self.mark_precise(reg);
        Ok(())
    }

    /// Memory that a helper reads or writes.
    fn check_given(&mut self, call: &mut Call, reg: Reg, memory: Memory) -> Check {
        let pointer = *self.cur.reg(reg);
        let size = memory.size;
        let access = Access::by_helper(reg, size);
        let writes = memory.access != MemAccess::Read;
        match pointer.kind {
            Kind::Packet | Kind::PacketMeta => self.check_packet(&pointer, access),
            Kind::MapKey(map) => {
                if writes {
                    return Err(Fail::access(format!(
                        "R{} cannot write into map_key",
                        reg.number()
                    )));
                }
                let size = self.map_spec(map).key_size;
                self.check_region(
                    &pointer,
                    access,
                    Region {
                        what: "map key, key",
                        size,
                    },
                )
            }
            Kind::MapValue(map) if !pointer.maybe_null => {
                let how = if writes { Use::Write } else { Use::Read };
                self.check_map_flags(&pointer, map, Access { how, ..access })?;
                self.check_value_region(&pointer, map, access)
            }
            Kind::Mem(_, kind) if writes && kind.is_read_only() => Err(Fail::access(format!(
                "R{} cannot write into {}",
                reg.number(),
                self.type_name(&pointer)
            ))),
            Kind::Mem(size, _) if !pointer.maybe_null => self.check_region(
                &pointer,
                access,
                Region {
                    what: "memory, mem",
                    size,
                },
            ),
            Kind::Stack(_) => self.check_given_stack(call, &pointer, access, memory),
            Kind::Buf(buffer) if !pointer.maybe_null => {
                let how = if writes { Use::Write } else { Use::Read };
                let off = i64::from(pointer.off);
                self.check_buffer(&pointer, buffer, Access { how, ..access }, off)
                    .map(|_| ())
            }
            Kind::Btf(..) if !pointer.maybe_null && !writes => self
                .check_btf_access(
                    &pointer,
                    Access {
                        how: Use::Read,
                        ..access
                    },
                    i64::from(pointer.off),
                )
                .map(|_| ()),
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::MapValue(_)
            | Kind::Mem(..)
            | Kind::PacketEnd
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Arena
            | Kind::Buf(_)
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => {
                if memory.zero == ZeroSize::Allowed && size == 0 && pointer.is_null() {
                    return Ok(());
                }
                let name = self.type_name(&pointer);
                Err(Fail::access(format!(
                    "R{} type={name} expected=fp",
                    reg.number()
                )))
            }
        }
    }

    /// Memory that a global function is given: it may read and write all of it.
    pub(super) fn check_memory(&mut self, reg: Reg, pointer: &Register, size: u32) -> Check {
        let access = Access::by_helper(reg, size);
        match pointer.kind {
            Kind::Stack(_) => {
                let range = self.check_stack_bounds(
                    reg,
                    pointer,
                    i64::from(pointer.off),
                    size,
                    Use::Helper,
                )?;
                self.check_plain(reg, range)?;
                self.touch_stack(range, Touch::Write);
                Ok(())
            }
            Kind::MapValue(map) => {
                self.check_map_flags(
                    pointer,
                    map,
                    Access {
                        how: Use::Write,
                        ..access
                    },
                )?;
                self.check_value_region(pointer, map, access)
            }
            Kind::Mem(size, MemKind::Plain | MemKind::Ringbuf | MemKind::PacketSlice) => self
                .check_region(
                    pointer,
                    access,
                    Region {
                        what: "memory, mem",
                        size,
                    },
                ),
            Kind::Packet | Kind::PacketMeta => self.check_packet(pointer, access),
            Kind::MapKey(_) => Err(Fail::access(format!(
                "R{} cannot write into map_key",
                reg.number()
            ))),
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::PacketEnd
            | Kind::Mem(_, MemKind::ReadOnly | MemKind::ReadOnlyPacketSlice)
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Arena
            | Kind::Buf(_)
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => {
                let name = self.type_name(pointer);
                Err(Fail::access(format!(
                    "R{} type={name} expected=fp",
                    reg.number()
                )))
            }
        }
    }

    fn check_given_stack(
        &mut self,
        call: &mut Call,
        pointer: &Register,
        access: Access,
        memory: Memory,
    ) -> Check {
        if memory.size == 0 && memory.zero == ZeroSize::Refused {
            return Err(Fail::access("invalid zero-sized read"));
        }
        let off = i64::from(pointer.off);
        let range = self.check_stack_bounds(access.reg, pointer, off, memory.size, Use::Helper)?;
        match memory.access {
            MemAccess::Uninit if pointer.value.is_const() => {
                self.check_beside_dynptrs(range)?;
                range.bytes().try_for_each(|byte| self.check_intact(byte))?;
                call.overwritten.push(range);
            }
            // The kernel forgets spilled registers even where the helper only reads.
            MemAccess::Uninit | MemAccess::Write | MemAccess::Read => {
                self.check_plain(access.reg, range)?;
                self.touch_stack(range, Touch::Write);
            }
        }
        Ok(())
    }

    /// A string that is known when the program is judged.
    pub(super) fn check_const_str(&self, reg: Reg, register: &Register) -> Check {
        let number = reg.number();
        let Kind::MapValue(map) = register.kind else {
            return Err(Fail::invalid(format!(
                "R{number} does not point to a readonly map'"
            )));
        };
        let spec = self.map_spec(map);
        let Initial::Data(data) = &spec.initial else {
            return Err(Fail::access(format!(
                "R{number} does not point to a readonly map'"
            )));
        };
        if spec.origin != crate::object::Origin::ReadOnlyData {
            return Err(Fail::access(format!(
                "R{number} does not point to a readonly map'"
            )));
        }
        let Some(var) = register.value.const_value() else {
            return Err(Fail::access(format!(
                "R{number} is not a constant address'"
            )));
        };
        let start = i64::from(register.off).checked_add(var.cast_signed());
        let start = start.and_then(|start| usize::try_from(start).ok());
        let text = start.and_then(|start| data.get(start..));
        match text {
            Some(text) if text.contains(&0) => Ok(()),
            _ => Err(Fail::invalid("string is not zero-terminated")),
        }
    }
}
