//! Type information. (Being written elsewhere; this is the minimum that others name.)
/// A type's index in its BTF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BtfId(pub u32);
/// Parsed BTF.
#[derive(Debug)]
pub struct Btf;
