//! The log in the kernel's own form: instructions, states, source lines and totals.
//!
//! It prints; it decides nothing. With [`LogLevel::Path`] it holds one path at a time and ends with
//! the one that was refused; with [`LogLevel::All`] every path.
//!
//! Kernel: kernel/bpf/log.c, `print_verifier_state`, `print_insn_state`, 6.12.

use std::fmt::Write as _;

use crate::btf::{BtfId, Type};
use crate::isa::{CallTarget, Insn, Names, Pc, Reg, disassemble};

use super::explore::Verifier;
use super::fail::Fail;
use super::outcome::{LogLevel, LogTotals, Rejection};
use super::scalar::Scalar;
use super::state::Kind;

mod state;

/// A log may grow to this many bytes; what is beyond is cut.
const MAX_LOG: usize = 16 << 20;

/// The column at which changes stand, at least, counted from 1 (`BPF_LOG_ALIGNMENT`).
const COLUMN: usize = 40;
/// What further columns are a multiple of (`BPF_LOG_MIN_ALIGNMENT`).
const COLUMN_STEP: usize = 8;

/// The log.
#[derive(Debug)]
pub(super) struct Log {
    level: LogLevel,
    totals: LogTotals,
    text: String,
    /// What the last instruction touched of the running frame.
    touched: Touched,
    /// Whether a path begins, or a function has returned, so that the whole state is due.
    state_due: bool,
    /// Whether the path is one that only speculation takes.
    speculative: bool,
    /// The instruction before.
    last: Pc,
    /// How long the log was with its line, to which what it changed is added.
    line_end: usize,
    /// How long that line is.
    line_len: usize,
    /// The source line last printed.
    line: Option<(u32, std::sync::Arc<str>)>,
}

/// Registers and stack slots.
#[derive(Debug)]
struct Touched {
    /// Registers, as bits.
    regs: u16,
    /// Slots: frame and index.
    slots: Slots,
}

/// Stack slots.
#[derive(Debug)]
enum Slots {
    All,
    These(Vec<(usize, usize)>),
}

impl Touched {
    fn nothing() -> Touched {
        Touched {
            regs: 0,
            slots: Slots::These(Vec::new()),
        }
    }

    fn everything() -> Touched {
        Touched {
            regs: u16::MAX,
            slots: Slots::All,
        }
    }

    fn is_nothing(&self) -> bool {
        self.regs == 0 && matches!(&self.slots, Slots::These(slots) if slots.is_empty())
    }

    pub(super) fn has_reg(&self, reg: Reg) -> bool {
        self.regs & (1 << reg.number()) != 0
    }

    pub(super) fn has_slot(&self, frame: usize, slot: usize) -> bool {
        match &self.slots {
            Slots::All => true,
            Slots::These(slots) => slots.contains(&(frame, slot)),
        }
    }
}

