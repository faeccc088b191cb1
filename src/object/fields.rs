//! Special fields: what a type holds beside data, which the kernel itself manages.
//!
//! A spin lock, timer, pointer to a kernel object, list or tree in the values of a map, or in the objects that
//! programs allocate. Where they are follows from the types alone; what may be done with them is for the verifier and
//! the maps to say.
//!
//! Rules:
//! - Fields are found in structures, nested ones and arrays included; unions, typedefs of the structures and what is
//!   not aligned hold none.
//! - A type whose fields are broken has none at all, as in Linux, which leaves it to who uses them to say so.
//!
//! Kernel: `btf_parse_fields` and `btf_find_field` in kernel/bpf/btf.c, 6.12.

use crate::abi::MapType;
use crate::abi::map_type::flag::{RDONLY_PROG, WRONLY_PROG};
use crate::btf::{Btf, BtfId, KindFilter, Type};

/// Types nested deeper than this are not looked into (`MAX_RESOLVE_DEPTH`).
const MAX_NESTING: usize = 32;
/// So many declarations are looked at within one type: broken types could make that endless.
const MAX_VISITS: u32 = 100_000;
/// The most special fields of one type (`BTF_FIELDS_MAX`).
const MAX_FIELDS: usize = 11;
/// What a tag starts with that says what a list or tree holds.
const CONTAINS: &str = "contains:";

/// A special field of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where in the type.
    pub offset: u32,
    /// What it is.
    pub kind: FieldKind,
}

/// The kinds of special fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `struct bpf_spin_lock`.
    SpinLock,
    /// `struct bpf_timer`.
    Timer,
    /// `struct bpf_wq`.
    WorkQueue,
    /// A pointer to an object.
    Kptr(Kptr),
    /// `struct bpf_list_head`.
    ListHead(Root),
    /// `struct bpf_list_node`.
    ListNode,
    /// `struct bpf_rb_root`.
    RbRoot(Root),
    /// `struct bpf_rb_node`.
    RbNode,
    /// `struct bpf_refcount`.
    Refcount,
}

/// A field that points to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kptr {
    /// Who may store what in it.
    pub hold: KptrHold,
    /// The structure that it points to, in the types of the program.
    pub pointee: BtfId,
}

/// What a field that points to an object means to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KptrHold {
    /// Nothing: the object may go away (`__kptr_untrusted`).
    None,
    /// It holds a reference (`__kptr`).
    Reference,
    /// It holds memory of each CPU (`__percpu_kptr`).
    PerCpu,
}

/// What a list or tree holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The structure, in the types of the program.
    pub value: BtfId,
    /// Where in it the node is that links it.
    pub node_offset: u32,
}

