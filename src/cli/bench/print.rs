//! Measured times, as a table and as JSON.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table};
use serde_json::{Value as Json, json};

use super::measure::Times;
use super::{Row, Runner};
use crate::cli::output::Output;

/// Prints a table, and under it the mean of the ratios.
pub(super) fn text(output: &mut Output, rows: &[Row], runners: &[Runner]) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    let mut header = vec![
        "program".to_owned(),
        "insns".to_owned(),
        "compile".to_owned(),
    ];
    for runner in runners {
        let name = runner.name();
        header.extend([
            format!("{name} ns"),
            "±".to_owned(),
            "ns/insn".to_owned(),
            "ratio".to_owned(),
        ]);
    }
    let columns = header.len();
    table.set_header(header);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in 1..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(output, "{table}")?;
    for row in rows {
        for (runner, result) in &row.results {
            if let Err(reason) = result {
                writeln!(output, "{}: {}: {reason}", row.program, runner.name())?;
            }
        }
    }
    means(output, rows, runners)
}

fn cells(row: &Row) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let compile = row
        .compile
        .map(|compile| format!("{} µs", compile.as_micros()));
    let mut cells = vec![
        row.program.clone(),
        number(row.insns),
        compile.unwrap_or_default(),
    ];
    for (_, result) in &row.results {
        match result {
            Ok(times) => cells.extend([
                format!("{:.1}", times.median()),
                format!("{:.0}%", times.spread() * 100.0),
                per_insn(row, times).map_or_else(String::new, |nanos| format!("{nanos:.3}")),
                format!("{:.2}", over_fastest(row, times)),
            ]),
            Err(_) => cells.extend(["-", "", "", ""].map(str::to_owned)),
        }
    }
    cells
}

/// The geometric mean of each engine's times over the first one's.
fn means(output: &mut Output, rows: &[Row], runners: &[Runner]) -> anyhow::Result<()> {
    let Some(first) = runners.first() else {
        return Ok(());
    };
    for runner in runners.iter().skip(1) {
        let ratios = rows.iter().filter_map(|row| {
            let (one, other) = (times(row, *first)?, times(row, *runner)?);
            Some(one.over(other).ln())
        });
        let ratios: Vec<f64> = ratios.collect();
        if ratios.is_empty() {
            continue;
        }
        let mean = (ratios.iter().sum::<f64>() / ratios.len() as f64).exp();
        let worst = ratios
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
            .exp();
        writeln!(
            output,
            "{} over {}: {mean:.3} on the geometric mean of {}, at most {worst:.2}",
            first.name(),
            runner.name(),
            ratios.len()
        )?;
    }
    Ok(())
}

/// The document of `--format json`.
pub(super) fn json(rows: &[Row]) -> Json {
    let result = |row: &Row, (runner, result): &(Runner, Result<Times, String>)| match result {
        Ok(times) => json!({
            "engine": runner.name(),
            "ns": times.median(),
            "spread": times.spread(),
            "ns_per_insn": per_insn(row, times),
            "ratio": over_fastest(row, times),
            "samples": times.len(),
            "repeat": times.repeat,
        }),
        Err(reason) => json!({ "engine": runner.name(), "error": reason }),
    };
    let row = |row: &Row| {
        json!({
            "file": row.file,
            "program": row.program,
            "insns": row.insns,
            "compile_ns": row.compile.map(|compile| compile.as_nanos() as u64),
            "results": row.results.iter().map(|one| result(row, one)).collect::<Vec<_>>(),
        })
    };
    json!({ "schema": 1, "programs": rows.iter().map(row).collect::<Vec<_>>() })
}

fn per_insn(row: &Row, times: &Times) -> Option<f64> {
    let insns = row.insns.filter(|insns| *insns > 0)?;
    Some(times.median() / insns as f64)
}

/// The ratio to the fastest, turn by turn.
fn over_fastest(row: &Row, times: &Times) -> f64 {
    let all = row
        .results
        .iter()
        .filter_map(|(_, result)| result.as_ref().ok());
    let fastest = all.min_by(|one, other| one.median().total_cmp(&other.median()));
    fastest.map_or(f64::NAN, |fastest| times.over(fastest))
}

fn times(row: &Row, wanted: Runner) -> Option<&Times> {
    let result = row.results.iter().find(|(runner, _)| *runner == wanted);
    result?.1.as_ref().ok()
}
