//! Where a field lies, the same field in another set of types, and what can be asked of it.
//!
//! Rules:
//! - Members match by name, also inside anonymous structures and unions; array elements by index.
//!   The array at the end of a structure may be flexible: without a count, it has any index.
//! - A bit-field is had by the smallest aligned load that covers it and is no smaller than its
//!   type. Compilers may choose another, so what they chose is not checked.
//! - A load or store changes its size with the field's if both are pointers or unsigned integers:
//!   the upper bits are zero then. Otherwise it must not be reached.

use super::access::{Access, Step};
use super::compatible::{Pair, Sides};
use super::{CoreError, CoreKind, Fuel, Resize};
use crate::btf::query::FoundMember;
use crate::btf::{Btf, BtfId, Encoding, MAX_DEPTH, POINTER_SIZE, Type};

/// How far an access has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The type at this place.
    pub(super) ty: BtfId,
    /// Its distance from the start of the root.
    pub(super) bit_offset: u64,
    /// The last step with a name or an index.
    landmark: Landmark,
    /// Whether an array here is the last member of its structure, where it may be flexible.
    last: bool,
}

/// What an access ends with, anonymous members aside.
#[derive(Clone, Copy, Debug)]
enum Landmark {
    /// An element of that type.
    Element(BtfId),
    /// A member.
    Member {
        ty: BtfId,
        /// How many bits, if it is a bit-field.
        bits: Option<u32>,
    },
}

/// What is known of a field once a relocation has asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aspect {
    /// The answer.
    pub(super) value: u64,
    /// Whether compilers have no choice but this answer.
    pub(super) certain: bool,
    /// The load that the field's offset is for, if it has a size of its own.
    load: Option<Load>,
}

/// A load of a field.
#[derive(Clone, Copy, Debug)]
struct Load {
    size: u64,
    ty: BtfId,
}

impl Place {
    /// The element of an imagined array of the root type.
    pub(super) fn root(btf: &Btf, root: BtfId, index: u32) -> Option<Place> {
        let ty = btf.resolve(root);
        let start = Place {
            ty,
            bit_offset: 0,
            landmark: Landmark::Element(ty),
            last: false,
        };
        start.element(btf, ty, index)
    }

    /// The element of the array of `elem` at this place.
    pub(super) fn element(&self, btf: &Btf, elem: BtfId, index: u32) -> Option<Place> {
        let stride = btf.size_of(elem)?.checked_mul(8)?;
        let distance = stride.checked_mul(u64::from(index))?;
        let ty = btf.resolve(elem);
        Some(Place {
            ty,
            bit_offset: near(distance.checked_add(self.bit_offset)?)?,
            landmark: Landmark::Element(ty),
            last: false,
        })
    }

    /// The member of the structure at this place.
    pub(super) fn member(&self, found: &FoundMember<'_>) -> Option<Place> {
        let landmark = if found.member.name.is_empty() {
            self.landmark
        } else {
            Landmark::Member {
                ty: found.member.ty,
                bits: found.member.bitfield_size,
            }
        };
        Some(Place {
            ty: found.member.ty,
            bit_offset: near(self.bit_offset.checked_add(found.bit_offset)?)?,
            landmark,
            last: found.last,
        })
    }

    /// Whether the array of `count` elements at this place has that index.
    pub(super) fn contains(&self, index: u32, count: u32) -> bool {
        index < count || (count == 0 && self.last)
    }

    /// What a relocation of that kind asks, answered by the types the place is in.
    pub(super) fn aspect(
        &self,
        btf: &Btf,
        kind: CoreKind,
        text: &str,
    ) -> Result<Aspect, CoreError> {
        if kind == CoreKind::FieldExists {
            return Ok(Aspect::certain(1));
        }
        match self.landmark {
            Landmark::Element(ty) => self.element_aspect(btf, ty, kind, text),
            Landmark::Member { ty, bits: None } => self.member_aspect(btf, ty, kind, text),
            Landmark::Member {
                ty,
                bits: Some(bits),
            } => self.bitfield_aspect(btf, (ty, bits), kind, text),
        }
    }

