//! Verdicts as text: a line a program, a listing for those refused, and a summary.

use std::io::Write as _;

use ebpf_sim::isa::Pc;
use ebpf_sim::report;
use ebpf_sim::verifier::Verified;

use super::{Answer, Judged, Output, Verdict, explain};

/// What is printed, and what was counted so far.
#[derive(Debug)]
pub(super) struct Text {
    with_log: bool,
    with_facts: bool,
    accepted: u64,
    refused: u64,
}

impl Text {
    /// Text with the verifier's log or with what was learnt, where asked for.
    pub(super) fn new(with_log: bool, with_facts: bool) -> Text {
        Text {
            with_log,
            with_facts,
            accepted: 0,
            refused: 0,
        }
    }

    pub(super) fn judged(&mut self, output: &mut Output, judged: &Judged) -> anyhow::Result<()> {
        let head = format!("{}: {}", judged.file, judged.name);
        match &judged.verdict {
            Verdict::Accepted(verified) => self.accepted(output, &head, verified),
            Verdict::Rejected(rejection) => {
                self.refused += 1;
                writeln!(output, "{head}: refused: {}", rejection.message)?;
                self.log(output, &rejection.log)?;
                if let Some(program) = &judged.program {
                    let style = output.style();
                    writeln!(output, "{}\n", report::rejection(program, rejection, style))?;
                }
                Ok(())
            }
            Verdict::Kernel(answer) => self.answer(output, &head, judged, answer),
            Verdict::NotLinked(error) => {
                self.refused += 1;
                writeln!(output, "{head}: refused: {}\n", error.source)?;
                Ok(())
            }
        }
    }

    fn accepted(
        &mut self,
        output: &mut Output,
        head: &str,
        verified: &Verified,
    ) -> anyhow::Result<()> {
        self.accepted += 1;
        let insns = count(verified.stats.insns_processed, "instruction");
        let states = count(verified.stats.total_states, "state");
        writeln!(output, "{head}: accepted: {insns}, {states}")?;
        self.log(output, &verified.log)?;
        if self.with_facts {
            write!(output, "{}", explain::accepted(verified))?;
        }
        Ok(())
    }

    /// What a kernel said: where it refuses, with the source line if the log tells the instruction.
    fn answer(
        &mut self,
        output: &mut Output,
        head: &str,
        judged: &Judged,
        answer: &Answer,
    ) -> anyhow::Result<()> {
        let insns = count(answer.stats.insns_processed, "instruction");
        let states = count(answer.stats.total_states, "state");
        match &answer.refusal {
            None => {
                self.accepted += 1;
                writeln!(output, "{head}: accepted: {insns}, {states}")?;
            }
            Some((reason, errno)) => {
                self.refused += 1;
                let errno = errno.map(|errno| format!(" (errno {errno})"));
                let errno = errno.unwrap_or_default();
                writeln!(output, "{head}: refused: {reason}{errno}")?;
                let line = judged
                    .program
                    .as_deref()
                    .zip(answer.pc)
                    .and_then(|(program, pc)| {
                        let line = report::source_line(program, Pc(pc))?;
                        let (file, text) = (report::source_file(line), line.text.trim());
                        Some(format!("  {file}:{}: {text}", line.line))
                    });
                if let Some(line) = line {
                    writeln!(output, "{line}")?;
                }
            }
        }
        self.log(output, &answer.log)
    }

    fn log(&self, output: &mut Output, log: &str) -> anyhow::Result<()> {
        if self.with_log {
            writeln!(output, "{}", log.trim_end())?;
        }
        Ok(())
    }

    pub(super) fn summary(&self, output: &mut Output) -> anyhow::Result<()> {
        let (accepted, refused) = (self.accepted, self.refused);
        let total = accepted + refused;
        if total == 0 {
            return Ok(());
        }
        let total = count(total, "program");
        writeln!(output, "{total}: {accepted} accepted, {refused} refused")?;
        Ok(())
    }
}

/// `1 state`, `2 states`.
fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
