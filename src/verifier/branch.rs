//! Conditional jumps: which ways a branch may go, and what each way teaches.
//!
//! Numbers are refined by [`super::scalar`], together with every number known to be equal. A
//! comparison of a pointer with 0 settles whether it is null, one of a packet pointer with the
//! packet's end how much of the packet may be read.
//!
//! Kernel: `check_cond_jmp_op`, `find_good_pkt_pointers`, `mark_ptr_or_null_regs`,
//! `sync_linked_regs` in kernel/bpf/verifier.c, 6.12.

use crate::abi::context::SockView;
use crate::isa::{JumpOp, Operand, Pc, Reg, Width};

use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};
use super::privilege::Rights;
use super::prune::IdMap;
use super::scalar::{Branch, Scalar};
use super::state::{ADD_CONST, Hold, Kind, MapRef, Place, Register, State, Trust, UNSETTLED};

/// Nothing lies this far into a packet (`MAX_PACKET_OFF`).
const MAX_PACKET_OFF: u64 = 0xffff;
/// The most places that are tracked as equal at one branch (`LINKED_REGS_MAX`).
const MAX_LINKED: usize = 6;
/// The range of a packet pointer known to be at the packet's end.
const AT_END: i32 = -1;
/// The range of a packet pointer known to be beyond the packet's end.
const BEYOND_END: i32 = -2;

/// What becomes of a pointer's id once it is known not to be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    /// It says which lock is behind it.
    KeepsId,
    /// It has no more meaning.
    LosesId,
}

/// A conditional jump with its operands' contents.
#[derive(Clone, Copy)]
struct Condition {
    width: Width,
    op: JumpOp,
    dst: Reg,
    src: Operand,
    left: Register,
    right: Register,
    /// What a pointer that may be null is when it is not.
    present: Kind,
    /// What becomes of its id then.
    settled: Settled,
}

impl Verifier<'_> {
    pub(super) fn check_jump_if(
        &mut self,
        pc: Pc,
        width: Width,
        op: JumpOp,
        dst: Reg,
        src: Operand,
        off: i32,
    ) -> Check<Flowing> {
        let left = self.read_reg(dst)?;
        let right = match src {
            Operand::Reg(reg) => self.read_reg(reg)?,
            Operand::Imm(imm) => Register::constant(i64::from(imm).cast_unsigned()),
        };
        if let Operand::Reg(src) = src
            && !(is_of_packet(&left) && is_of_packet(&right))
        {
            self.check_public(src, &right, "pointer comparison prohibited")?;
        }
        let unsettled = if left.maybe_null { &left } else { &right };
        let present = self.present_kind(unsettled.kind);
        let settled = match self.may_hold_lock(present) {
            true => Settled::KeepsId,
            false => Settled::LosesId,
        };
        let condition = Condition {
            width,
            op,
            dst,
            src,
            left,
            right,
            present,
            settled,
        };
        if let Some(taken) = decided(&condition) {
            self.mark_decided(&condition);
            let target = self.target(pc, off)?;
            let (way, other) = match taken {
                true => (target, Flowing::To(pc.next())),
                false => (Flowing::To(pc.next()), target),
            };
            if let Flowing::To(other) = other {
                self.speculate_branch(other, dst, src)?;
            }
            return Ok(way);
        }
        self.link_equals(&condition);
        let Flowing::To(target) = self.target(pc, off)? else {
            return Ok(Flowing::Ended);
        };
        let rights = self.rights;
        let other = self.push_branch(self.cur.clone(), target, pc)?;
        learn(other, &condition, Branch::Taken, rights)?;
        learn(&mut self.cur, &condition, Branch::FallThrough, rights)?;
        if !is_null_check(&condition) && !is_packet_check(&condition) {
            self.check_public(dst, &left, "pointer comparison prohibited")?;
        }
        self.log.changed(dst);
        if let Operand::Reg(src) = src {
            self.log.changed(src);
        }
        Ok(Flowing::To(pc.next()))
    }

    /// What decided the branch matters.
    fn mark_decided(&mut self, condition: &Condition) {
        if condition.left.is_scalar() {
            self.mark_precise(condition.dst);
        }
        if let Operand::Reg(src) = condition.src
            && condition.right.is_scalar()
        {
            self.mark_precise(src);
        }
    }

    /// Remembers which places the branch refines together, for the walk back.
    fn link_equals(&mut self, condition: &Condition) {
        let mut linked = Vec::new();
        // Each operand on its own, so that two with one id count twice.
        for operand in [&condition.right, &condition.left] {
            if !operand.is_scalar() || operand.id == 0 {
                continue;
            }
            let id = operand.id & !ADD_CONST;
            self.cur.for_each_place(|place, register| {
                if !register.is_scalar() || register.id & !ADD_CONST != id {
                    return;
                }
                if linked.len() < MAX_LINKED {
                    linked.push(place);
                } else {
                    register.id = 0;
                }
            });
        }
        if linked.len() > 1 {
            self.remember_link(linked);
        }
    }

    fn remember_link(&mut self, linked: Vec<Place>) {
        let index = u32::try_from(self.cur.links.len()).ok();
        self.cur.links.push(linked);
        if let Some(step) = self.cur.history.last_mut() {
            step.link = index;
        }
    }

    /// `may_goto`: the budget may be used up at any time, or not yet.
    pub(super) fn check_may_goto(&mut self, pc: Pc, off: i32) -> Check<Flowing> {
        if off == 0 {
            return Err(Fail::invalid("invalid may_goto off 0 imm 0"));
        }
        let depth = self.cur.frames.len();
        let mut further = self.cur.clone();
        further.may_goto_depth += 1;
        // The parent was stored just now, at this very instruction.
        let before = self
            .cur
            .parent
            .and_then(|parent| self.stored[parent.index()].state.parent);
        if let Some(previous) = self.previous_at(pc, depth, before) {
            widen(&self.stored[previous.index()].state, &mut further);
        }
        self.push_branch(further, pc.next(), pc)?;
        self.target(pc, off)
    }
}