impl FieldKind {
    /// What the kernel calls it.
    pub fn name(&self) -> &'static str {
        match self {
            FieldKind::SpinLock => "bpf_spin_lock",
            FieldKind::Timer => "bpf_timer",
            FieldKind::WorkQueue => "bpf_wq",
            FieldKind::Kptr(Kptr {
                hold: KptrHold::PerCpu,
                ..
            }) => "percpu_kptr",
            FieldKind::Kptr(_) => "kptr",
            FieldKind::ListHead(_) => "bpf_list_head",
            FieldKind::ListNode => "bpf_list_node",
            FieldKind::RbRoot(_) => "bpf_rb_root",
            FieldKind::RbNode => "bpf_rb_node",
            FieldKind::Refcount => "bpf_refcount",
        }
    }

    /// How many bytes it has.
    pub fn size(&self) -> u32 {
        match self {
            FieldKind::SpinLock | FieldKind::Refcount => 4,
            FieldKind::Kptr(_) => 8,
            FieldKind::Timer
            | FieldKind::WorkQueue
            | FieldKind::ListHead(_)
            | FieldKind::RbRoot(_) => 16,
            FieldKind::ListNode => 24,
            FieldKind::RbNode => 32,
        }
    }

    fn alignment(&self) -> u32 {
        self.size().min(8)
    }

    /// Whether it links an object into a list or tree.
    pub fn is_node(&self) -> bool {
        matches!(self, FieldKind::ListNode | FieldKind::RbNode)
    }

    /// Whether objects hang on it.
    pub fn is_root(&self) -> bool {
        self.root().is_some()
    }

    /// What hangs on it, if it is a list or tree.
    pub fn root(&self) -> Option<Root> {
        match self {
            FieldKind::ListHead(root) | FieldKind::RbRoot(root) => Some(*root),
            FieldKind::SpinLock
            | FieldKind::Timer
            | FieldKind::WorkQueue
            | FieldKind::Kptr(_)
            | FieldKind::ListNode
            | FieldKind::RbNode
            | FieldKind::Refcount => None,
        }
    }

    /// Whether values of that type of map may have it (`map_check_btf`).
    fn fits(&self, map_type: MapType) -> bool {
        let is_local = matches!(
            map_type,
            MapType::SkStorage
                | MapType::InodeStorage
                | MapType::TaskStorage
                | MapType::CgrpStorage
        );
        let is_hash_or_array = matches!(map_type, MapType::Hash | MapType::Array);
        let is_lru = map_type == MapType::LruHash;
        match self {
            FieldKind::SpinLock => {
                is_hash_or_array || is_local || map_type == MapType::CgroupStorage
            }
            FieldKind::Timer
            | FieldKind::WorkQueue
            | FieldKind::ListHead(_)
            | FieldKind::RbRoot(_) => is_hash_or_array || is_lru,
            FieldKind::Kptr(_) | FieldKind::Refcount => {
                let per_cpu = [
                    MapType::PercpuHash,
                    MapType::LruPercpuHash,
                    MapType::PercpuArray,
                ];
                is_hash_or_array || is_lru || is_local || per_cpu.contains(&map_type)
            }
            FieldKind::ListNode | FieldKind::RbNode => false,
        }
    }

    /// Whether a structure may have only one of them.
    fn is_single(&self) -> bool {
        matches!(
            self,
            FieldKind::SpinLock | FieldKind::Timer | FieldKind::WorkQueue | FieldKind::Refcount
        )
    }

    /// Whether an array may have it for an element.
    fn may_repeat(&self) -> bool {
        self.is_root() || matches!(self, FieldKind::Kptr(_))
    }
}

/// Where fields are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// In the values of a map.
    Value,
    /// In an object that programs allocate.
    Object,
}

impl Within {
    /// Whether such a field means something there.
    fn has(self, kind: &FieldKind) -> bool {
        match self {
            Within::Value => !kind.is_node(),
            Within::Object => !matches!(kind, FieldKind::Timer | FieldKind::WorkQueue),
        }
    }
}

/// Why a type has no valid fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// More than one lock, timer, work queue or reference count, or too many fields.
    #[error("a type has more special fields than it may")]
    TooMany,
    /// Two share bytes.
    #[error("special fields overlap")]
    Overlap,
    /// A pointer's tags, a list's contents or an array of what may not repeat make no sense.
    #[error("a special field is declared wrongly")]
    Invalid,
    /// What a list or tree is said to hold does not exist.
    #[error("what a list or tree holds does not exist")]
    Missing,
    /// A list or tree without a spin lock beside it.
    #[error("a list or tree without a spin lock")]
    Unlocked,
    /// Nodes of a list and of a tree without a reference count.
    #[error("a node of a list and of a tree without a reference count")]
    Uncounted,
}

/// The special fields of a type, by rising offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    list: Vec<Field>,
}

impl Fields {
    /// Those of a map's values, of a structure or a section of variables.
    ///
    /// # Errors
    /// The fields are broken.
    pub fn of_value(btf: &Btf, ty: BtfId) -> Result<Fields, FieldsError> {
        Fields::find(btf, ty, Within::Value)
    }

