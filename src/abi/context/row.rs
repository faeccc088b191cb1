//! The vocabulary in which context tables are written.
//!
//! A [`Row`] is a field with masks of who may read and write it, so that one table serves the
//! program and attach types that share a structure; [`select`] makes one kind's fields of it.

use super::{Field, FieldAccess, FieldKind};

/// A field and the kinds of programs that may touch it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    field: Field,
    readers: u32,
    writers: u32,
}

/// A number that every kind may read in that way.
pub(super) const fn num(name: &'static str, off: u32, size: u32, read: FieldAccess) -> Row {
    let field = Field {
        name,
        off,
        size,
        read,
        write: FieldAccess::None,
        kind: FieldKind::Scalar,
        guest_off: off,
        guest_size: size,
    };
    Row {
        field,
        readers: u32::MAX,
        writers: 0,
    }
}

/// A pointer of 8 bytes.
pub(super) const fn pointer(name: &'static str, off: u32, kind: FieldKind) -> Row {
    let mut row = num(name, off, 8, FieldAccess::Whole);
    row.field.kind = kind;
    row
}

/// A pointer of 4 bytes that lives at `guest_off`.
pub(super) const fn slot(name: &'static str, off: u32, kind: FieldKind, guest_off: u32) -> Row {
    let mut row = num(name, off, 4, FieldAccess::Whole);
    row.field.kind = kind;
    row.field.guest_off = guest_off;
    row.field.guest_size = 8;
    row
}

impl Row {
    /// Only these kinds may read it.
    pub(super) const fn readers(mut self, readers: u32) -> Row {
        self.readers = readers;
        self
    }

    /// These kinds may write it in that way.
    pub(super) const fn writers(mut self, writers: u32, write: FieldAccess) -> Row {
        self.writers = writers;
        self.field.write = write;
        self
    }
}

/// The fields as the program kind of that bit sees them.
pub(super) const fn select<const N: usize>(rows: &[Row; N], kind: u32) -> [Field; N] {
    let mut fields = [rows[0].field; N];
    let mut index = 0;
    while index < N {
        fields[index] = rows[index].field;
        if rows[index].readers & kind == 0 {
            fields[index].read = FieldAccess::None;
        }
        if rows[index].writers & kind == 0 {
            fields[index].write = FieldAccess::None;
        }
        index += 1;
    }
    fields
}
