//! Where C puts the members of a structure, against where they are: what must be said for both to be the same.
//!
//! Alignment is what the definitions of this header have, not what the source had: an `aligned` attribute
//! of the source shows as padding here. The rules are those of the System V ABI, which eBPF follows: a bit-field does not cross
//! a multiple of its type's size, and one without a name pads without adding to the alignment.

use crate::btf::{Btf, BtfId, Composite, MAX_DEPTH, Member, POINTER_SIZE, Type};

/// The largest alignment of a basic type.
const MAX_ALIGN: u64 = 16;
/// Bits of the type that padding is written with.
const PAD: u64 = 64;
/// No member is larger than this many bits, whatever broken input says, so that sums of them are numbers too.
const MAX_BITS: u64 = 1 << 40;

/// What C must be told of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Its alignment in bytes.
    pub(super) align: u64,
    /// The attribute it takes.
    pub(super) attribute: Attribute,
}

/// An attribute of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// It is as C would have it.
    None,
    /// Members follow each other without gaps.
    Packed,
    /// Its size is a multiple of this.
    Aligned(u64),
}

/// Layouts found so far.
pub(super) struct Layouts<'a> {
    btf: &'a Btf,
    known: Vec<Option<Layout>>,
}

/// A member's place in bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    /// Its width, if it is a bit-field.
    pub(super) width: Option<u64>,
    /// The size of its type.
    size: u64,
    align: u64,
}

impl<'a> Layouts<'a> {
    pub(super) fn new(btf: &'a Btf) -> Layouts<'a> {
        Layouts {
            btf,
            known: vec![None; btf.type_count() as usize],
        }
    }

    /// The layout of a structure or union.
    pub(super) fn of(&mut self, id: BtfId) -> Layout {
        self.find(id, MAX_DEPTH)
    }

    fn find(&mut self, id: BtfId, depth: usize) -> Layout {
        const LEAST: Layout = Layout {
            align: 1,
            attribute: Attribute::None,
        };
        if let Some(Some(known)) = self.known.get(id.index()) {
            return *known;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return LEAST;
        };
        // A type that contains itself must end too.
        self.remember(id, LEAST);
        let layout = match self.btf.ty(id) {
            Type::Struct(composite) => self.structure(&composite, depth),
            Type::Union(composite) => self.union(&composite, depth),
            _ => LEAST,
        };
        self.remember(id, layout);
        layout
    }

    fn remember(&mut self, id: BtfId, layout: Layout) {
        if let Some(place) = self.known.get_mut(id.index()) {
            *place = Some(layout);
        }
    }

    fn structure(&mut self, composite: &Composite<'_>, depth: usize) -> Layout {
        let (mut align, mut fits) = (1, true);
        for member in composite.members.iter() {
            let place = self.place_at(&member, depth);
            align = align.max(place.align);
            fits &= place.is_natural();
        }
        if fits && u64::from(composite.size) % align == 0 {
            let attribute = Attribute::None;
            return Layout { align, attribute };
        }
        Layout {
            align: 1,
            attribute: Attribute::Packed,
        }
    }

    fn union(&mut self, composite: &Composite<'_>, depth: usize) -> Layout {
        let (mut align, mut bits) = (1, 0);
        for member in composite.members.iter() {
            let place = self.place_at(&member, depth);
            align = align.max(place.align);
            bits = bits.max(place.width.unwrap_or(place.size));
        }
        let size = u64::from(composite.size);
        let bytes = bits.div_ceil(8);
        let powers = (0..16).map(|power| 1 << power);
        let larger = powers.filter(|&power| power > align);
        let aligned = |power: &u64| bytes.next_multiple_of(*power) == size;
        let (align, attribute) = match bytes.next_multiple_of(align) {
            natural if natural == size => (align, Attribute::None),
            natural if natural > size => (1, Attribute::Packed),
            _ => match larger.into_iter().find(aligned) {
                Some(power) => (power, Attribute::Aligned(power)),
                None => (align, Attribute::None),
            },
        };
        Layout { align, attribute }
    }

    /// Where a member is.
    pub(super) fn place(&mut self, member: &Member<'_>) -> Place {
        self.place_at(member, MAX_DEPTH)
    }

    fn place_at(&mut self, member: &Member<'_>, depth: usize) -> Place {
        let ty = self.btf.resolved(member.ty);
        let bytes = self.btf.size_of(member.ty).unwrap_or(0);
        let size = bytes.saturating_mul(8).min(MAX_BITS);
        let mut place = Place {
            offset: u64::from(member.bit_offset),
            width: member.bitfield_size.map(u64::from),
            size,
            align: self.align(member.ty, depth),
        };
        // Before bit-fields had a flag, it was integers that had fewer bits than their size.
        if let (None, Type::Int { bits, offset, .. }) = (place.width, ty)
            && (u64::from(bits) != size || offset != 0)
        {
            place.width = Some(u64::from(bits));
            place.offset += u64::from(offset);
        }
        place
    }

    /// The alignment of a type in bytes.
    fn align(&mut self, id: BtfId, depth: usize) -> u64 {
        let own = |size: u32| u64::from(size).clamp(1, MAX_ALIGN).next_power_of_two();
        let mut id = self.btf.resolve(id);
        for _ in 0..MAX_DEPTH {
            return match self.btf.ty(id) {
                Type::Array { elem, .. } => {
                    id = self.btf.resolve(elem);
                    continue;
                }
                Type::Int { size, .. } | Type::Float { size, .. } => own(size),
                Type::Enum(found) | Type::Enum64(found) => own(found.size),
                Type::Ptr { .. } => POINTER_SIZE,
                Type::Struct(_) | Type::Union(_) => self.find(id, depth).align,
                _ => 1,
            };
        }
        1
    }
}

impl Place {
    /// Whether a structure that is not packed can have a member there.
    fn is_natural(&self) -> bool {
        match self.width {
            None => self.offset.is_multiple_of(self.align.saturating_mul(8)),
            Some(width) => self.crosses(self.offset, width).is_none(),
        }
    }