    /// Those of a structure that programs allocate.
    ///
    /// # Errors
    /// The fields are broken.
    pub fn of_object(btf: &Btf, ty: BtfId) -> Result<Fields, FieldsError> {
        Fields::find(btf, ty, Within::Object)
    }

    fn find(btf: &Btf, ty: BtfId, within: Within) -> Result<Fields, FieldsError> {
        let mut search = Search {
            btf,
            within,
            left: MAX_VISITS,
        };
        let mut list = match btf.ty(btf.resolve(ty)) {
            Type::Datasec { .. } => search.section(btf.resolve(ty))?,
            Type::Struct(_) => search.structure(btf.resolve(ty), MAX_NESTING)?,
            _ => Vec::new(),
        };
        check_order(&list)?;
        list.sort_by_key(|field| field.offset);
        let fields = Fields { list };
        let locked = fields.lock().is_some();
        if fields.iter().any(|field| field.kind.is_root()) && !locked {
            return Err(FieldsError::Unlocked);
        }
        let both = fields.has(&FieldKind::ListNode) && fields.has(&FieldKind::RbNode);
        if both && !fields.has(&FieldKind::Refcount) {
            return Err(FieldsError::Uncounted);
        }
        Ok(fields)
    }

    /// Whether maps of that type and with those flags may have them; to one that may not, libbpf gives no types.
    pub fn fit(&self, map_type: MapType, flags: u32) -> bool {
        let is_closed = flags & (RDONLY_PROG | WRONLY_PROG) != 0;
        self.is_empty() || !is_closed && self.iter().all(|field| field.kind.fits(map_type))
    }

    /// All, by rising offset.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.list.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The one that starts at an offset.
    pub fn at(&self, offset: i64) -> Option<&Field> {
        self.iter().find(|field| i64::from(field.offset) == offset)
    }

    /// Whether a field without contents of its own is among them.
    pub fn has(&self, kind: &FieldKind) -> bool {
        self.iter().any(|field| field.kind == *kind)
    }

    /// Where the first of a kind without contents of its own is.
    pub fn offset_of(&self, kind: &FieldKind) -> Option<u32> {
        let mut of_kind = self.iter().filter(|field| field.kind == *kind);
        of_kind.next().map(|field| field.offset)
    }

    /// Where the spin lock is.
    pub fn lock(&self) -> Option<u32> {
        self.offset_of(&FieldKind::SpinLock)
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<T: IntoIterator<Item = Field>>(fields: T) -> Fields {
        let mut list: Vec<Field> = fields.into_iter().collect();
        list.sort_by_key(|field| field.offset);
        Fields { list }
    }
}

/// Fields must follow each other as they are declared.
fn check_order(list: &[Field]) -> Result<(), FieldsError> {
    let mut end = 0;
    for (index, field) in list.iter().enumerate() {
        if field.offset < end {
            return Err(FieldsError::Overlap);
        }
        end = field.offset.saturating_add(field.kind.size());
        let before = list.get(..index).unwrap_or_default();
        if field.kind.is_single() && before.iter().any(|other| other.kind == field.kind) {
            return Err(FieldsError::TooMany);
        }
    }
    Ok(())
}

/// A declaration that may be, or hold, special fields.
#[derive(Clone, Copy, Debug)]
struct Declared {
    ty: BtfId,
    offset: u32,
    /// What carries the tags on it: a structure and the member's index, or a variable.
    tagged: (BtfId, Option<u32>),
}

/// A walk through a type.
struct Search<'a> {
    btf: &'a Btf,
    within: Within,
    /// How many declarations it may still look at.
    left: u32,
}

type Found = Result<Vec<Field>, FieldsError>;

