//! Draws a reason as a listing in the manner of rustc.
//!
//! The only file that knows `annotate-snippets`. It decides no wording.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::instructions::{Slot, slots};
use super::reason::Reason;
use super::{Style, source_file, source_line};
use crate::isa::Pc;
use crate::object::{Line, Program};

/// Instructions shown before the one at fault, and after it.
const BEFORE: u32 = 5;
const AFTER: u32 = 1;

/// Source lines shown of the way.
const WAY: usize = 6;

/// Width of a listing: sources are not folded narrower.
const WIDTH: usize = 140;

pub(super) fn render(program: &Program, reason: &Reason<'_>, style: Style) -> String {
    let title = Level::ERROR.primary_title(reason.title.as_str());
    let mut group = Group::with_title(match &reason.code {
        Some(code) => title.id(code.as_str()),
        None => title,
    });
    let listing = reason.pc.map(|pc| Listing::around(program, pc));
    match reason.pc.and_then(|pc| source_line(program, pc)) {
        Some(line) if line.text.trim().is_empty() => group = group.element(origin(line)),
        Some(line) => group = group.element(source(line)),
        None => {}
    }
    if let Some(listing) = &listing {
        group = group.element(instructions(program, listing, &reason.label));
    }
    for note in &reason.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(way) = way(program, reason.path) {
        group = group.element(Level::NOTE.message(way));
    }
    if let Some(help) = &reason.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer
        .term_width(WIDTH)
        .decor_style(DecorStyle::Ascii)
        .render(&[group])
}

/// Where a source line is whose text the object does not hold.
fn origin(line: &Line) -> Origin<'_> {
    Origin::path(source_file(line))
        .line(line.line as usize)
        .char_column(line.column as usize)
}

/// The source line of the instruction at fault.
fn source(line: &Line) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(line.text.trim_end())
        .line_start(line.line as usize)
        .path(source_file(line))
        .fold(false)
        .annotation(AnnotationKind::Primary.span(word_at(line.text.trim_end(), line.column)))
}

/// The word, or the run of other characters, at a column that counts from 1.
fn word_at(text: &str, column: u32) -> Range<usize> {
    let wanted = (column as usize).saturating_sub(1);
    let blank = text.len() - text.trim_start().len();
    let start = match text.get(wanted..) {
        Some(rest) if !rest.is_empty() => wanted.max(blank),
        _ => blank,
    };
    let rest = text.get(start..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let first = rest.chars().next();
    let end = rest.find(|c: char| {
        c.is_whitespace() || Some(is_word(c)) != first.map(is_word) || (!is_word(c) && c == ';')
    });
    let len = end
        .unwrap_or(rest.len())
        .max(first.map_or(0, char::len_utf8));
    start..start + len
}

/// Some instructions of a program as the lines of a source.
struct Listing {
    first: Pc,
    text: String,
    /// The line of the instruction at fault.
    marked: Range<usize>,
}

impl Listing {
    /// The instructions around one, of the same function.
    fn around(program: &Program, pc: Pc) -> Listing {
        let starts = program.subprogs.iter().map(|subprog| subprog.start.0);
        let floor = starts
            .clone()
            .filter(|&start| start <= pc.0)
            .max()
            .unwrap_or(0);
        let ceiling = starts
            .filter(|&start| start > pc.0)
            .min()
            .unwrap_or(u32::MAX);
        let shown = pc.0.saturating_sub(BEFORE).max(floor)
            ..pc.0.saturating_add(AFTER).saturating_add(1).min(ceiling);
        let mut listing = Listing {
            first: Pc(shown.start),
            text: String::new(),
            marked: 0..0,
        };
        for slot in slots(program)
            .iter()
            .filter(|slot| shown.contains(&slot.pc.0))
        {
            listing.push(slot, pc);
        }
        listing
    }

    fn push(&mut self, slot: &Slot, marked: Pc) {
        let line = match slot.is_high() {
            true => "(second half)".to_owned(),
            false => slot.log_line(),
        };
        if slot.pc == marked {
            self.marked = self.text.len()..self.text.len() + line.len();
        }
        self.text += &line;
        self.text.push('\n');
    }
}

/// The instructions, numbered as the kernel does, with a mark under one of them.
fn instructions<'a>(
    program: &'a Program,
    listing: &'a Listing,
    label: &'a str,
) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(listing.text.trim_end())
        .line_start(listing.first.index())
        .path(format!("instructions of {}", program.name))
        .fold(false)
        .annotation(
            AnnotationKind::Primary
                .span(listing.marked.clone())
                .label(label),
        )
}

/// The last few distinct source lines of the way there, in order.
fn way(program: &Program, path: &[Pc]) -> Option<String> {
    let mut lines: Vec<&Line> = Vec::new();
    for line in path.iter().rev().filter_map(|&pc| source_line(program, pc)) {
        let seen = lines
            .iter()
            .any(|seen| (&seen.file, seen.line) == (&line.file, line.line));
        if !seen && !line.text.trim().is_empty() {
            lines.push(line);
        }
        if lines.len() == WAY {
            break;
        }
    }
    if lines.len() < 2 {
        return None;
    }
    let mut text = String::from("the way there:");
    for line in lines.iter().rev() {
        let _ = write!(
            text,
            "\n{}:{}: {}",
            source_file(line),
            line.line,
            line.text.trim()
        );
    }
    Some(text)
}
