//! Which pages of an arena are free: ranges that are taken from the front and given back in any parts.
//!
//! It knows numbers of pages and no memory. The lowest range that is long enough is taken, as Linux 6.12 does.
//!
//! Rules:
//! - Free ranges never touch each other: what is given back joins its neighbours.
//! - Ranges are also known by their length, so that no question takes longer than there are different lengths.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The free pages of an arena.
#[derive(Debug)]
pub(super) struct PageSet {
    /// Ends of free ranges by their starts.
    free: BTreeMap<u32, u32>,
    /// Starts of free ranges by their lengths.
    by_len: BTreeMap<u32, BTreeSet<u32>>,
}

impl PageSet {
    /// So many pages, all free.
    pub(super) fn new(count: u32) -> PageSet {
        let mut pages = PageSet {
            free: BTreeMap::new(),
            by_len: BTreeMap::new(),
        };
        pages.insert(0..count);
        pages
    }

    /// Takes the first `count` free pages in a row, and gives their start.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let long_enough = self.by_len.range(count..);
        let start = long_enough.filter_map(|(_, starts)| starts.first()).min();
        let start = *start?;
        self.take_at(start..start.checked_add(count)?)
            .then_some(start)
    }

    /// Takes these pages, if all of them are free.
    pub(super) fn take_at(&mut self, pages: Range<u32>) -> bool {
        let around = self.free.range(..=pages.start).next_back();
        let around = around.map(|(start, end)| *start..*end);
        let Some(around) = around.filter(|around| pages.end <= around.end) else {
            return false;
        };
        self.remove(&around);
        self.insert(around.start..pages.start);
        self.insert(pages.end..around.end);
        true
    }

    /// The ranges of these pages that are taken.
    pub(super) fn taken(&self, pages: Range<u32>) -> Vec<Range<u32>> {
        let mut taken = Vec::new();
        let before = self.free.range(..pages.start).next_back();
        let within = self.free.range(pages.clone());
        let mut at = pages.start;
        for (start, end) in before.into_iter().chain(within) {
            if at < *start {
                taken.push(at..*start);
            }
            at = at.max(*end);
        }
        if at < pages.end {
            taken.push(at..pages.end);
        }
        taken
    }

    /// Gives back pages, all of which are taken.
    pub(super) fn give_back(&mut self, pages: Range<u32>) {
        let mut joined = pages;
        let before = self.free.range(..joined.start).next_back();
        let before = before.map(|(start, end)| *start..*end);
        if let Some(before) = before.filter(|before| before.end == joined.start) {
            self.remove(&before);
            joined.start = before.start;
        }
        if let Some(end) = self.free.get(&joined.end).copied() {
            self.remove(&(joined.end..end));
            joined.end = end;
        }
        self.insert(joined);
    }

    fn insert(&mut self, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        self.free.insert(range.start, range.end);
        let len = range.end - range.start;
        self.by_len.entry(len).or_default().insert(range.start);
    }

    fn remove(&mut self, range: &Range<u32>) {
        self.free.remove(&range.start);
        let len = range.end - range.start;
        if let Some(starts) = self.by_len.get_mut(&len) {
            starts.remove(&range.start);
            if starts.is_empty() {
                self.by_len.remove(&len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn set_takes_the_lowest_range_that_is_long_enough() {
        let mut pages = PageSet::new(10);
        assert_eq!(
            (pages.take(3), pages.take(3), pages.take(2)),
            (Some(0), Some(3), Some(6))
        );
        pages.give_back(1..2);
        pages.give_back(4..6);
        assert_eq!(
            (pages.take(2), pages.take(2), pages.take(1)),
            (Some(4), Some(8), Some(1))
        );
        assert_eq!((pages.take(1), pages.take(u32::MAX)), (None, None));
    }

    proptest! {
        #[test]
        fn set_of_pages_answers_as_a_list_of_flags_does(
            steps in proptest::collection::vec((0..3_u8, 0..40_u32, 1..12_u32), 1..80),
        ) {
            let (mut pages, mut flags) = (PageSet::new(40), [true; 40]);
            for (kind, start, count) in steps {
                let range = start..(start + count).min(40);
                let slots = range.start as usize..range.end as usize;
                match kind {
                    0 => {
                        let row = |at: &usize| {
                            let end = at + count as usize;
                            end <= 40 && flags[*at..end].iter().all(|free| *free)
                        };
                        let wanted = (0..40).find(row);
                        prop_assert_eq!(pages.take(count), wanted.map(|at| at as u32));
                        if let Some(at) = wanted {
                            flags[at..at + count as usize].fill(false);
                        }
                    }
                    1 => {
                        let free = flags[slots.clone()].iter().all(|free| *free);
                        prop_assert_eq!(pages.take_at(range), free);
                        if free {
                            flags[slots].fill(false);
                        }
                    }
                    _ => {
                        let taken = pages.taken(range.clone());
                        let count: usize = taken.iter().map(|run| (run.end - run.start) as usize).sum();
                        prop_assert_eq!(count, flags[slots.clone()].iter().filter(|free| !**free).count());
                        taken.into_iter().for_each(|run| pages.give_back(run));
                        flags[slots].fill(true);
                    }
                }
            }
        }
    }
}
