//! Looking at arenas, and at the variables of data sections, as user space sees them.
//!
//! What a page of an arena is stands in [`crate::machine::Arena`].

use crate::btf::Value;
use crate::machine::{ARENA_PAGE, Arena, Errno};
use crate::object::Global;

use super::{Entry, InspectError, MapView};

/// A variable of a data section or of an arena.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// It by its type, if the object tells it.
    pub value: Option<Value>,
}

impl<'a> MapView<'a> {
    /// The map as an arena: whoever has it shares its pages with the programs, to read and to write.
    pub fn arena(&self) -> Option<&'a Arena> {
        self.map().arena().map(|arena| arena.pages().as_ref())
    }

    /// The variables that lie in it, in the order of their places.
    pub fn variables(&self) -> Vec<Variable> {
        let variable = |global: &Global| {
            let bytes = self.read_global(global).ok()?;
            Some(Variable {
                name: global.name.clone(),
                value: self.typed(global.ty, &bytes),
                bytes,
            })
        };
        self.globals().filter_map(variable).collect()
    }

    /// The pages of an arena that hold something, by their numbers.
    pub(super) fn pages(&self) -> Vec<Entry> {
        let Some(arena) = self.arena() else {
            return Vec::new();
        };
        let mut bytes = vec![0; ARENA_PAGE as usize];
        let mut page = |number: u32| {
            let read = arena.read(u64::from(number) * ARENA_PAGE, &mut bytes);
            let holds = read.is_ok() && bytes.iter().any(|byte| *byte != 0);
            holds.then(|| Entry {
                key: number.to_le_bytes().to_vec(),
                values: vec![bytes.clone()],
                typed_key: None,
                typed_values: None,
            })
        };
        let present = arena.present().into_iter().flatten();
        present.filter_map(&mut page).collect()
    }

    /// The bytes of a variable.
    pub(super) fn read_global(&self, global: &Global) -> Result<Vec<u8>, InspectError> {
        let (start, len) = (global.offset as usize, global.size as usize);
        if let Some(arena) = self.arena() {
            let mut bytes = vec![0; len];
            let read = arena.read(start as u64, &mut bytes);
            return read
                .map(|()| bytes)
                .map_err(|_| self.refused(Errno::EFAULT));
        }
        let value = self.lookup(&0u32.to_le_bytes()).unwrap_or_default();
        let bytes = value.get(start..start.saturating_add(len));
        Ok(bytes.unwrap_or_default().to_vec())
    }

    /// Sets the bytes of a variable, as many as it has.
    pub(super) fn write_global(&self, global: &Global, bytes: &[u8]) -> Result<(), InspectError> {
        if let Some(arena) = self.arena() {
            let written = arena.write(u64::from(global.offset), bytes);
            return written.map_err(|_| self.refused(Errno::EFAULT));
        }
        let key = 0u32.to_le_bytes();
        let mut value = self.lookup(&key).unwrap_or_default();
        let start = global.offset as usize;
        if let Some(part) = value.get_mut(start..start.saturating_add(bytes.len())) {
            part.copy_from_slice(bytes);
        }
        self.update(&key, &value)
    }
}
