//! Layout of data sections, which compilers leave to the linker: a loader fills it in.

use super::record::HEAD_LEN;
use super::{Btf, BtfId, Type};

impl Btf {
    /// Gives a data section its size and its variables their offsets, in the bytes too, and sorts
    /// the variables by offset as the kernel wants them. Variables for which `offset_of` has no
    /// answer keep their offset. Returns whether `id` is a data section.
    pub fn place_section(
        &mut self,
        id: BtfId,
        size: u32,
        mut offset_of: impl FnMut(&str) -> Option<u32>,
    ) -> bool {
        let Type::Datasec { entries, .. } = self.ty(id) else {
            return false;
        };
        let mut placed: Vec<_> = entries.iter().collect();
        for entry in &mut placed {
            entry.offset = offset_of(self.ty(entry.var).name()).unwrap_or(entry.offset);
        }
        placed.sort_by_key(|entry| entry.offset);
        let words = placed
            .iter()
            .flat_map(|entry| [entry.var.0, entry.offset, entry.size]);
        let tail: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        self.overwrite(id, size, &tail);
        true
    }

    /// Replaces the last word of a record's head and what follows the head.
    fn overwrite(&mut self, id: BtfId, size: u32, tail: &[u8]) {
        let Some(start) = self.record_offset(id) else {
            return;
        };
        let bytes = self.bytes.to_mut();
        let fields = bytes.get_mut(start + HEAD_LEN - 4..start + HEAD_LEN + tail.len());
        if let Some((head, rest)) = fields.and_then(|fields| fields.split_first_chunk_mut::<4>()) {
            *head = size.to_le_bytes();
            rest.copy_from_slice(tail);
        }
    }
}
