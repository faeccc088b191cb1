//! Text that is put aside until it is printed: what comes of any number of events, in little memory.
//!
//! It knows nothing of what the text says. Text goes to lanes, and each lane is printed as a whole, in the order in which
//! it was written. What waits in memory goes to a file that has no name when there is too much of it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::ops::Range;

/// How much waits in memory, of all lanes together.
const WAITING: usize = 1 << 20;

/// Text by lanes.
#[derive(Debug, Default)]
pub(super) struct Spool {
    lanes: Vec<Lane>,
    waiting: usize,
    file: Option<File>,
    end: u64,
    /// Why text was lost: whoever prints is told.
    failed: Option<io::Error>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Where the text is in the file.
    extents: Vec<Range<u64>>,
    /// What follows that.
    waiting: Vec<u8>,
}

impl Spool {
    /// Adds text to a lane.
    pub(super) fn push(&mut self, lane: usize, text: &str) {
        if self.failed.is_some() {
            return;
        }
        if lane >= self.lanes.len() {
            self.lanes.resize_with(lane + 1, Lane::default);
        }
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.waiting.extend_from_slice(text.as_bytes());
        }
        self.waiting += text.len();
        if self.waiting > WAITING {
            self.failed = self.store().err();
        }
    }

    /// Whether nothing was added to the lane.
    pub(super) fn is_empty(&self, lane: usize) -> bool {
        let lane = self.lanes.get(lane);
        lane.is_none_or(|lane| lane.extents.is_empty() && lane.waiting.is_empty())
    }

    /// Writes a lane's text, but for so many bytes at its beginning.
    ///
    /// # Errors
    /// It cannot be written, or could not be kept.
    pub(super) fn write(&self, lane: usize, skip: u64, out: &mut impl Write) -> io::Result<()> {
        if let Some(error) = &self.failed {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        let Some(lane) = self.lanes.get(lane) else {
            return Ok(());
        };
        let mut skip = skip;
        for extent in &lane.extents {
            let passed = skip.min(extent.end - extent.start);
            skip -= passed;
            self.copy(extent.start + passed..extent.end, out)?;
        }
        let passed = usize::try_from(skip).unwrap_or(usize::MAX);
        out.write_all(lane.waiting.get(passed..).unwrap_or_default())
    }

    fn copy(&self, extent: Range<u64>, out: &mut impl Write) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(extent.start))?;
        io::copy(&mut file.take(extent.end - extent.start), out)?;
        Ok(())
    }

    /// Takes what waits to the file.
    fn store(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(nameless()?);
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut out = io::BufWriter::new(file);
        for lane in self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.waiting.is_empty())
        {
            out.write_all(&lane.waiting)?;
            let end = self.end + lane.waiting.len() as u64;
            match lane.extents.last_mut() {
                Some(last) if last.end == self.end => last.end = end,
                Some(_) | None => lane.extents.push(self.end..end),
            }
            self.end = end;
            lane.waiting.clear();
            // Of many lanes, one that had much to say once must not keep the room for it.
            lane.waiting.shrink_to(WAITING / 64);
        }
        self.waiting = 0;
        out.flush()
    }
}

/// A file that is gone when it is closed, whatever happens to the process.
fn nameless() -> io::Result<File> {
    let place = std::env::temp_dir();
    tempfile::tempfile_in(&place)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", place.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spool: &Spool, lane: usize, skip: u64) -> String {
        let mut out = Vec::new();
        spool.write(lane, skip, &mut out).expect("is there");
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn lanes_keep_their_own_text_in_memory_and_beyond() {
        for (times, is_stored) in [(3, false), (40_000, true)] {
            let mut spool = Spool::default();
            for time in 0..times {
                spool.push(0, &format!("even {time} "));
                spool.push(2, &format!("a much longer text of the other lane, {time} "));
            }
            assert_eq!(spool.file.is_some(), is_stored);
            let expected: String = (0..times).map(|time| format!("even {time} ")).collect();
            assert_eq!(text(&spool, 0, 0), expected);
            assert_eq!(text(&spool, 0, 5), &expected[5..]);
            assert!(spool.is_empty(1) && spool.is_empty(3) && !spool.is_empty(2));
            assert!(text(&spool, 2, 0).ends_with(&format!("lane, {} ", times - 1)));
        }
    }

    #[test]
    fn text_that_cannot_be_kept_is_neither_gathered_nor_printed() {
        let mut spool = Spool {
            failed: Some(io::ErrorKind::StorageFull.into()),
            ..Spool::default()
        };
        spool.push(0, "more");
        assert!(spool.is_empty(0));
        let refused = spool
            .write(0, 0, &mut Vec::new())
            .map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn memory_is_bounded_however_much_is_added() {
        let mut spool = Spool::default();
        for time in 0..64 {
            spool.push(time % 8, &"x".repeat(WAITING / 4));
            let held: usize = spool.lanes.iter().map(|lane| lane.waiting.capacity()).sum();
            assert!(held <= 4 * WAITING, "{held}");
        }
        let len: usize = (0..8).map(|lane| text(&spool, lane, 0).len()).sum();
        assert_eq!(len, 16 * WAITING);
    }
}
