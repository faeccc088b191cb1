//! Registers, stack slots and whole states, as the kernel's log prints them.
//!
//! What is printed when is [`super`]'s concern.

use std::fmt::Write as _;

use super::super::dynptr::{Dynptr, Half};
use super::super::explore::Verifier;
use super::super::scalar::{Signed, Unsigned};
use super::super::state::{
    ADD_CONST, BufKind, IterProgress, IterSlot, Kind, MemKind, Register, Slot, SlotByte, State,
    Trust,
};
use super::Touched;
use crate::isa::Reg;

/// What the kernel keeps of a map's name (`BPF_OBJ_NAME_LEN`, less the zero).
const MAX_NAME: usize = 15;

impl Verifier<'_> {
    /// All registers and slots of a frame, and the references.
    pub(in super::super) fn state_text(&self, state: &State, frame: usize) -> String {
        let mut text = frame_prefix(frame);
        let top = frame;
        let Some(frame) = state.frames.get(frame) else {
            return text;
        };
        for reg in Reg::all() {
            let register = frame.reg(reg);
            if register.kind != Kind::Uninit {
                let _ = write!(text, " {}", self.named_register(reg, register, top));
            }
        }
        for (index, slot) in frame.stack.iter().enumerate() {
            if slot.bytes != [SlotByte::Invalid; 8] {
                text.push_str(&self.slot_text(index, slot, top));
            }
        }
        self.write_references(&mut text, state);
        text
    }

    /// Of the running frame, what was touched, and the references.
    pub(super) fn touched_text(&self, touched: &Touched) -> String {
        let top = self.cur.top();
        let mut text = frame_prefix(top);
        for reg in Reg::all().filter(|reg| touched.has_reg(*reg)) {
            let register = self.cur.reg(reg);
            if register.kind != Kind::Uninit {
                let _ = write!(text, " {}", self.named_register(reg, register, top));
            }
        }
        for (index, slot) in self.cur.frame().stack.iter().enumerate() {
            if touched.has_slot(top, index) && slot.bytes != [SlotByte::Invalid; 8] {
                text.push_str(&self.slot_text(index, slot, top));
            }
        }
        self.write_references(&mut text, &self.cur);
        text
    }

    /// What must be released.
    fn write_references(&self, text: &mut String, state: &State) {
        for (index, reference) in state.refs.iter().enumerate() {
            let separator = if index == 0 { " refs=" } else { "," };
            let _ = write!(text, "{separator}{}", reference.id);
        }
    }

    fn named_register(&self, reg: Reg, register: &Register, frame: usize) -> String {
        let marks = live_text(register);
        format!(
            "R{}{marks}={}",
            reg.number(),
            self.register_text(register, frame)
        )
    }

    /// A slot, after a space; nothing where it is a part of what the log says at another.
    fn slot_text(&self, index: usize, slot: &Slot, frame: usize) -> String {
        let marks = live_text(&slot.spilled);
        let off = (index + 1) * 8;
        let text = match (slot.dynptr, slot.iter) {
            (Some((_, Half::Second)), _) => return String::new(),
            (Some((dynptr, Half::First)), _) => dynptr_text(dynptr),
            (None, Some(iter)) if iter.ref_id == 0 => return String::new(),
            (None, Some(iter)) => self.iterator_text(iter),
            (None, None) => self.bytes_text(slot, frame),
        };
        format!(" fp-{off}{marks}={text}")
    }

    fn iterator_text(&self, iter: IterSlot) -> String {
        let name = self.kernel_btf().ty(iter.ty).name();
        let name = name.strip_prefix("bpf_").unwrap_or(name);
        let progress = match iter.progress {
            IterProgress::Active => "active",
            IterProgress::Drained => "drained",
        };
        let IterSlot { ref_id, depth, .. } = iter;
        format!("{name}(ref_id={ref_id},state={progress},depth={depth})")
    }

    /// What the bytes of a slot hold.
    fn bytes_text(&self, slot: &Slot, frame: usize) -> String {
        if slot.is_full_spill() {
            return self.register_text(&slot.spilled, frame);
        }
        let bytes: String = slot
            .bytes
            .iter()
            .rev()
            .map(|byte| match byte {
                SlotByte::Invalid => '?',
                SlotByte::Spill => 'r',
                SlotByte::Misc => 'm',
                SlotByte::Zero => '0',
                SlotByte::Iter => 'i',
                SlotByte::Dynptr => 'd',
            })
            .collect();
        if slot.is_scalar_spill() {
            return format!(
                "{}{}",
                &bytes[..bytes.find('r').unwrap_or(0)],
                self.register_text(&slot.spilled, frame)
            );
        }
        bytes
    }

    /// What a register holds, as the log prints it: a `P` marks numbers that matter to pruning.
    fn register_text(&self, register: &Register, frame: usize) -> String {
        let precise = register.is_scalar() && register.precise;
        format!(
            "{}{}",
            if precise { "P" } else { "" },
            self.content_text(register, frame)
        )
    }

    /// What a register holds; of the stack of another frame than `at`, which one.
    pub(super) fn content_text(&self, register: &Register, at: usize) -> String {
        if register.is_scalar() && register.value.is_const() {
            return register.value.to_string();
        }
        if let (Kind::Stack(frame), Some(var)) = (register.kind, register.value.const_value()) {
            let place = if usize::from(frame) == at {
                String::new()
            } else {
                format!("[{frame}]")
            };
            return format!(
                "fp{place}{}",
                i64::from(register.off).wrapping_add(var.cast_signed())
            );
        }
        let mut text = self.type_name(register);
        if register.kind == Kind::Arena {
            return text;
        }
        if let Kind::Btf(id, _) = register.kind {
            text.push_str(self.kernel_btf().ty(id).name());
        }
        if let Kind::Local(ty, _) = register.kind {
            text.push_str(&self.local_name(ty));
        }
        let mut parts = self.pointer_parts(register).join(",");
        let mut separator = if parts.is_empty() { "" } else { "," };
        let _ = register.value.write_parts(&mut parts, &mut separator);
        format!("{text}({parts})")
    }

    /// What the log says of a register before its range.
    fn pointer_parts(&self, register: &Register) -> Vec<String> {
        let mut parts = Vec::new();
        match register.id {
            0 => {}
            id if register.is_scalar() && id & ADD_CONST != 0 => {
                parts.push(format!("id={}{:+}", id & !ADD_CONST, register.off));
            }
            id => parts.push(format!("id={id}")),
        }
        if register.ref_id != 0 {
            parts.push(format!("ref_obj_id={}", register.ref_id));
        }
        if matches!(register.kind, Kind::Local(_, hold) if hold.is_non_owning()) {
            parts.push("non_own_ref".to_owned());
        }
        if let Kind::Map(map) | Kind::MapValue(map) | Kind::MapKey(map) = register.kind {
            let spec = self.map_spec(map);
            if !spec.name.is_empty() {
                let name: String = spec.name.chars().take(MAX_NAME).collect();
                parts.push(format!("map={name}"));
            }
            parts.push(format!("ks={},vs={}", spec.key_size, spec.value_size));
        }
        if register.is_pointer() && register.off != 0 {
            parts.push(format!("off={}", Signed(register.off.into())));
        }
        if register.is_packet() {
            let range = i64::from(register.range).cast_unsigned();
            parts.push(format!("r={}", Unsigned(range)));
        }
        if let Kind::Mem(size, _) = register.kind {
            parts.push(format!("sz={size}"));
        }
        parts
    }

    /// The kernel's name for what a register holds (`reg_type_str`).
    pub(in super::super) fn type_name(&self, register: &Register) -> String {
        let null = if register.maybe_null { "_or_null" } else { "" };
        let name = match register.kind {
            Kind::Uninit => "?",
            Kind::Scalar => "scalar",
            Kind::Ctx => "ctx",
            Kind::Map(_) if register.maybe_null => "map_value",
            Kind::Map(_) => "map_ptr",
            Kind::MapValue(_) => "map_value",
            Kind::MapKey(_) => "map_key",
            Kind::Stack(_) => "fp",
            Kind::Packet => "pkt",
            Kind::PacketMeta => "pkt_meta",
            Kind::PacketEnd => "pkt_end",
            Kind::Mem(_, MemKind::Plain | MemKind::PacketSlice) => "mem",
            Kind::Mem(_, MemKind::ReadOnly | MemKind::ReadOnlyPacketSlice) => "rdonly_mem",
            Kind::Mem(_, MemKind::Ringbuf) => "ringbuf_mem",
            Kind::Func(_) => "func",
            Kind::Sock(view) => view.name(),
            Kind::FlowKeys => "flow_keys",
            Kind::Dynptr => "dynptr_ptr",
            Kind::Arena => "arena",
            Kind::Buf(BufKind::ReadOnly) => "rdonly_buf",
            Kind::Buf(BufKind::ReadWrite) => "buf",
            Kind::Local(_, hold) => {
                let prefixes = [
                    (hold.is_per_cpu(), "percpu_"),
                    (hold.is_rcu(), "rcu_"),
                    (hold.is_untrusted(), "untrusted_"),
                ];
                let prefixes = prefixes.iter().filter(|(is, _)| *is);
                let prefix: String = prefixes.map(|(_, prefix)| *prefix).collect();
                let null = if register.maybe_null { "or_null_" } else { "" };
                return format!("{prefix}ptr_{null}");
            }
            Kind::Btf(_, trust) => {
                let prefix = match trust {
                    Trust::Trusted => "trusted_",
                    Trust::Plain => "",
                    Trust::Rcu => "rcu_",
                    Trust::Untrusted => "untrusted_",
                    Trust::User => "user_",
                    Trust::PerCpu => "percpu_",
                };
                let null = if register.maybe_null { "or_null_" } else { "" };
                return format!("{prefix}ptr_{null}");
            }
        };
        format!("{name}{null}")
    }
}

/// All frames but the first are named.
fn frame_prefix(frame: usize) -> String {
    match frame {
        0 => String::new(),
        frame => format!(" frame{frame}:"),
    }
}

/// A dynptr; the kernel keeps the half that it is in where others keep the dynptr that they are of.
fn dynptr_text(dynptr: Dynptr) -> String {
    let Dynptr { ty, id, ref_id } = dynptr;
    let reference = match ref_id {
        0 => String::new(),
        ref_id => format!("ref_id={ref_id},"),
    };
    format!("dynptr_{}(id={id},{reference}dynptr_id=1)", ty.name())
}

/// `_r`, `_w` or both: who has used it since the last checkpoint.
fn live_text(register: &Register) -> &'static str {
    match (register.live.read, register.live.written) {
        (false, false) => "",
        (true, false) => "_r",
        (false, true) => "_w",
        (true, true) => "_rw",
    }
}