/// Forgets what two passes of a loop do not agree on and what never mattered.
///
/// Numbers agree when they are the same but for their ids, and those stand for each other.
pub(super) fn widen(old: &State, next: &mut State) {
    let mut ids = IdMap::default();
    for (old_frame, frame) in old.frames.iter().zip(&mut next.frames) {
        for (old, cur) in old_frame.regs.iter().zip(&mut frame.regs) {
            widen_number(old, cur, &mut ids);
        }
        for (old, cur) in old_frame.stack.iter().zip(&mut frame.stack) {
            if old.is_scalar_spill() && cur.is_scalar_spill() {
                widen_number(&old.spilled, &mut cur.spilled, &mut ids);
            }
        }
    }
}

fn widen_number(old: &Register, cur: &mut Register, ids: &mut IdMap) {
    let both = old.is_scalar() && cur.is_scalar();
    if !both || old.precise || cur.precise {
        return;
    }
    let same = old.value == cur.value && old.off == cur.off && ids.check(old.id, cur.id);
    if !same {
        *cur = Register::unknown().with_live(cur.live);
    }
}

/// Whether the branch can only go one way.
fn decided(condition: &Condition) -> Option<bool> {
    let Condition {
        width,
        op,
        left,
        right,
        ..
    } = condition;
    if left.is_scalar() && right.is_scalar() {
        return Scalar::is_branch_taken(*op, *width, &left.value, &right.value);
    }
    if *width == Width::W32 {
        return None;
    }
    if let Some(taken) = packet_decided(*op, left, right) {
        return Some(taken);
    }
    let pointer_first = left.is_pointer();
    let (pointer, number) = if pointer_first {
        (left, right)
    } else {
        (right, left)
    };
    if number.const_scalar() != Some(0) || !is_never_null(pointer) {
        return None;
    }
    match op {
        JumpOp::Eq => Some(false),
        JumpOp::Ne => Some(true),
        JumpOp::Gt
        | JumpOp::Ge
        | JumpOp::Set
        | JumpOp::SGt
        | JumpOp::SGe
        | JumpOp::Lt
        | JumpOp::Le
        | JumpOp::SLt
        | JumpOp::SLe => None,
    }
}

/// Pointers that the kernel knows not to be 0 (`reg_not_null`).
fn is_never_null(pointer: &Register) -> bool {
    if pointer.maybe_null {
        return false;
    }
    match pointer.kind {
        Kind::MapValue(_) | Kind::MapKey(_) | Kind::Mem(..) | Kind::Map(_) => true,
        Kind::Sock(view) => view != SockView::Xdp,
        Kind::Btf(_, Trust::Trusted) => true,
        Kind::Btf(..) => pointer.ref_id != 0,
        Kind::Local(_, Hold::Owned | Hold::OwnedPerCpu | Hold::NonOwning) => true,
        Kind::Local(..) => pointer.ref_id != 0,
        Kind::FlowKeys
        | Kind::Arena
        | Kind::Buf(_)
        | Kind::Uninit
        | Kind::Scalar
        | Kind::Ctx
        | Kind::Stack(_)
        | Kind::Packet
        | Kind::PacketMeta
        | Kind::PacketEnd
        | Kind::Dynptr
        | Kind::Func(_) => false,
    }
}