impl Log {
    pub(super) fn new(level: LogLevel, totals: LogTotals) -> Log {
        Log {
            level,
            totals,
            text: String::new(),
            touched: Touched::everything(),
            state_due: false,
            speculative: false,
            last: Pc(0),
            line_end: 0,
            line_len: 0,
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

    /// Whether every path is logged, and how its checkpoints are marked.
    pub(super) fn holds_all(&self) -> bool {
        self.level == LogLevel::All && self.is_on()
    }

    /// The exploration of a function begins.
    pub(super) fn begin(&mut self) {
        self.state_due = false;
        self.speculative = false;
        self.touched = Touched::everything();
    }

    /// A path begins that was left at `from`.
    pub(super) fn begin_path(&mut self, from: Pc, speculative: bool) {
        self.last = from;
        self.speculative = speculative;
        self.state_due = true;
        self.touched = Touched::everything();
    }

    /// A place in the log to come back to.
    pub(super) fn mark(&self) -> usize {
        self.text.len()
    }

    /// Drops what a path that ended well has printed, unless all paths are wanted.
    pub(super) fn rewind(&mut self, mark: usize) {
        if self.level == LogLevel::Path {
            self.text.truncate(mark);
        }
    }

    /// The state at `pc` is covered by an earlier one.
    pub(super) fn safe(&mut self, pc: Pc) {
        let text = match self.state_due {
            true => format!("\n{}: safe", self.origin(pc)),
            false => format!("{pc}: safe"),
        };
        self.line(&text);
    }

    /// Where the path at `pc` came from.
    fn origin(&self, pc: Pc) -> String {
        let how = match self.speculative {
            true => " (speculative execution)",
            false => "",
        };
        format!("from {} to {pc}{how}", self.last)
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: &str) {
        if self.is_on() {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    /// A line of what every log ends with, be it full: the refusal and the totals.
    fn total(&mut self, text: &str) {
        if self.level > LogLevel::Failure || self.totals == LogTotals::Full {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    /// The instruction touches a register of the running frame.
    pub(super) fn changed(&mut self, reg: Reg) {
        self.touched.regs |= 1 << reg.number();
    }

    /// The instruction touches a stack slot.
    pub(super) fn changed_slot(&mut self, frame: usize, slot: usize) {
        if self.is_on()
            && let Slots::These(slots) = &mut self.touched.slots
            && !slots.contains(&(frame, slot))
        {
            slots.push((frame, slot));
        }
    }
}

impl Verifier<'_> {
    /// Prints what the path knows where that is due, then the instruction.
    pub(super) fn log_insn(&mut self, insn: &Insn) {
        if !self.log.is_on() {
            return;
        }
        if self.log.state_due && self.log.level == LogLevel::All {
            let origin = self.log.origin(self.pc);
            let text = format!("\n{origin}:{}", self.state_text(&self.cur, self.cur.top()));
            self.log.line(&text);
            self.log.state_due = false;
        }
        self.log_touched();
        self.log_source();
        let text = self.insn_text(self.pc, insn);
        self.log.line(&text);
        self.log.line_end = self.log.text.len();
        self.log.line_len = text.len();
        self.log.last = self.pc;
    }

    /// An instruction as the kernel lists it.
    pub(super) fn insn_text(&self, pc: Pc, insn: &Insn) -> String {
        let raw = self.program.code.get(pc.index());
        let opcode = raw.map_or(0, |raw| raw.opcode);
        format!("{pc}: ({opcode:02x}) {}", disassemble(*insn, self))
    }

    /// Prints the source line, if it is a new one.
    fn log_source(&mut self) {
        let lines = &self.program.lines;
        let at = lines.partition_point(|line| line.pc <= self.pc);
        let Some(line) = at.checked_sub(1).and_then(|at| lines.get(at)) else {
            return;
        };
        let known = (line.line, std::sync::Arc::clone(&line.text));
        if self.log.line.as_ref() == Some(&known) {
            return;
        }
        let file = line.file.rsplit('/').next().unwrap_or_default();
        let text = format!("; {} @ {file}:{}", line.text.trim_start(), line.line);
        self.log.line(&text);
        self.log.line = Some(known);
    }

    /// Prints what the instruction before touched, beside it if nothing was printed since.
    pub(super) fn log_touched(&mut self) {
        if !self.log.is_on() {
            return;
        }
        let touched = std::mem::replace(&mut self.log.touched, Touched::nothing());
        if touched.is_nothing() {
            return;
        }
        let text = self.touched_text(&touched);
        if self.log.line_end != self.log.text.len() || self.log.line_end == 0 {
            self.log.line(&format!("{}:{text}", self.pc));
            return;
        }
        self.log.text.pop();
        let column = (self.log.line_len + 1 + COLUMN_STEP / 2)
            .max(COLUMN)
            .next_multiple_of(COLUMN_STEP);
        let padding = column - self.log.line_len - 2;
        self.log.line(&format!("{:padding$};{text}", ""));
    }

    /// Says where functions begin.
    pub(super) fn log_functions(&mut self) {
        if self.log.holds_all() {
            for (index, start) in self.flow.starts.iter().enumerate() {
                self.log.line(&format!("func#{index} @{start}"));
            }
        }
    }

    /// Says that a function is entered, and what both sides know.
    pub(super) fn log_call(&mut self) {
        if !self.log.is_on() {
            return;
        }
        let callee = self.cur.top();
        self.log.line("caller:");
        let text = self.state_text(&self.cur, callee.saturating_sub(1));
        self.log.line(&text);
        self.log.line("callee:");
        let text = self.state_text(&self.cur, callee);
        self.log.line(&text);
        self.log.touched = Touched::everything();
    }

    /// Says what a function knows that is about to return.
    pub(super) fn log_return(&mut self) {
        if self.log.is_on() {
            self.log.line("returning from callee:");
            let text = self.state_text(&self.cur, self.cur.top());
            self.log.line(&text);
        }
    }

    /// Says what the caller knows of it.
    pub(super) fn log_returned(&mut self, to: Pc) {
        if self.log.is_on() {
            self.log.line(&format!("to caller at {to}:"));
            let text = self.state_text(&self.cur, self.cur.top());
            self.log.line(&text);
        }
        self.log.touched = Touched::nothing();
        self.log.state_due = true;
    }

    /// Prints the totals that end every log.
    pub(super) fn log_stats(&mut self) {
        if self.env.log_totals == LogTotals::Full {
            let time = self.began.elapsed().as_micros();
            let depths = self
                .stack_depths
                .iter()
                .map(|depth| depth.unsigned_abs().next_multiple_of(8).to_string());
            let depths = depths.collect::<Vec<_>>().join("+");
            self.log.total(&format!("verification time {time} usec"));
            self.log.total(&format!("stack depth {depths}"));
        }
        let stats = &self.stats;
        let text = format!(
            "processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_states {} mark_read {}",
            stats.insns_processed,
            self.env.insn_limit,
            stats.max_states_per_insn,
            stats.total_states,
            stats.peak_states,
            stats.longest_mark_read
        );
        self.log.total(&text);
    }

    /// Turns a failed check into the verdict.
    pub(super) fn reject(mut self, fail: Fail) -> Rejection {
        if let Some(detail) = &fail.detail {
            self.log.total(detail);
        }
        self.log.total(&fail.message);
        if let Some(appendix) = &fail.appendix {
            self.log.total(appendix);
        }
        self.log_stats();
        let insn = self.insns.get(self.pc.index());
        let named = insn.map(registers_named).unwrap_or_default();
        let registers = named
            .into_iter()
            .map(|reg| (reg, self.cur.reg(reg)))
            .filter(|(_, register)| register.kind != Kind::Uninit)
            .map(|(reg, register)| (reg, self.content_text(register, self.cur.top())))
            .collect();
        Rejection {
            kind: super::reason::of_refusal(fail.detail.as_deref(), &fail.message),
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

    fn kfunc(&self, id: i32, btf_index: i16) -> Option<&str> {
        let id = BtfId(id.cast_unsigned());
        match self.kernel_btf().ty(id) {
            Type::Func { name, .. } if btf_index == 0 => Some(name),
            _ => None,
        }
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
