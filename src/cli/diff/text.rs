//! Differences as text: those that are new first, what is known, and a table.

use std::io::Write as _;

use comfy_table::{Cell, CellAlignment, Table, presets};
use ebpf_sim::diff::Decision;

use super::{Entry, Outcome, Output};

/// How wide each of two logs is.
const COLUMN: usize = 78;

pub(super) fn print(output: &mut Output, outcome: &Outcome, with_logs: bool) -> anyhow::Result<()> {
    for entry in &outcome.entries {
        differences(output, entry, with_logs)?;
    }
    for row in &outcome.vanished {
        writeln!(output, "vanished: {row}")?;
    }
    let mut notes: Vec<(&str, usize)> = Vec::new();
    for note in outcome
        .entries
        .iter()
        .flat_map(|entry| &entry.compared.notes)
    {
        match notes.iter_mut().find(|(text, _)| text == note) {
            Some((_, count)) => *count += 1,
            None => notes.push((note, 1)),
        }
    }
    for (note, count) in notes {
        writeln!(output, "not compared: {note} ({count})")?;
    }
    writeln!(output, "{}", table(outcome))?;
    Ok(())
}

fn differences(output: &mut Output, entry: &Entry, with_logs: bool) -> anyhow::Result<()> {
    let (file, program) = (&entry.file, &entry.compared.program);
    for finding in &entry.findings {
        let difference = &finding.difference;
        let what = &difference.what;
        match &finding.known {
            Some(reason) => {
                writeln!(
                    output,
                    "{file}: {program}: {what} differs, as is known: {reason}"
                )?;
            }
            None => writeln!(output, "{file}: {program}: {what} differs")?,
        }
        writeln!(output, "  simulator  {}", difference.ours)?;
        writeln!(output, "  kernel     {}", difference.kernel)?;
    }
    let verdict = ["verdict", "errno"];
    let differs = |what: &str| {
        entry
            .findings
            .iter()
            .any(|found| found.difference.what == what)
    };
    if with_logs && verdict.iter().any(|what| differs(what)) {
        let (ours, kernel) = (&entry.compared.ours.log, &entry.compared.kernel.log);
        write!(output, "{}", side_by_side(ours, kernel))?;
    }
    Ok(())
}

/// Two texts in columns, lines beside lines.
fn side_by_side(left: &str, right: &str) -> String {
    let (mut left, mut right) = (left.lines(), right.lines());
    let mut text = format!("  {:<COLUMN$} | kernel\n", "simulator");
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return text;
        }
        let cut = |line: Option<&str>| -> String {
            line.unwrap_or_default()
                .replace('\t', " ")
                .chars()
                .take(COLUMN)
                .collect()
        };
        let line = format!("  {:<COLUMN$} | {}", cut(a), cut(b));
        text += line.trim_end();
        text.push('\n');
    }
}

fn table(outcome: &Outcome) -> Table {
    let entries = &outcome.entries;
    let count = |wanted: fn(&Entry) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
    let runs: u32 = entries.iter().map(|entry| entry.compared.runs).sum();
    let rows = [
        ("programs", entries.len()),
        (
            "the same",
            count(|entry| entry.findings.is_empty() && is_judged(entry)),
        ),
        ("not judged by the kernel", count(|entry| !is_judged(entry))),
        (
            "differ as known",
            count(|entry| !entry.findings.is_empty() && entry.unexplained() == 0),
        ),
        ("differ", count(|entry| entry.unexplained() > 0)),
        ("vanished", outcome.vanished.len()),
        ("run on both sides", count(|entry| entry.compared.runs > 0)),
        ("runs", runs as usize),
    ];
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.add_row(["against Linux", outcome.release.as_str()]);
    for (name, number) in rows {
        let number = Cell::new(number).set_alignment(CellAlignment::Right);
        table.add_row([Cell::new(name), number]);
    }
    table
}

fn is_judged(entry: &Entry) -> bool {
    !matches!(entry.compared.kernel.decision, Decision::Unknown { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_different_length_stand_side_by_side() {
        let text = side_by_side("a\nb", "c");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("  a ") && lines[1].ends_with("| c"));
        assert!(lines[2].starts_with("  b ") && lines[2].ends_with('|'));
    }
}
