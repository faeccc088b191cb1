//! Externs in a BTF section: a kernel takes no variable or function that is declared only, so they are
//! made to look defined.
//!
//! It does not say what they stand for, which is in the instructions already. What is written in place of
//! what is libbpf's rule (1.5, used under its BSD-2-Clause licence):
//! - Values of the configuration become variables of their map, where linking placed them.
//! - Symbols of the kernel become integers of 32 bits, one after the other.
//! - Functions become global, which wants names for their parameters; a variable stands in for all of
//!   them in the section.

use super::{DATASEC, FUNC, HEAD_LEN, INT, Section, VAR, kind, vlen, word};

/// `BTF_VAR_GLOBAL_ALLOCATED` and `BTF_FUNC_GLOBAL`.
const GLOBAL: u32 = 1;
/// What stands in for functions, and for the names of their parameters.
const STAND_IN: &str = "dummy_ksym";
/// The size of the integers that symbols become, and how their records end: 32 bits, with any encoding.
const INT_SIZE: u32 = 4;
const INT_BITS: u32 = 32;
/// How the record of an added integer ends: signed, 32 bits.
const SIGNED_INT: u32 = (1 << 24) | INT_BITS;

impl Section {
    /// Makes externs look defined.
    pub(in crate::kernel) fn allocate_externs(&mut self) {
        for var in self.entries(".kconfig") {
            self.set_linkage(self.at(var));
        }
        let symbols = self.entries(".ksyms");
        if symbols.is_empty() {
            return;
        }
        let int = self.int();
        let has_function = symbols.iter().any(|id| self.kind_of(*id) == Some(FUNC));
        let stand_in = has_function.then(|| self.add_stand_in(int));
        let placed: Vec<[u32; 3]> = (0..)
            .zip(symbols)
            .map(|(index, symbol)| {
                let symbol = match stand_in.filter(|_| self.kind_of(symbol) == Some(FUNC)) {
                    Some((stand_in, name)) => {
                        self.define_function(symbol, name);
                        stand_in
                    }
                    None => {
                        self.define_variable(symbol, int);
                        symbol
                    }
                };
                [symbol, INT_SIZE.wrapping_mul(index), INT_SIZE]
            })
            .collect();
        self.place(".ksyms", &placed);
    }

    /// What a section has, by id.
    fn entries(&self, name: &str) -> Vec<u32> {
        let Some((at, count)) = self.datasec(name) else {
            return Vec::new();
        };
        (0..count as usize)
            .filter_map(|entry| word(&self.bytes, at + HEAD_LEN + 12 * entry))
            .collect()
    }

    /// Where the record of a section is, and how much it has.
    fn datasec(&self, wanted: &str) -> Option<(usize, u32)> {
        self.records.iter().find_map(|&at| {
            let info = word(&self.bytes, at + 4)?;
            let is_it = kind(info) == DATASEC && self.name(at) == wanted.as_bytes();
            is_it.then(|| (at, vlen(info)))
        })
    }

    fn name(&self, at: usize) -> &[u8] {
        let name = word(&self.bytes, at).unwrap_or(0) as usize;
        let text = self.bytes.get(self.strings.saturating_add(name)..);
        let mut parts = text.unwrap_or_default().split(|&byte| byte == 0);
        parts.next().unwrap_or_default()
    }

    /// Where a record is, beyond all bytes if there is none.
    fn at(&self, id: u32) -> usize {
        let index = (id as usize).checked_sub(1);
        let at = index.and_then(|index| self.records.get(index));
        at.copied().unwrap_or(self.bytes.len())
    }

    fn kind_of(&self, id: u32) -> Option<u32> {
        word(&self.bytes, self.at(id) + 4).map(kind)
    }

    fn set_linkage(&mut self, variable: usize) {
        if word(&self.bytes, variable + 4).map(kind) == Some(VAR) {
            self.set(variable + HEAD_LEN, GLOBAL);
        }
    }

    fn define_variable(&mut self, id: u32, int: u32) {
        let at = self.at(id);
        self.set(at + 8, int);
        self.set_linkage(at);
    }

    fn define_function(&mut self, id: u32, parameter: u32) {
        let at = self.at(id);
        self.set_head(at, FUNC, GLOBAL);
        let proto = self.at(word(&self.bytes, at + 8).unwrap_or(0));
        let count = word(&self.bytes, proto + 4).map_or(0, vlen) as usize;
        for at in (0..count).map(|index| proto + HEAD_LEN + 8 * index) {
            let is_unnamed = word(&self.bytes, at) == Some(0);
            let is_variadic = word(&self.bytes, at + 4) == Some(0);
            if is_unnamed && !is_variadic {
                self.set(at, parameter);
            }
        }
    }

    /// Writes what a section has.
    fn place(&mut self, name: &str, entries: &[[u32; 3]]) {
        let Some((at, _)) = self.datasec(name) else {
            return;
        };
        let end = entries
            .last()
            .map_or(0, |[_, start, size]| start.wrapping_add(*size));
        self.set(at + 8, end);
        for (index, field) in entries.as_flattened().iter().enumerate() {
            self.set(at + HEAD_LEN + 4 * index, *field);
        }
    }

    /// An integer of 32 bits, which is added where there is none.
    fn int(&mut self) -> u32 {
        let is_int = |at: usize| {
            let info = word(&self.bytes, at + 4)?;
            let bits = word(&self.bytes, at + HEAD_LEN)? & 0xff;
            Some(kind(info) == INT && bits == INT_BITS)
        };
        let found = (1..)
            .zip(&self.records)
            .find(|(_, at)| is_int(**at) == Some(true));
        match found {
            Some((id, _)) => id,
            None => {
                let name = self.add_string("int");
                self.add_record(&[name, INT << 24, INT_SIZE, SIGNED_INT])
            }
        }
    }

    /// Adds the variable that stands in for functions, and gives its id and its name.
    fn add_stand_in(&mut self, int: u32) -> (u32, u32) {
        let name = self.add_string(STAND_IN);
        let id = self.add_record(&[name, VAR << 24, int, GLOBAL]);
        (id, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{Btf, FuncLinkage, KindFilter, Type, VarLinkage};

    fn prepared(file: &str) -> Btf {
        let path = format!("{}/src/object/testdata/{file}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).expect("the object is there");
        let object = crate::object::Object::parse(file, &bytes).expect("it parses");
        let mut section = Section::new(object.btf().expect("it has types").bytes().to_vec());
        section.allocate_externs();
        Btf::parse(section.bytes).expect("the section stays sound")
    }

    #[test]
    fn externs_of_an_object_become_definitions() {
        let btf = prepared("externs.o");
        for id in btf.ids() {
            let is_extern = match btf.ty(id) {
                Type::Var { linkage, .. } => linkage == VarLinkage::Extern,
                Type::Func { linkage, .. } => linkage == FuncLinkage::Extern,
                _ => false,
            };
            assert!(!is_extern, "{}", btf.ty(id).name());
        }
    }

    #[test]
    fn symbols_lie_one_after_the_other() {
        let btf = prepared("externs.o");
        let section = btf.find(".ksyms", KindFilter::DATASEC);
        let Some(Type::Datasec { size, entries, .. }) = section.map(|id| btf.ty(id)) else {
            panic!("the object declares symbols");
        };
        let places: Vec<(u32, u32)> = entries.iter().map(|one| (one.offset, one.size)).collect();
        let want: Vec<(u32, u32)> = (0..size / 4).map(|index| (4 * index, 4)).collect();
        assert_eq!(places, want);
        assert!(!places.is_empty());
    }
}