    fn element_aspect(
        &self,
        btf: &Btf,
        ty: BtfId,
        kind: CoreKind,
        text: &str,
    ) -> Result<Aspect, CoreError> {
        let none = || no_answer(text, kind);
        let size = btf.size_of(ty).ok_or_else(none)?;
        match kind {
            CoreKind::FieldByteOffset => Ok(self.offset(Load { size, ty })),
            CoreKind::FieldByteSize => Ok(Aspect::certain(size)),
            _ => Err(none()),
        }
    }

    fn member_aspect(
        &self,
        btf: &Btf,
        ty: BtfId,
        kind: CoreKind,
        text: &str,
    ) -> Result<Aspect, CoreError> {
        let none = || no_answer(text, kind);
        let size = btf.size_of(ty).ok_or_else(none)?;
        match kind {
            CoreKind::FieldByteOffset => Ok(self.offset(Load { size, ty })),
            CoreKind::FieldByteSize => Ok(Aspect::certain(size)),
            CoreKind::FieldSigned => Ok(Aspect::certain(signed(btf, ty))),
            // A field of more than eight bytes gives nonsense, and libbpf the same.
            CoreKind::FieldLshiftU64 => {
                let end = self.bit_offset % 8 + size * 8;
                Ok(Aspect::certain(shift(end)))
            }
            CoreKind::FieldRshiftU64 => Ok(Aspect::certain(shift(size * 8))),
            _ => Err(none()),
        }
    }

    fn bitfield_aspect(
        &self,
        btf: &Btf,
        (ty, bits): (BtfId, u32),
        kind: CoreKind,
        text: &str,
    ) -> Result<Aspect, CoreError> {
        let bits = u64::from(bits);
        let type_size = btf.size_of(ty).ok_or_else(|| no_answer(text, kind))?;
        let wide = || CoreError::WideBitfield {
            field: text.to_owned(),
        };
        let (byte_offset, size) =
            covering_load(self.bit_offset, bits, type_size).ok_or_else(wide)?;
        match kind {
            CoreKind::FieldByteOffset => Ok(Aspect::free(byte_offset)),
            CoreKind::FieldByteSize => Ok(Aspect::free(size)),
            CoreKind::FieldSigned => Ok(Aspect::certain(signed(btf, ty))),
            CoreKind::FieldLshiftU64 => {
                let end = self.bit_offset + bits - byte_offset * 8;
                Ok(Aspect::free(shift(end)))
            }
            CoreKind::FieldRshiftU64 => Ok(Aspect::certain(shift(bits))),
            _ => Err(no_answer(text, kind)),
        }
    }

    fn offset(&self, load: Load) -> Aspect {
        Aspect {
            load: Some(load),
            ..Aspect::certain(self.bit_offset / 8)
        }
    }
}

impl Aspect {
    fn certain(value: u64) -> Aspect {
        Aspect {
            value,
            certain: true,
            load: None,
        }
    }

    fn free(value: u64) -> Aspect {
        Aspect {
            certain: false,
            ..Aspect::certain(value)
        }
    }
}