/// A second comparison of a packet pointer that is known to be at or beyond the end.
fn packet_decided(op: JumpOp, left: &Register, right: &Register) -> Option<bool> {
    let (packet, op) = match (left.kind, right.kind) {
        (Kind::Packet, Kind::PacketEnd) => (left, op),
        (Kind::PacketEnd, Kind::Packet) => (right, flipped(op)?),
        _ => return None,
    };
    match (op, packet.range) {
        (JumpOp::Le | JumpOp::Gt, BEYOND_END) => Some(op == JumpOp::Gt),
        (JumpOp::Lt | JumpOp::Ge, BEYOND_END | AT_END) => Some(op == JumpOp::Ge),
        _ => None,
    }
}

/// The comparison with its operands exchanged.
fn flipped(op: JumpOp) -> Option<JumpOp> {
    match op {
        JumpOp::Gt => Some(JumpOp::Lt),
        JumpOp::Ge => Some(JumpOp::Le),
        JumpOp::Lt => Some(JumpOp::Gt),
        JumpOp::Le => Some(JumpOp::Ge),
        JumpOp::Eq | JumpOp::Ne => Some(op),
        JumpOp::Set | JumpOp::SGt | JumpOp::SGe | JumpOp::SLt | JumpOp::SLe => None,
    }
}

/// Changes a state to what it is when the branch went this way.
fn learn(state: &mut State, condition: &Condition, branch: Branch, rights: Rights) -> Check {
    let Condition {
        width,
        op,
        left,
        right,
        ..
    } = condition;
    if left.is_scalar() && right.is_scalar() {
        learn_numbers(state, condition, branch, rights)?;
    }
    if *width == Width::W32 {
        return Ok(());
    }
    let is_equal = match (op, branch) {
        (JumpOp::Eq, Branch::Taken) | (JumpOp::Ne, Branch::FallThrough) => Some(true),
        (JumpOp::Eq, Branch::FallThrough) | (JumpOp::Ne, Branch::Taken) => Some(false),
        _ => None,
    };
    let Some(is_equal) = is_equal else {
        learn_packet(state, condition, branch);
        return Ok(());
    };
    if is_null_check(condition) {
        let present = (condition.present, condition.settled);
        settle_null(state, left, (!is_equal).then_some(present));
    }
    if is_equal
        && left.is_pointer()
        && right.is_pointer()
        && left.maybe_null != right.maybe_null
        && !matches!(left.kind, Kind::Btf(..) | Kind::Local(..))
        && !matches!(right.kind, Kind::Btf(..) | Kind::Local(..))
    {
        let pointer = if left.maybe_null { left } else { right };
        let present = (condition.present, condition.settled);
        settle_null(state, pointer, Some(present));
    }
    Ok(())
}

fn learn_numbers(
    state: &mut State,
    condition: &Condition,
    branch: Branch,
    rights: Rights,
) -> Check {
    let (first, second) = match branch {
        Branch::Taken => ("true_reg1", "true_reg2"),
        Branch::FallThrough => ("false_reg1", "false_reg2"),
    };
    let Condition {
        width,
        op,
        dst,
        src,
        ..
    } = *condition;
    match src {
        Operand::Reg(src) if src == dst => {
            let mut both = *state.reg(dst);
            Scalar::refine_itself(op, width, branch, &mut both.value);
            rights.mend(&mut both.value, first)?;
            *state.reg_mut(dst) = both;
            spread(state, &both);
        }
        Operand::Reg(src) => {
            let (mut left, mut right) = (*state.reg(dst), *state.reg(src));
            Scalar::refine(op, width, branch, &mut left.value, &mut right.value);
            rights.mend(&mut left.value, first)?;
            rights.mend(&mut right.value, second)?;
            *state.reg_mut(dst) = left;
            *state.reg_mut(src) = right;
            spread(state, &right);
            spread(state, &left);
        }
        Operand::Imm(_) => {
            let (mut left, mut right) = (*state.reg(dst), condition.right);
            Scalar::refine(op, width, branch, &mut left.value, &mut right.value);
            rights.mend(&mut left.value, first)?;
            *state.reg_mut(dst) = left;
            spread(state, &left);
        }
    }
    Ok(())
}

/// Gives what was learnt of one number to all that are known to be equal to it, or to differ from
/// it by a constant.
fn spread(state: &mut State, known: &Register) {
    if known.id == 0 {
        return;
    }
    let base = known.id & !ADD_CONST;
    state.for_each_register(|register| {
        if !register.is_scalar() || register.id & !ADD_CONST != base {
            return;
        }
        let plain = register.id & ADD_CONST == 0 && known.id & ADD_CONST == 0;
        if plain || (register.off == known.off && register.id == known.id) {
            register.value = known.value;
        } else {
            let own = if register.id & ADD_CONST == 0 {
                0
            } else {
                register.off
            };
            let other = if known.id & ADD_CONST == 0 {
                0
            } else {
                known.off
            };
            register.value = known.value.displaced(i64::from(own) - i64::from(other));
        }
    });
}

