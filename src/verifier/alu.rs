//! Arithmetic on registers: what numbers become, and what may be done with pointers.
//!
//! The ranges of numbers are computed by [`super::scalar`]; here stand the rules for pointers and
//! for ids. Who may see addresses may subtract pointers and use them as numbers.
//!
//! Kernel: `check_alu_op`, `adjust_ptr_min_max_vals`, `check_reg_sane_offset` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::MapType;
use crate::isa::{AluOp, Imm64, Insn, Operand, Pc, Reg, Size, Width};

use crate::object::Subprog;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::outcome::Errno;
use super::scalar::Scalar;
use super::speculation::Addition;
use super::state::{ADD_CONST, Kind, MapLevel, MapRef, Place, Register};

/// Offsets of pointers stay below this (`BPF_MAX_VAR_OFF`).
pub(super) const MAX_VAR_OFF: i64 = 1 << 29;

impl Verifier<'_> {
    /// A register that is about to be read.
    pub(super) fn read_reg(&mut self, reg: Reg) -> Check<Register> {
        let register = *self.cur.reg(reg);
        if register.kind == Kind::Uninit {
            return Err(Fail::access(format!("R{} !read_ok", reg.number())));
        }
        self.log.changed(reg);
        if reg != Reg::FP {
            let frame = super::state::frame_number(self.cur.top());
            self.mark_read(Place::Reg(frame, reg));
        }
        Ok(register)
    }

    /// Refuses a write to the frame pointer.
    pub(super) fn check_writable(&self, reg: Reg) -> Check {
        if reg == Reg::FP {
            return Err(Fail::access("frame pointer is read only"));
        }
        Ok(())
    }

    fn read_operand(&mut self, operand: Operand, width: Width) -> Check<Register> {
        match operand {
            Operand::Reg(reg) => self.read_reg(reg),
            Operand::Imm(imm) => Ok(Register::constant(widen(imm, width))),
        }
    }

    pub(super) fn check_alu(&mut self, width: Width, op: AluOp, dst: Reg, src: Operand) -> Check {
        let right = self.read_operand(src, width)?;
        if op == AluOp::Mov {
            self.check_writable(dst)?;
            return self.check_mov(width, dst, src, right);
        }
        let left = self.read_reg(dst)?;
        self.check_writable(dst)?;
        if left.kind == Kind::Arena || right.kind == Kind::Arena {
            let result = self.arena_arithmetic();
            return self.write_result(dst, result);
        }
        let result = match (left.is_pointer(), right.is_pointer()) {
            (true, true) => self.combine_pointers(op, dst)?,
            (false, true) => {
                self.mark_precise(dst);
                self.move_pointer(
                    Move {
                        width,
                        op,
                        dst,
                        src,
                        order: Order::NumberFirst,
                    },
                    &right,
                    &left,
                )?
            }
            (true, false) => {
                if let Operand::Reg(src) = src {
                    self.mark_precise(src);
                }
                self.move_pointer(
                    Move {
                        width,
                        op,
                        dst,
                        src,
                        order: Order::PointerFirst,
                    },
                    &left,
                    &right,
                )?
            }
            (false, false) => {
                if let Operand::Reg(src) = src
                    && left.precise
                {
                    self.mark_precise(src);
                }
                self.check_unmasked(op, dst, src)?;
                let left = self.fork(op, dst, left, &right)?;
                combine_numbers(width, op, &left, &right)
            }
        };
        self.write_result(dst, result)
    }

    fn write_result(&mut self, dst: Reg, mut result: Register) -> Check {
        self.rights.mend(&mut result.value, "alu")?;
        self.write_reg(dst, result);
        Ok(())
    }

    /// A mask of -1 or 0, as sign extension makes it, is followed as each of the two when a constant
    /// is chosen by it: the current path goes on with -1.
    fn fork(
        &mut self,
        op: AluOp,
        dst: Reg,
        mask: Register,
        constant: &Register,
    ) -> Check<Register> {
        let is_mask = mask.value.smin == -1 && mask.value.smax == 0;
        if op != AluOp::And || !is_mask || !constant.value.is_const() {
            return Ok(mask);
        }
        let mut other = self.cur.clone();
        let mut live = other.reg(dst).live;
        live.written = true;
        *other.reg_mut(dst) = Register::constant(0).with_live(live);
        other.frame_mut().returned_from = None;
        self.push_branch(other, self.pc.next(), self.pc)?;
        Ok(Register::constant(u64::MAX))
    }

    fn check_mov(&mut self, width: Width, dst: Reg, src: Operand, value: Register) -> Check {
        let result = match (width, src) {
            (_, Operand::Imm(_)) => value,
            (Width::W64, Operand::Reg(src)) => self.with_id(src),
            (Width::W32, Operand::Reg(src)) if value.is_scalar() => {
                let fits = value.value.umax <= u64::from(u32::MAX);
                let copied = if fits {
                    self.with_id(src)
                } else {
                    Register {
                        id: 0,
                        off: 0,
                        ..value
                    }
                };
                Register {
                    value: copied.value.moved(Width::W32),
                    ..copied
                }
            }
            (Width::W32, Operand::Reg(src)) => {
                self.check_public(src, &value, "partial copy of pointer")?;
                Register::scalar(Scalar::unknown().moved(Width::W32))
            }
        };
        self.write_result(dst, result)
    }

    /// The register's content, given an id so that its copy stays known to be equal.
    pub(super) fn with_id(&mut self, reg: Reg) -> Register {
        let register = *self.cur.reg(reg);
        if !register.is_scalar() || register.value.is_const() {
            return register;
        }
        if register.id == 0 || register.id & ADD_CONST != 0 {
            let id = self.new_id();
            let register = self.cur.reg_mut(reg);
            register.id = id;
            register.off = 0;
        }
        *self.cur.reg(reg)
    }

    pub(super) fn check_movsx(&mut self, width: Width, from: Size, dst: Reg, src: Reg) -> Check {
        let value = self.read_reg(src)?;
        self.check_writable(dst)?;
        let refusal = match width {
            Width::W64 => "sign-extension part of pointer",
            Width::W32 => "partial copy of pointer",
        };
        self.check_public(src, &value, refusal)?;
        let result = if value.is_scalar() {
            let same = match width {
                Width::W64 => value.value.umax < 1 << (from.bits() - 1),
                Width::W32 => {
                    value.value.umax <= u64::from(u32::MAX)
                        && u64::from(value.value.u32_max) < 1 << (from.bits() - 1)
                }
            };
            let copied = if same {
                self.with_id(src)
            } else {
                Register {
                    id: 0,
                    off: 0,
                    ..value
                }
            };
            Register {
                value: value.value.moved_sx(width, from),
                ..copied
            }
        } else {
            Register::scalar(Scalar::unknown().moved(width))
        };
        self.write_result(dst, result)
    }

    /// Negation and byte swaps, of pointers, too, for who may see addresses.
    pub(super) fn check_unary(&mut self, dst: Reg, result: fn(Scalar) -> Scalar) -> Check {
        let value = self.read_reg(dst)?;
        self.check_public(dst, &value, "pointer arithmetic prohibited")?;
        self.check_writable(dst)?;
        let number = if value.is_scalar() {
            value.value
        } else {
            Scalar::unknown()
        };
        self.write_result(dst, Register::scalar(result(number)))
    }

    /// A 64-bit immediate: a number, a map, the address of a map's value, or a function.
    pub(super) fn check_load_imm64(&mut self, pc: Pc, dst: Reg, value: Imm64) -> Check {
        self.check_writable(dst)?;
        let content = match value {
            Imm64::Value(number) => Register::constant(number),
            Imm64::MapFd(fd) => Register::pointer(Kind::Map(self.map_ref(fd)?)),
            Imm64::MapValue { fd, off } => self.map_value_address(fd, off)?,
            Imm64::Func(off) => self.function_pointer(pc, off)?,
            Imm64::BtfVar { id, btf_fd: 0 } => self.kernel_symbol(id)?,
            Imm64::BtfVar { .. } => {
                let what = self.module_symbol(pc, "a variable");
                return Err(Fail::unsupported(format!("the address of {what}")));
            }
            Imm64::MapIdx(_) | Imm64::MapIdxValue { .. } => {
                return Err(Fail::unsupported(
                    "a map given by its index in a descriptor array",
                ));
            }
        };
        self.write_reg(dst, content);
        Ok(())
    }

    /// Judges every reference to a map, whether or not a path reaches it.
    pub(super) fn check_map_references(&mut self) -> Check {
        for (pc, insn) in (0..).map(Pc).zip(self.insns) {
            let Insn::LoadImm64 { value, .. } = insn else {
                continue;
            };
            self.pc = pc;
            let (Imm64::MapFd(fd) | Imm64::MapValue { fd, .. }) = *value else {
                continue;
            };
            let map = self.map_ref(fd)?;
            self.check_arena(map)?;
            if let Imm64::MapValue { off, .. } = value {
                self.map_value_address(fd, *off)?;
            }
        }
        Ok(())
    }

    fn map_ref(&self, fd: i32) -> Check<MapRef> {
        let index = u32::try_from(fd)
            .ok()
            .filter(|index| (*index as usize) < self.program.maps.len());
        let index = index
            .ok_or_else(|| Fail::invalid(format!("fd {fd} is not pointing to valid bpf_map")))?;
        Ok(MapRef {
            index,
            level: MapLevel::Outer,
            uid: 0,
        })
    }

    fn map_value_address(&self, fd: i32, off: u32) -> Check<Register> {
        let map = self.map_ref(fd)?;
        let spec = self.map_spec(map);
        if !matches!(spec.map_type, MapType::Array | MapType::Arena) {
            return Err(Fail::invalid(
                "no direct value access support for this map type",
            ));
        }
        if spec.map_type == MapType::Arena {
            return self.arena_address(map, off);
        }
        if spec.max_entries != 1 || off >= spec.value_size {
            let errno = match spec.max_entries {
                1 => Errno::Invalid,
                _ => Errno::NotSupported,
            };
            let size = spec.value_size;
            let reason =
                format!("invalid access to map value pointer, value_size={size} off={off}");
            return Err(Fail::new(errno, reason));
        }
        let off = i32::try_from(off)
            .map_err(|_| Fail::invalid(format!("direct value offset of {off} is not allowed")))?;
        Ok(Register {
            off,
            ..Register::pointer(Kind::MapValue(map))
        })
    }

    fn function_pointer(&self, pc: Pc, off: i32) -> Check<Register> {
        let subprog = pc.target(off).and_then(|to| self.flow.subprog_at(to));
        let Some(subprog) = subprog.and_then(|subprog| u32::try_from(subprog).ok()) else {
            return Err(Fail::invalid(format!(
                "invalid function reference at insn {pc}"
            )));
        };
        let start = self.flow.starts[subprog as usize];
        let described = |one: &Subprog| one.start == start && one.func.is_some();
        if !self.program.subprogs.iter().any(described) {
            return Err(Fail::invalid("missing btf func_info"));
        }
        if self.is_global(subprog as usize) {
            return Err(Fail::invalid(format!(
                "callback function not static: func#{subprog} ('{}')",
                self.names[subprog as usize]
            )));
        }
        Ok(Register::pointer(Kind::Func(subprog)))
    }

    /// Two pointers in one operation: only their difference means something.
    fn combine_pointers(&mut self, op: AluOp, dst: Reg) -> Check<Register> {
        if op == AluOp::Sub && self.rights.may_leak {
            return Ok(Register::unknown());
        }
        Err(Fail::access(format!(
            "R{} pointer {} pointer prohibited",
            dst.number(),
            symbol(op)
        )))
    }

    /// A pointer moved by a number.
    fn move_pointer(
        &mut self,
        how: Move,
        pointer: &Register,
        number: &Register,
    ) -> Check<Register> {
        let by = &number.value;
        let addition = Addition {
            op: how.op,
            dst: how.dst,
            src: how.src,
            pointer: *pointer,
            number: *number,
            pointer_first: how.order == Order::PointerFirst,
        };
        let number = how.dst.number();
        let type_name = self.type_name(pointer);
        if is_contradictory(by) {
            return Ok(Register::unknown());
        }
        if how.width == Width::W32 {
            if how.op == AluOp::Sub && self.rights.may_leak {
                return Ok(Register::unknown());
            }
            return Err(Fail::access(format!(
                "R{number} 32-bit pointer arithmetic prohibited"
            )));
        }
        if pointer.maybe_null {
            return Err(Fail::access(format!(
                "R{number} pointer arithmetic on {type_name} prohibited, null-check it first"
            )));
        }
        self.check_movable(how, pointer, by)?;
        check_sane(&Register::scalar(*by), &type_name)?;
        check_sane(pointer, &type_name)?;
        let masked = self.begin_masked(&addition)?;
        let moved = match how.op {
            AluOp::Add => self.pointer_plus(pointer, by),
            AluOp::Sub => self.pointer_minus(how, pointer, by)?,
            AluOp::And | AluOp::Or | AluOp::Xor => {
                return Err(Fail::access(format!(
                    "R{number} bitwise operator {} on pointer prohibited",
                    symbol(how.op)
                )));
            }
            AluOp::Mul
            | AluOp::Div
            | AluOp::SDiv
            | AluOp::Lsh
            | AluOp::Rsh
            | AluOp::Mod
            | AluOp::SMod
            | AluOp::Mov
            | AluOp::Arsh => {
                return Err(Fail::access(format!(
                    "R{number} pointer arithmetic with {} operator prohibited",
                    symbol(how.op)
                )));
            }
        };
        check_sane(&moved, &type_name)?;
        self.end_masked(&addition, &moved, masked)?;
        Ok(moved)
    }

    /// Which kinds of pointer may be moved at all.
    fn check_movable(&self, how: Move, pointer: &Register, by: &Scalar) -> Check {
        let stays = how.op == AluOp::Add && by.const_value() == Some(0);
        match pointer.kind {
            Kind::Map(_) if stays => Ok(()),
            Kind::FlowKeys if by.is_const() => Ok(()),
            Kind::Map(_) | Kind::PacketEnd | Kind::Sock(_) | Kind::FlowKeys => {
                Err(Fail::access(format!(
                    "R{} pointer arithmetic on {} prohibited",
                    how.dst.number(),
                    self.type_name(pointer)
                )))
            }
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::MapValue(_)
            | Kind::MapKey(_)
            | Kind::Stack(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Arena
            | Kind::Buf(_)
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => Ok(()),
        }
    }

    fn pointer_plus(&mut self, pointer: &Register, by: &Scalar) -> Register {
        if let Some(off) = fixed(by).and_then(|by| i64::from(pointer.off).checked_add(by))
            && let Ok(off) = i32::try_from(off)
        {
            return Register { off, ..*pointer };
        }
        let mut moved = Register {
            value: pointer.value.pointer_added(by),
            ..*pointer
        };
        if pointer.is_packet() {
            moved.id = self.new_id();
            moved.range = 0;
        }
        moved
    }

    fn pointer_minus(&mut self, how: Move, pointer: &Register, by: &Scalar) -> Check<Register> {
        let number = how.dst.number();
        if how.order == Order::NumberFirst {
            return Err(Fail::access(format!(
                "R{number} tried to subtract pointer from scalar"
            )));
        }
        if let Kind::Stack(_) = pointer.kind {
            return Err(Fail::access(format!(
                "R{number} subtraction from stack pointer prohibited"
            )));
        }
        if let Some(off) = fixed(by).and_then(|by| i64::from(pointer.off).checked_sub(by))
            && let Ok(off) = i32::try_from(off)
        {
            return Ok(Register { off, ..*pointer });
        }
        let mut moved = Register {
            value: pointer.value.pointer_subtracted(by),
            ..*pointer
        };
        if pointer.is_packet() {
            moved.id = self.new_id();
            if by.smin < 0 {
                moved.range = 0;
            }
        }
        Ok(moved)
    }
}