impl Search<'_> {
    fn section(&mut self, id: BtfId) -> Found {
        let Type::Datasec { entries, .. } = self.btf.ty(id) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for entry in entries.iter() {
            let Type::Var { ty, .. } = self.btf.ty(entry.var) else {
                continue;
            };
            let declared = Declared {
                ty,
                offset: entry.offset,
                tagged: (entry.var, None),
            };
            extend(&mut found, self.declared(declared, MAX_NESTING)?)?;
        }
        Ok(found)
    }

    fn structure(&mut self, id: BtfId, depth: usize) -> Found {
        let Type::Struct(composite) = self.btf.ty(id) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (index, member) in (0..).zip(composite.members.iter()) {
            if member.bitfield_size.is_some() || !member.bit_offset.is_multiple_of(8) {
                continue;
            }
            let declared = Declared {
                ty: member.ty,
                offset: member.bit_offset / 8,
                tagged: (id, Some(index)),
            };
            extend(&mut found, self.declared(declared, depth)?)?;
        }
        Ok(found)
    }

    fn declared(&mut self, declared: Declared, depth: usize) -> Found {
        self.left = self.left.checked_sub(1).ok_or(FieldsError::TooMany)?;
        let (ty, count) = self.element(declared.ty)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let ty_is = self.btf.ty(ty);
        if let Type::Struct(composite) = ty_is
            && self.named(composite.name).is_none()
        {
            let depth = depth.checked_sub(1).ok_or(FieldsError::TooMany)?;
            let inner = self.structure(ty, depth)?;
            return repeated(inner, declared.offset, count, composite.size);
        }
        let Some(kind) = self.kind(ty, declared.tagged)? else {
            return Ok(Vec::new());
        };
        if !declared.offset.is_multiple_of(kind.alignment()) {
            return Ok(Vec::new());
        }
        let size = kind.size();
        let field = Field { offset: 0, kind };
        repeated(vec![field], declared.offset, count, size)
    }

    /// The type of an array's elements through all dimensions, and how many there are.
    fn element(&self, ty: BtfId) -> Result<(BtfId, u32), FieldsError> {
        let (mut ty, mut count) = (ty, 1_u32);
        for _ in 0..MAX_NESTING {
            let Type::Array {
                elem, count: more, ..
            } = self.btf.ty(ty)
            else {
                return Ok((ty, count));
            };
            count = count.saturating_mul(more);
            ty = elem;
        }
        Err(FieldsError::TooMany)
    }

    /// The kind of structure of that name, what it holds aside.
    fn named(&self, name: &str) -> Option<FieldKind> {
        let root = Root {
            value: BtfId::VOID,
            node_offset: 0,
        };
        let kind = match name {
            "bpf_spin_lock" => FieldKind::SpinLock,
            "bpf_timer" => FieldKind::Timer,
            "bpf_wq" => FieldKind::WorkQueue,
            "bpf_list_head" => FieldKind::ListHead(root),
            "bpf_list_node" => FieldKind::ListNode,
            "bpf_rb_root" => FieldKind::RbRoot(root),
            "bpf_rb_node" => FieldKind::RbNode,
            "bpf_refcount" => FieldKind::Refcount,
            _ => return None,
        };
        self.within.has(&kind).then_some(kind)
    }

    /// What special field a type is.
    fn kind(
        &self,
        ty: BtfId,
        tagged: (BtfId, Option<u32>),
    ) -> Result<Option<FieldKind>, FieldsError> {
        let Type::Struct(composite) = self.btf.ty(ty) else {
            return Ok(self.kptr(ty)?.map(FieldKind::Kptr));
        };
        let Some(kind) = self.named(composite.name) else {
            return Ok(None);
        };
        if composite.size != kind.size() {
            return Ok(None);
        }
        Ok(Some(match kind {
            FieldKind::ListHead(_) => FieldKind::ListHead(self.root(tagged, "bpf_list_node")?),
            FieldKind::RbRoot(_) => FieldKind::RbRoot(self.root(tagged, "bpf_rb_node")?),
            FieldKind::SpinLock
            | FieldKind::Timer
            | FieldKind::WorkQueue
            | FieldKind::Kptr(_)
            | FieldKind::ListNode
            | FieldKind::RbNode
            | FieldKind::Refcount => kind,
        }))
    }

    /// A pointer that a tag makes one to an object.
    fn kptr(&self, ty: BtfId) -> Result<Option<Kptr>, FieldsError> {
        let btf = self.btf;
        let ty = match btf.ty(ty) {
            Type::Volatile { to } => to,
            _ => ty,
        };
        let Type::Ptr { to } = btf.ty(ty) else {
            return Ok(None);
        };
        let Type::TypeTag { name, to } = btf.ty(to) else {
            return Ok(None);
        };
        let hold = match name {
            _ if matches!(btf.ty(to), Type::TypeTag { .. }) => return Err(FieldsError::Invalid),
            "kptr_untrusted" => KptrHold::None,
            "kptr" => KptrHold::Reference,
            "percpu_kptr" => KptrHold::PerCpu,
            _ => return Err(FieldsError::Invalid),
        };
        let pointee = btf.resolve(to);
        match btf.ty(pointee) {
            Type::Struct(_) => Ok(Some(Kptr { hold, pointee })),
            _ => Err(FieldsError::Invalid),
        }
    }

    /// What the tag `contains:STRUCT:MEMBER` on a list or tree says.
    fn root(
        &self,
        (tagged, component): (BtfId, Option<u32>),
        node: &str,
    ) -> Result<Root, FieldsError> {
        let tags = self.btf.decl_tags(tagged);
        let mut tags = tags
            .filter(|(of, _)| *of == component)
            .filter_map(|(_, tag)| tag.strip_prefix(CONTAINS));
        let tag = tags.next().ok_or(FieldsError::Invalid)?;
        if tags.next().is_some() {
            return Err(FieldsError::Overlap);
        }
        let (value, member) = tag.split_once(':').ok_or(FieldsError::Invalid)?;
        let value = self.btf.find(value, KindFilter::STRUCT);
        let value = value.ok_or(FieldsError::Missing)?;
        let Type::Struct(composite) = self.btf.ty(value) else {
            return Err(FieldsError::Missing);
        };
        let mut members = composite.members.iter().filter(|one| one.name == member);
        let found = members.next().filter(|one| !one.name.is_empty());
        let found = found.ok_or(FieldsError::Missing)?;
        let is_node = matches!(self.btf.ty(found.ty), Type::Struct(inner) if inner.name == node);
        if !is_node || members.next().is_some() || !found.bit_offset.is_multiple_of(64) {
            return Err(FieldsError::Invalid);
        }
        Ok(Root {
            value,
            node_offset: found.bit_offset / 8,
        })
    }
}

/// Fields found within something at an offset that repeats.
fn repeated(inner: Vec<Field>, offset: u32, count: u32, size: u32) -> Found {
    let total = inner.len().saturating_mul(count as usize);
    if total > MAX_FIELDS {
        return Err(FieldsError::TooMany);
    }
    if count > 1 && inner.iter().any(|field| !field.kind.may_repeat()) {
        return Err(FieldsError::Invalid);
    }
    let mut found = Vec::with_capacity(total);
    for index in 0..count.min(u32::try_from(total).unwrap_or(0)) {
        let start = offset.saturating_add(index.saturating_mul(size));
        found.extend(inner.iter().map(|field| Field {
            offset: start.saturating_add(field.offset),
            kind: field.kind.clone(),
        }));
    }
    Ok(found)
}

fn extend(found: &mut Vec<Field>, more: Vec<Field>) -> Result<(), FieldsError> {
    found.extend(more);
    match found.len() > MAX_FIELDS {
        true => Err(FieldsError::TooMany),
        false => Ok(()),
    }
}