/// Settles for all copies of a pointer whether it is null, or what it is.
fn settle_null(state: &mut State, pointer: &Register, present: Option<(Kind, Settled)>) {
    let id = pointer.id;
    // What was made from a referenced pointer may be null while that one is not.
    if present.is_none() && pointer.ref_id == id {
        state.refs.retain(|reference| reference.id != id);
    }
    state.for_each_register(|register| {
        if !register.maybe_null || register.id != id {
            return;
        }
        match present {
            None => *register = Register::constant(0).with_live(register.live),
            Some((kind, settled)) => {
                // What was found in a map of sockets still has the map, so that Linux takes it for
                // another than a socket that was found elsewhere.
                if let (Kind::MapValue(map), Kind::Sock(_)) = (register.kind, kind) {
                    register.range = i32::try_from(map.index)
                        .unwrap_or(i32::MAX)
                        .saturating_add(1);
                }
                register.kind = match kind {
                    Kind::Map(map) if map.uid == UNSETTLED => Kind::Map(MapRef { uid: id, ..map }),
                    kind => kind,
                };
                register.maybe_null = false;
                if settled == Settled::LosesId {
                    register.id = 0;
                }
            }
        }
    });
}

/// What a comparison of a packet pointer with the end teaches.
fn learn_packet(state: &mut State, condition: &Condition, branch: Branch) {
    let Condition {
        op, left, right, ..
    } = condition;
    let Operand::Reg(src) = condition.src else {
        return;
    };
    let (packet, reg, op) = if is_checked_against(left, right) {
        (left, condition.dst, Some(*op))
    } else if is_checked_against(right, left) {
        (right, src, flipped(*op))
    } else {
        return;
    };
    // What holds of `packet` against the end on this branch.
    let holds = match (op, branch) {
        (Some(JumpOp::Gt), Branch::FallThrough) | (Some(JumpOp::Le), Branch::Taken) => JumpOp::Le,
        (Some(JumpOp::Ge), Branch::FallThrough) | (Some(JumpOp::Lt), Branch::Taken) => JumpOp::Lt,
        (Some(JumpOp::Gt), Branch::Taken) | (Some(JumpOp::Le), Branch::FallThrough) => JumpOp::Gt,
        (Some(JumpOp::Ge), Branch::Taken) | (Some(JumpOp::Lt), Branch::FallThrough) => JumpOp::Ge,
        _ => return,
    };
    match holds {
        JumpOp::Le => widen_range(state, packet, 0),
        JumpOp::Lt => widen_range(state, packet, 1),
        JumpOp::Gt => mark_end(state, reg, BEYOND_END),
        _ => mark_end(state, reg, AT_END),
    }
}

/// Whether the condition is one that tells whether a pointer is null.
fn is_null_check(condition: &Condition) -> bool {
    condition.width == Width::W64
        && matches!(condition.op, JumpOp::Eq | JumpOp::Ne)
        && condition.src == Operand::Imm(0)
        && condition.left.maybe_null
}

/// Whether the condition is one that tells how far a packet reaches.
fn is_packet_check(condition: &Condition) -> bool {
    let Condition { left, right, .. } = condition;
    condition.width == Width::W64
        && matches!(condition.src, Operand::Reg(_))
        && matches!(
            condition.op,
            JumpOp::Gt | JumpOp::Ge | JumpOp::Lt | JumpOp::Le
        )
        && (is_checked_against(left, right) || is_checked_against(right, left))
}

/// Whether it points into or to the end of the packet.
fn is_of_packet(register: &Register) -> bool {
    register.is_packet() || register.kind == Kind::PacketEnd
}

/// Whether `packet` is a packet pointer and `end` the end it is compared with; metadata ends where
/// the packet starts.
fn is_checked_against(packet: &Register, end: &Register) -> bool {
    match (packet.kind, end.kind) {
        (Kind::Packet, Kind::PacketEnd) => true,
        (Kind::PacketMeta, Kind::Packet) => end.off == 0 && end.value.const_value() == Some(0),
        _ => false,
    }
}

/// All pointers from the same place may now be used up to this one's offset, and `further` bytes.
fn widen_range(state: &mut State, packet: &Register, further: i32) {
    let off = packet.off;
    if off < 0 || (off == 0 && further > 0) {
        return;
    }
    let Ok(distance) = u64::try_from(off) else {
        return;
    };
    if packet.value.umax > MAX_PACKET_OFF || packet.value.umax + distance > MAX_PACKET_OFF {
        return;
    }
    let range = off.saturating_add(further);
    state.for_each_register(|register| {
        if register.kind == packet.kind && register.id == packet.id {
            register.range = register.range.max(range);
        }
    });
}

/// Remembers that a packet pointer is not before the end.
fn mark_end(state: &mut State, reg: Reg, range: i32) {
    let register = state.reg_mut(reg);
    if register.kind == Kind::Packet {
        register.range = range;
    }
}
