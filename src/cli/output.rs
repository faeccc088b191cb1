//! Where text goes: standard output with or without colour, and errors.
//!
//! It formats nothing.

use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use ebpf_sim::report;

use super::Color;

/// Bold red, for the word `error`.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Bold, for headings.
const HEADING: Style = Style::new().bold();

/// Standard output and standard error.
pub(super) struct Output {
    stdout: BufWriter<AutoStream<io::Stdout>>,
    choice: ColorChoice,
}

impl Output {
    pub(super) fn new(color: Color) -> Output {
        let choice = match color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Output {
            stdout: BufWriter::new(AutoStream::new(io::stdout(), choice)),
            choice,
        }
    }

    /// How listings are drawn.
    pub(super) fn style(&self) -> report::Style {
        match self.choice {
            ColorChoice::Always | ColorChoice::AlwaysAnsi => report::Style::Coloured,
            ColorChoice::Auto | ColorChoice::Never => report::Style::Plain,
        }
    }

    /// Writes a heading and a newline.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self, "{HEADING}{text}{HEADING:#}")
    }

    /// Writes a value as JSON and a newline.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *self, value).map_err(io::Error::from)?;
        writeln!(self)?;
        Ok(())
    }

    /// Writes an error and its causes to standard error, after what was written so far.
    pub(super) fn error(&mut self, error: &anyhow::Error) -> io::Result<()> {
        self.finish()?;
        let choice = match self.choice {
            ColorChoice::Never => ColorChoice::Never,
            ColorChoice::Always => ColorChoice::Always,
            ColorChoice::Auto | ColorChoice::AlwaysAnsi => AutoStream::choice(&io::stderr()),
        };
        let mut stderr = AutoStream::new(io::stderr(), choice);
        // There is nowhere left to report that standard error is closed.
        let _ = writeln!(stderr, "{ERROR}error{ERROR:#}: {error:#}");
        Ok(())
    }

    /// Writes a remark to standard error.
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.finish()?;
        // There is nowhere left to report that standard error is closed.
        let _ = writeln!(io::stderr(), "note: {text}");
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}
