//! What is known to differ from libbpf, and why.

use super::compare::Difference;

/// The rows of a list of known differences, and which of them were met.
pub(crate) struct Known {
    rows: Vec<(csv::StringRecord, bool)>,
}

impl Known {
    /// Reads a list: `object,subject,field,reason`.
    pub(crate) fn read(list: &str) -> Known {
        let mut reader = csv::Reader::from_reader(list.as_bytes());
        let rows = reader
            .records()
            .map(|row| (row.expect("the list is well-formed"), false))
            .collect();
        Known { rows }
    }

    /// Whether a difference is known.
    pub(crate) fn explains(&mut self, difference: &Difference) -> bool {
        let key = [&difference.object, &difference.subject, &difference.field];
        let mut known = false;
        for (row, met) in &mut self.rows {
            if row.iter().zip(key).all(|(got, want)| got == want) {
                *met = true;
                known = true;
            }
        }
        known
    }

    /// The rows that no difference met.
    pub(crate) fn vanished(&self) -> Vec<String> {
        let rows = self.rows.iter().filter(|(_, met)| !met);
        rows.map(|(row, _)| row.iter().collect::<Vec<_>>().join(","))
            .collect()
    }
}