    /// Where a bit-field of that width goes instead, if it would cross a multiple of its type's size.
    fn crosses(&self, at: u64, width: u64) -> Option<u64> {
        let unit = self.size.max(8);
        (at % unit + width > unit).then(|| at.next_multiple_of(unit))
    }

    /// Where C puts the member when the one before ends at `at`.
    fn natural(&self, at: u64, attribute: Attribute) -> u64 {
        match (self.width, attribute) {
            (Some(_), Attribute::Packed) => at,
            (Some(width), _) => self.crosses(at, width).unwrap_or(at),
            (None, Attribute::Packed) => at.next_multiple_of(8),
            (None, _) => at.next_multiple_of(self.align.saturating_mul(8)),
        }
    }

    /// The widths of the padding before the member, when the one before ends at `at`.
    pub(super) fn padding(&self, at: u64, attribute: Attribute) -> impl Iterator<Item = u64> {
        let target = match self.natural(at, attribute) {
            natural if natural < self.offset => self.offset,
            _ => at,
        };
        pads(at, target)
    }

    /// Where the member ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.width.unwrap_or(self.size)
    }
}

/// The widths of the padding at the end of a structure of `size` bytes whose last member ends at `at`.
pub(super) fn tail(at: u64, size: u32, layout: Layout) -> impl Iterator<Item = u64> {
    let end = u64::from(size) * 8;
    let natural = at.next_multiple_of(layout.align.saturating_mul(8));
    pads(at, if natural < end { end } else { at })
}

/// Bit-fields from one bit to another, none of which crosses a multiple of [`PAD`].
fn pads(from: u64, to: u64) -> impl Iterator<Item = u64> {
    let mut at = from;
    std::iter::from_fn(move || {
        let width = (PAD - at % PAD).min(to.checked_sub(at).filter(|&left| left > 0)?);
        at += width;
        Some(width)
    })
}