/// How a pointer is to be moved.
#[derive(Clone, Copy, Debug)]
struct Move {
    width: Width,
    op: AluOp,
    dst: Reg,
    src: Operand,
    order: Order,
}

/// Which operand is the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    PointerFirst,
    NumberFirst,
}

/// A number computed from two numbers, and what is left of its being known equal to others.
fn combine_numbers(width: Width, op: AluOp, left: &Register, right: &Register) -> Register {
    let mut result = Register::scalar(Scalar::alu(op, width, &left.value, &right.value));
    result.precise = left.precise;
    let distance = right
        .value
        .const_value()
        .and_then(|by| i32::try_from(by).ok());
    if op == AluOp::Add
        && width == Width::W64
        && left.id != 0
        && left.id & ADD_CONST == 0
        && let Some(distance) = distance
    {
        result.id = left.id | ADD_CONST;
        result.off = distance;
    }
    result
}

/// Refuses offsets so large that sums of them could wrap.
fn check_sane(register: &Register, type_name: &str) -> Check {
    let value = &register.value;
    let known = value.const_value().map(u64::cast_signed);
    if let Some(known) = known
        && (known >= MAX_VAR_OFF || known <= -MAX_VAR_OFF)
    {
        return Err(Fail::invalid(format!(
            "math between {type_name} pointer and {known} is not allowed"
        )));
    }
    let off = i64::from(register.off);
    if register.is_pointer() && (off >= MAX_VAR_OFF || off <= -MAX_VAR_OFF) {
        return Err(Fail::invalid(format!(
            "{type_name} pointer offset {off} is not allowed"
        )));
    }
    if value.smin == i64::MIN {
        return Err(Fail::invalid(format!(
            "math between {type_name} pointer and register with unbounded min value is not allowed"
        )));
    }
    if value.smin >= MAX_VAR_OFF || value.smin <= -MAX_VAR_OFF {
        let smin = value.smin;
        return Err(Fail::invalid(format!(
            "value {smin} makes {type_name} pointer be out of bounds"
        )));
    }
    Ok(())
}

/// A range that no number is in, or another than the known number's, as dead branches leave it.
fn is_contradictory(value: &Scalar) -> bool {
    let one = value.smin == value.smax && value.umin == value.umax;
    (value.is_const() && !one) || value.smin > value.smax || value.umin > value.umax
}

/// The distance, if it is known.
fn fixed(by: &Scalar) -> Option<i64> {
    by.const_value().map(u64::cast_signed)
}

/// An immediate as the operation sees it.
fn widen(imm: i32, width: Width) -> u64 {
    match width {
        Width::W64 => i64::from(imm).cast_unsigned(),
        Width::W32 => u64::from(imm.cast_unsigned()),
    }
}

/// The operator as the log prints it.
fn symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div | AluOp::SDiv => "/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod | AluOp::SMod => "%=",
        AluOp::Xor => "^=",
        AluOp::Mov => "=",
        AluOp::Arsh => "s>>=",
    }
}
