//! Results of tests as text in the form of Rust's libtest, and as JUnit's XML.

use std::io::Write as _;

use anyhow::Context as _;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Tally, Tested};
use crate::cli::Exit;
use crate::cli::output::Output;

/// Each test on a line, what failed with its reasons, and the counts; `exit` is how it all ends.
pub(super) fn libtest(
    output: &mut Output,
    tested: &[Tested],
    tally: &Tally,
    exit: Exit,
) -> anyhow::Result<()> {
    writeln!(output, "\nrunning {} tests", tested.len())?;
    for test in tested {
        let ending = match &test.outcome {
            Outcome::Passed => "ok".to_owned(),
            Outcome::Failed { .. } => "FAILED".to_owned(),
            Outcome::Ignored { reason } => format!("ignored, {reason}"),
        };
        writeln!(output, "test {}::{} ... {ending}", test.file, test.name)?;
    }
    let failed: Vec<(&Tested, &String)> = tested
        .iter()
        .filter_map(|test| match &test.outcome {
            Outcome::Failed { reason } => Some((test, reason)),
            Outcome::Passed | Outcome::Ignored { .. } => None,
        })
        .collect();
    if !failed.is_empty() {
        writeln!(output, "\nfailures:\n")?;
    }
    for (test, reason) in &failed {
        writeln!(output, "---- {}::{} ----\n{reason}\n", test.file, test.name)?;
    }
    let Tally {
        verdicts,
        logs,
        runs,
    } = tally;
    writeln!(
        output,
        "\n{verdicts} verdicts as annotated, {logs} logs of these with all messages, {runs} return values"
    )?;
    let ignored = tested
        .iter()
        .filter(|test| matches!(test.outcome, Outcome::Ignored { .. }));
    let (all, ignored) = (tested.len(), ignored.count());
    writeln!(
        output,
        "test result: {}. {} passed; {} failed; {ignored} ignored; 0 measured; 0 filtered out",
        if exit == Exit::Ok { "ok" } else { "FAILED" },
        all - ignored - failed.len(),
        failed.len(),
    )?;
    Ok(())
}

/// One suite for each file.
pub(super) fn junit(output: &mut Output, tested: &[Tested]) -> anyhow::Result<()> {
    let mut report = Report::new("ebpf-sim");
    for tests in tested.chunk_by(|one, other| one.file == other.file) {
        let name = tests.first().map_or("", |test| &test.file);
        let mut suite = TestSuite::new(name);
        for test in tests {
            let status = match &test.outcome {
                Outcome::Passed => TestCaseStatus::success(),
                Outcome::Failed { reason } => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(reason.lines().next().unwrap_or_default());
                    status.set_description(reason);
                    status
                }
                Outcome::Ignored { reason } => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(reason);
                    status
                }
            };
            let mut case = TestCase::new(&test.name, status);
            case.set_classname(name);
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    let text = report.to_string().context("the report is no XML")?;
    write!(output, "{text}")?;
    Ok(())
}
