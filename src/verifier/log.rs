//! The log in the kernel's own form: instructions, states, source lines and totals.
//!
//! It prints; it decides nothing. With [`LogLevel::Path`] it holds one path at a time and ends with
//! the one that was refused; with [`LogLevel::All`] every path.
//!
//! Kernel: kernel/bpf/log.c, `print_verifier_state`, `print_insn_state`, 6.12.

use std::fmt::Write as _;

use crate::isa::{CallTarget, Insn, Names, Pc, Reg, disassemble};

use super::explore::Verifier;
use super::fail::Fail;
use super::outcome::{LogLevel, Rejection};
use super::scalar::Scalar;
use super::state::{ADD_CONST, BufKind, Kind, MemKind, Register, Slot, SlotByte, State, Trust};

/// A log may grow to this many bytes; what is beyond is cut.
const MAX_LOG: usize = 16 << 20;

/// The log.
#[derive(Debug)]
pub(super) struct Log {
    level: LogLevel,
    text: String,
    /// Registers of the running frame that the current instruction changed, as bits.
    changed: u16,
    /// Slots that it changed: frame and index.
    changed_slots: Vec<(usize, usize)>,
    /// Whether the whole state is due before the next instruction.
    state_due: bool,
    /// Where the current path came from, until that has been printed.
    from: Option<(Pc, Pc)>,
    /// The source line last printed.
    line: Option<(u32, std::sync::Arc<str>)>,
}

impl Log {
    pub(super) fn new(level: LogLevel) -> Log {
        Log {
            level,
            text: String::new(),
            changed: 0,
            changed_slots: Vec::new(),
            state_due: true,
            from: None,
            line: None,
        }
    }

