//! What the tests of this module read: sections that clang made, and a way to make broken ones.
//!
//! `types.btf` and `types.btf.ext` come from `types.bpf.c` beside them:
//!
//! ```text
//! clang-19 -target bpf -g -O2 -mcpu=v3 -c types.bpf.c -o types.o
//! llvm-objcopy-19 --dump-section .BTF=types.btf --dump-section .BTF.ext=types.btf.ext types.o /dev/null
//! ```

use super::{Btf, BtfId, Kind, KindFilter};

/// The `.BTF` section of the object.
pub(super) const BTF: &[u8] = include_bytes!("testdata/types.btf");
/// Its `.BTF.ext` section.
pub(super) const EXT: &[u8] = include_bytes!("testdata/types.btf.ext");

/// The object's types.
pub(super) fn types() -> Btf {
    Btf::parse(BTF).expect("clang makes valid BTF")
}

/// The first type of that name.
pub(super) fn id(btf: &Btf, name: &str) -> BtfId {
    btf.find(name, KindFilter::ANY).expect("the type exists")
}

/// A `.BTF` section made of any records.
#[derive(Default)]
pub(super) struct Builder {
    words: Vec<u32>,
    /// The offset of the first string.
    first_string: u32,
    strings: Vec<u8>,
}

/// The kind flag in a record's second word.
pub(super) const FLAG: u32 = 1 << 31;

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            words: Vec::new(),
            first_string: 0,
            strings: vec![0],
        }
    }

    /// A section that continues another.
    pub(super) fn split(base: &Builder) -> Builder {
        Builder {
            words: Vec::new(),
            first_string: base.strings.len() as u32,
            strings: Vec::new(),
        }
    }

    /// The offset of a string that was added.
    pub(super) fn find_text(&self, text: &str) -> u32 {
        let text = format!("\0{text}\0");
        let mut places = self.strings.windows(text.len());
        let before = places.position(|place| place == text.as_bytes());
        before.expect("the string was added") as u32 + 1
    }

    /// Adds a record without a tail that has the string at an offset for a name.
    pub(super) fn raw_record(&mut self, name: u32, kind: Kind, ty: u32) {
        self.words.extend([name, (kind as u32) << 24, ty]);
    }

    /// Adds a string and returns its offset.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        let offset = self.first_string + self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        offset
    }

    /// Adds a record: `info` is its entry count and flag, `tail` what follows its head.
    pub(super) fn record(
        &mut self,
        name: &str,
        kind: Kind,
        info: u32,
        size: u32,
        tail: &[u32],
    ) -> &mut Builder {
        let name = if name.is_empty() { 0 } else { self.text(name) };
        self.words.extend([name, info | (kind as u32) << 24, size]);
        self.words.extend(tail);
        self
    }

    /// The section.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let types: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let len = types.len() as u32;
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, len, len, self.strings.len() as u32] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(types);
        bytes.extend(&self.strings);
        bytes
    }

    /// The section, parsed.
    pub(super) fn build(&self) -> Btf {
        Btf::parse(self.bytes()).expect("the test's BTF is valid")
    }
}