impl Access {
    /// The same access from a candidate root of the target, if it is one there. The error says why
    /// the candidate cannot be compared.
    pub(super) fn find_in(
        &self,
        sides: Sides<'_>,
        root: BtfId,
        fuel: &mut Fuel,
    ) -> Result<Option<Place>, FindError> {
        let target = sides.target;
        // As many indexes as an access string may have.
        let mut room = MAX_DEPTH - 1;
        let Some((Step::Element(first), steps)) = self.steps.split_first() else {
            return Ok(None);
        };
        let mut place = Place::root(target, root, *first).ok_or(FindError::Unsized)?;
        for step in steps {
            place = match step {
                Step::Element(index) => {
                    let Type::Array { elem, count, .. } = target.resolved(place.ty) else {
                        return Ok(None);
                    };
                    if !place.contains(*index, count) {
                        return Ok(None);
                    }
                    room = room.checked_sub(1).ok_or(FindError::TooDeep)?;
                    place
                        .element(target, elem, *index)
                        .ok_or(FindError::Unsized)?
                }
                Step::Member { name, ty } => {
                    let search = target.search_member(place.ty, name);
                    fuel.spend(search.steps)?;
                    if search.deepest > room {
                        return Err(FindError::TooDeep);
                    }
                    room -= search.depth;
                    let Some(found) = search.found else {
                        return Ok(None);
                    };
                    let pair = Pair {
                        local: *ty,
                        target: found.member.ty,
                    };
                    if !sides.fields(pair) {
                        return Ok(None);
                    }
                    place.member(&found).ok_or(FindError::Unsized)?
                }
            };
        }
        Ok(Some(place))
    }
}

/// Why an access cannot be followed in a candidate.
#[derive(Debug)]
pub(super) enum FindError {
    /// Something on the way has no size, or is too far away.
    Unsized,
    /// The field is in too many structures.
    TooDeep,
    /// Out of fuel.
    Fuel(CoreError),
}

impl From<CoreError> for FindError {
    fn from(error: CoreError) -> FindError {
        FindError::Fuel(error)
    }
}

fn no_answer(text: &str, kind: CoreKind) -> CoreError {
    CoreError::NoAnswer {
        subject: text.to_owned(),
        kind,
    }
}

/// A bit offset whose bytes an instruction can name.
fn near(bit_offset: u64) -> Option<u64> {
    (bit_offset <= u64::from(u32::MAX) * 8).then_some(bit_offset)
}

/// By how much a word is shifted so that the lowest `bits` are at its upper end; a number of 32
/// bits, as libbpf computes it, where there are more than 64.
fn shift(bits: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "libbpf computes in 32 bits"
    )]
    let bits = bits as u32;
    u64::from(64_u32.wrapping_sub(bits))
}

/// Whether a type is a signed integer or enumeration.
fn signed(btf: &Btf, ty: BtfId) -> u64 {
    u64::from(match btf.resolved(ty) {
        Type::Int { encoding, .. } => encoding == Encoding::Signed,
        Type::Enum(enumeration) | Type::Enum64(enumeration) => enumeration.signed,
        _ => false,
    })
}

/// The aligned load that covers a bit-field, no smaller than its type.
pub(super) fn covering_load(bit_offset: u64, bits: u64, type_size: u64) -> Option<(u64, u64)> {
    let mut size = type_size.max(1);
    loop {
        let offset = bit_offset / 8 / size * size;
        if bit_offset + bits <= (offset + size) * 8 {
            return Some((offset, size));
        }
        if size >= POINTER_SIZE {
            return None;
        }
        size *= 2;
    }
}

/// Whether a load or store of the field must change its size, and can.
pub(super) fn resize(sides: Sides<'_>, local: &Aspect, target: &Aspect) -> Resize {
    let size = |aspect: &Aspect| aspect.load.map_or(0, |load| load.size);
    let (from, to) = (size(local), size(target));
    if from == to {
        return Resize::Keep;
    }
    let ty = |btf: &Btf, aspect: &Aspect| {
        let ty = aspect.load.map_or(Type::Void, |load| btf.resolved(load.ty));
        match ty {
            Type::Ptr { .. } => Extension::Pointer,
            Type::Int { encoding, .. } if encoding != Encoding::Signed => Extension::Zero,
            _ => Extension::Other,
        }
    };
    match (ty(sides.local, local), ty(sides.target, target)) {
        (Extension::Pointer, Extension::Pointer) | (Extension::Zero, Extension::Zero) => {
            Resize::Change { from, to }
        }
        _ => Resize::Impossible,
    }
}

/// What a smaller load makes of the upper bits.
enum Extension {
    /// Zeros, as of a pointer of another machine.
    Pointer,
    /// Zeros, as of an unsigned integer.
    Zero,
    /// Something else.
    Other,
}