    /// The log's text so far.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn is_on(&self) -> bool {
        self.level > LogLevel::Failure && self.text.len() < MAX_LOG
    }

    /// A new path begins.
    pub(super) fn begin_path(&mut self, from: Option<Pc>, to: Pc) {
        self.from = from.map(|from| (from, to));
        self.state_due = true;
        self.forget_changes();
    }

    /// Whether the whole state should be printed now.
    pub(super) fn wants_state(&self) -> bool {
        self.is_on() && self.state_due
    }

    /// A place in the log to come back to.
    pub(super) fn mark(&self) -> usize {
        self.text.len()
    }

    /// Drops what a path that ended well has printed, unless all paths are wanted.
    pub(super) fn rewind(&mut self, mark: usize) {
        if self.level == LogLevel::Path {
            self.text.truncate(mark);
            self.line = None;
        }
    }

    /// The state at `pc` is covered by an earlier one.
    pub(super) fn safe(&mut self, pc: Pc) {
        let text = match self.from.take() {
            Some((from, to)) => format!("from {from} to {to}: safe"),
            None => format!("{pc}: safe"),
        };
        self.line(&text);
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: &str) {
        if self.is_on() {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    /// The instruction changed a register of the running frame.
    pub(super) fn changed(&mut self, reg: Reg) {
        self.changed |= 1 << reg.number();
    }

    /// The instruction changed a stack slot.
    pub(super) fn changed_slot(&mut self, frame: usize, slot: usize) {
        if self.is_on() && !self.changed_slots.contains(&(frame, slot)) {
            self.changed_slots.push((frame, slot));
        }
    }

    fn forget_changes(&mut self) {
        self.changed = 0;
        self.changed_slots.clear();
    }

    /// A call or return changes frames: the whole state is due.
    pub(super) fn state_is_due(&mut self) {
        self.state_due = true;
    }
}

impl Verifier<'_> {
    /// Prints the whole state before an instruction.
    pub(super) fn log_state(&mut self) {
        let prefix = match self.log.from.take() {
            Some((from, to)) => format!("\nfrom {from} to {to}:"),
            None => format!("{}:", self.pc),
        };
        let frame = match self.cur.top() {
            0 => String::new(),
            top => format!(" frame{top}:"),
        };
        let text = format!("{prefix}{frame}{}", self.state_text(&self.cur));
        self.log.line(&text);
        self.log.state_due = false;
    }

    /// Prints an instruction, after its source line if that is new.
    pub(super) fn log_insn(&mut self, insn: &Insn) {
        if !self.log.is_on() {
            self.log.forget_changes();
            return;
        }
        let lines = &self.program.lines;
        let at = lines.partition_point(|line| line.pc <= self.pc);
        if let Some(line) = at.checked_sub(1).and_then(|at| lines.get(at)) {
            let known = (line.line, std::sync::Arc::clone(&line.text));
            if self.log.line.as_ref() != Some(&known) {
                let file = line.file.rsplit('/').next().unwrap_or_default();
                let text = format!("; {} @ {file}:{}", line.text.trim_start(), line.line);
                self.log.line(&text);
                self.log.line = Some(known);
            }
        }
        let opcode = self
            .program
            .code
            .get(self.pc.index())
            .map_or(0, |raw| raw.opcode);
        let text = format!("{}: ({opcode:02x}) {}", self.pc, disassemble(*insn, self));
        self.log.line(&text);
    }

    /// Completes the instruction's line with what it changed.
    pub(super) fn log_changes(&mut self) {
        if !self.log.is_on() || self.log.state_due {
            self.log.forget_changes();
            return;
        }
        let changed = self.log.changed;
        let mut slots = std::mem::take(&mut self.log.changed_slots);
        slots.sort_unstable();
        self.log.changed = 0;
        let mut text = String::new();
        for reg in Reg::all().filter(|reg| changed & (1 << reg.number()) != 0) {
            let register = self.cur.reg(reg);
            if register.kind != Kind::Uninit {
                let _ = write!(text, " {}", self.named_register(reg, register));
            }
        }
        for (frame, index) in slots {
            if let Some(slot) = self
                .cur
                .frames
                .get(frame)
                .and_then(|frame| frame.stack.get(index))
            {
                let _ = write!(text, " {}", self.slot_text(index, slot));
            }
        }
        if text.is_empty() {
            return;
        }
        if self.cur.top() > 0 {
            text.insert_str(0, &format!(" frame{}:", self.cur.top()));
        }
        if self.log.text.ends_with('\n') {
            self.log.text.pop();
            let start = self.log.text.rfind('\n').map_or(0, |at| at + 1);
            let width = self.log.text.len() - start;
            let padding = 40_usize.saturating_sub(width);
            let _ = writeln!(self.log.text, "{:padding$} ;{text}", "");
        }
    }

    /// Prints the totals that end every log.
    pub(super) fn log_stats(&mut self) {
        let stats = &self.stats;
        let text = format!(
            "processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_states {} mark_read 0",
            stats.insns_processed,
            self.env.insn_limit,
            stats.max_states_per_insn,
            stats.total_states,
            stats.peak_states
        );
        self.log.line(&text);
    }

    /// All registers and slots of the running frame, and the references.
    fn state_text(&self, state: &State) -> String {
        let mut text = String::new();
        let frame = state.frame();
        for reg in Reg::all() {
            let register = frame.reg(reg);
            if register.kind != Kind::Uninit {
                let _ = write!(text, " {}", self.named_register(reg, register));
            }
        }
        for (index, slot) in frame.stack.iter().enumerate() {
            if slot.bytes != [SlotByte::Invalid; 8] {
                let _ = write!(text, " {}", self.slot_text(index, slot));
            }
        }
        for (index, reference) in state.refs.iter().enumerate() {
            let separator = if index == 0 { " refs=" } else { "," };
            let _ = write!(text, "{separator}{}", reference.id);
        }
        text
    }

    fn named_register(&self, reg: Reg, register: &Register) -> String {
        let marks = live_text(register);
        format!("R{}{marks}={}", reg.number(), self.register_text(register))
    }

    fn slot_text(&self, index: usize, slot: &Slot) -> String {
        let marks = live_text(&slot.spilled);
        let off = (index + 1) * 8;
        if slot.is_full_spill() {
            return format!("fp-{off}{marks}={}", self.register_text(&slot.spilled));
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
            })
            .collect();
        if slot.is_scalar_spill() {
            return format!(
                "fp-{off}{marks}={}{}",
                &bytes[..bytes.find('r').unwrap_or(0)],
                self.register_text(&slot.spilled)
            );
        }
        format!("fp-{off}{marks}={bytes}")
    }

    /// What a register holds, as the log prints it: a `P` marks numbers that matter to pruning.
    fn register_text(&self, register: &Register) -> String {
        let precise = register.is_scalar() && register.precise;
        format!(
            "{}{}",
            if precise { "P" } else { "" },
            self.content_text(register)
        )
    }

    /// What a register holds.
    fn content_text(&self, register: &Register) -> String {
        if register.is_scalar() && register.value.is_const() {
            return register.value.to_string();
        }
        if let (Kind::Stack(frame), Some(var)) = (register.kind, register.value.const_value()) {
            let place = if usize::from(frame) == self.cur.top() {
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
        if let Kind::Btf(id, _) = register.kind {
            text.push_str(self.kernel_btf().ty(id).name());
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
        if let Kind::Map(map) | Kind::MapValue(map) | Kind::MapKey(map) = register.kind {
            let spec = self.map_spec(map);
            if !spec.name.is_empty() {
                parts.push(format!("map={}", spec.name));
            }
            parts.push(format!("ks={},vs={}", spec.key_size, spec.value_size));
        }
        if register.is_pointer() && register.off != 0 {
            parts.push(format!("off={}", register.off));
        }
        if matches!(
            register.kind,
            Kind::Packet | Kind::PacketMeta | Kind::PacketEnd
        ) {
            parts.push(format!("r={}", register.range));
        }
        if let Kind::Mem(size, _) = register.kind {
            parts.push(format!("sz={size}"));
        }
        parts
    }

    /// The kernel's name for what a register holds (`reg_type_str`).
    pub(super) fn type_name(&self, register: &Register) -> String {
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
            Kind::Mem(_, MemKind::Plain) => "mem",
            Kind::Mem(_, MemKind::ReadOnly) => "rdonly_mem",
            Kind::Mem(_, MemKind::Ringbuf) => "ringbuf_mem",
            Kind::Func(_) => "func",
            Kind::Sock(view) => view.name(),
            Kind::FlowKeys => "flow_keys",
            Kind::Buf(BufKind::ReadOnly) => "rdonly_buf",
            Kind::Buf(BufKind::ReadWrite) => "buf",
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

    /// Turns a failed check into the verdict.
    pub(super) fn reject(mut self, fail: Fail) -> Rejection {
        self.log_changes();
        if let Some(detail) = &fail.detail {
            self.log.line(detail);
        }
        self.log.line(&fail.message);
        self.log_stats();
        let insn = self.insns.get(self.pc.index());
        let named = insn.map(registers_named).unwrap_or_default();
        let registers = named
            .into_iter()
            .map(|reg| (reg, self.cur.reg(reg)))
            .filter(|(_, register)| register.kind != Kind::Uninit)
            .map(|(reg, register)| (reg, self.content_text(register)))
            .collect();
        Rejection {
            hint: super::hint::of(&fail.message),
            message: fail.message,
            detail: fail.detail,
            errno: fail.errno,
            pc: Some(self.pc),
            registers,
            path: self.path(),
            stats: self.stats,
            log: self.log.into_text(),
            unsupported: fail.unsupported,
        }
    }

    /// The instructions that led here, oldest first.
    fn path(&self) -> Vec<Pc> {
        /// As many as a reader may want to go back.
        const MOST: usize = 256;
        let mut path: Vec<Pc> = self.cur.history.iter().rev().map(|step| step.pc).collect();
        let mut parent = self.cur.parent;
        while let Some(id) = parent {
            if path.len() >= MOST {
                break;
            }
            let state = &self.stored[id.index()].state;
            path.extend(state.history.iter().rev().map(|step| step.pc));
            parent = state.parent;
        }
        path.truncate(MOST);
        path.reverse();
        path
    }
}

impl Names for Verifier<'_> {
    fn helper(&self, number: i32) -> Option<&str> {
        crate::abi::helpers::by_number(number).map(|helper| helper.name)
    }
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

/// The registers that an instruction names.
fn registers_named(insn: &Insn) -> Vec<Reg> {
    use crate::isa::Operand;
    let operand = |operand: &Operand| match operand {
        Operand::Reg(reg) => Some(*reg),
        Operand::Imm(_) => None,
    };
    match insn {
        Insn::Alu { dst, src, .. } | Insn::JumpIf { dst, src, .. } => {
            std::iter::once(*dst).chain(operand(src)).collect()
        }
        Insn::Neg { dst, .. } | Insn::Endian { dst, .. } | Insn::LoadImm64 { dst, .. } => {
            vec![*dst]
        }
        Insn::MovSx { dst, src, .. } | Insn::AddrSpaceCast { dst, src, .. } => vec![*dst, *src],
        Insn::Load { base, .. } => vec![*base],
        Insn::Store { base, src, .. } => std::iter::once(*base).chain(operand(src)).collect(),
        Insn::Atomic { base, src, .. } => vec![*base, *src],
        Insn::Call(CallTarget::Helper(_) | CallTarget::Kfunc { .. } | CallTarget::Local(_)) => {
            vec![Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5]
        }
        Insn::Call(CallTarget::Reg(reg)) => vec![*reg],
        Insn::Exit => vec![Reg::R0],
        Insn::LegacyLoad { .. } | Insn::Imm64High | Insn::Jump { .. } | Insn::MayGoto { .. } => {
            Vec::new()
        }
    }
}

/// A range on its own, for messages.
pub(super) fn range_text(value: &Scalar) -> String {
    let mut text = String::new();
    if value.smin > i64::MIN {
        let _ = write!(text, " smin={}", value.smin);
    }
    if value.smax < i64::MAX {
        let _ = write!(text, " smax={}", value.smax);
    }
    if text.is_empty() {
        text.push_str(" unknown scalar value");
    }
    text
}
