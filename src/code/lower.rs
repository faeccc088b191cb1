//! From instructions to operations: one pass numbers them, one translates.
//!
//! It judges nothing: a [`Verified`] program is believed, and of a program nobody judged only what
//! a run could not survive is refused (a jump out of the program, a helper without a body).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::bindings::{Bindings, MapBinding};
use super::known::{self, ArrayId, Known};
use super::op::{Atomic, Branch, CallId, EntryId, Load, Op, Place, Target};
use super::refusal::{LowerError, no_helper};
use super::{Checks, Code, Derived, Entry, MovedField, STACK_SIZE};
use crate::abi::context::{self, Field, Shape};
use crate::helpers;
use crate::isa::{
    AddrSpaceCast, AluOp, CallTarget, Imm64, Insn, Operand, Pc, Reg, Size, Width, decode_program,
};
use crate::maps::{Casts, Map};
use crate::object::{KernelCall, Program};
use crate::verifier::{AccessKind, Fact, Loops, Verified, exception_callback};

/// Lowers a judged program.
pub fn lower(verified: &Verified, bindings: &Bindings) -> Result<Code, LowerError> {
    let judged = Judged {
        facts: &verified.facts,
        stack_depths: &verified.stack_depths,
        calls: &verified.kernel_calls,
        loops: &verified.loops,
    };
    Lowering::new(&verified.program, &verified.insns, Some(judged), bindings)?.finish()
}

/// Lowers a program that nobody judged: nothing is dropped, nothing is known of what it accesses.
pub fn lower_unverified(program: &Program, bindings: &Bindings) -> Result<Code, LowerError> {
    let insns =
        decode_program(&program.code).map_err(|(pc, source)| LowerError::Decode { pc, source })?;
    Lowering::new(program, &insns, None, bindings)?.finish()
}

/// What the verifier learnt.
#[derive(Clone, Copy)]
struct Judged<'a> {
    facts: &'a [Fact],
    stack_depths: &'a [u32],
    calls: &'a BTreeMap<Pc, KernelCall>,
    loops: &'a Loops,
}

/// One program on its way.
struct Lowering<'a> {
    program: &'a Program,
    insns: &'a [Insn],
    judged: Option<Judged<'a>>,
    bindings: &'a Bindings,
    context: context::Context,
    moved: Vec<MovedField>,
    /// Where the function starts that runs when the program throws.
    exception: Option<Pc>,
    /// The operation of each slot; none for second halves.
    targets: Vec<Option<Target>>,
    entries: Vec<Pc>,
    /// Where jumps lead.
    jumped_to: BTreeSet<Pc>,
    /// The program's arrays, by index of the map.
    arrays: BTreeMap<usize, ArrayId>,
    /// The program's arena.
    arena: Option<Arc<Map>>,
}

impl<'a> Lowering<'a> {
    fn new(
        program: &'a Program,
        insns: &'a [Insn],
        judged: Option<Judged<'a>>,
        bindings: &'a Bindings,
    ) -> Result<Lowering<'a>, LowerError> {
        let context = context::of_attached(program.prog_type, program.attach_type);
        let mut lowering = Lowering {
            program,
            insns,
            judged,
            bindings,
            context,
            moved: moved_fields(&context),
            exception: exception_callback(program),
            targets: Vec::new(),
            entries: Vec::new(),
            jumped_to: jumped_to(insns),
            arrays: arrays(&bindings.maps),
            arena: None,
        };
        lowering.arena = lowering.find_arena()?;
        lowering.number();
        lowering.entries = lowering.find_entries()?;
        Ok(lowering)
    }

    /// The translation itself.
    fn finish(self) -> Result<Code, LowerError> {
        let (mut ops, mut pcs, mut maps) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (pc, insn) in (0..).map(Pc).zip(self.insns.iter().copied()) {
            if self.starts_op(pc) {
                let op = if self.is_reached(pc) {
                    maps.extend(self.map_given(pc, insn).map(|map| (ops.len(), map)));
                    self.translate(pc, insn)?
                } else {
                    Op::Unreached
                };
                ops.push(op);
                pcs.push(pc);
            }
        }
        let last = ops.last().ok_or(LowerError::Empty)?;
        if last.falls_through() {
            return Err(LowerError::FallsOffEnd {
                pc: pcs.last().copied().unwrap_or_default(),
            });
        }
        Ok(Code {
            name: Arc::from(self.program.name.as_str()),
            id: OnceLock::new(),
            prog_type: self.program.prog_type,
            ops,
            pcs,
            entries: self.entries.iter().map(|pc| self.entry(*pc)).collect(),
            exception: self.exception(),
            called_back: self.called_back(),
            moved: self.moved,
            arrays: self
                .bindings
                .maps
                .iter()
                .filter_map(|map| map.array.clone())
                .collect(),
            maps,
            arena: self
                .arena
                .as_ref()
                .and_then(|map| Some(Arc::clone(map.arena()?.pages()))),
            calls: self
                .judged
                .into_iter()
                .flat_map(|judged| judged.calls.values())
                .map(|call| call.facts.clone())
                .collect(),
            checks: match self.judged {
                Some(_) => Checks::Proven,
                None => Checks::Needed,
            },
            derived: Derived::default(),
        })
    }

    /// Gives each slot the index its operation will have.
    fn number(&mut self) {
        let mut next = 0;
        let mut targets = Vec::with_capacity(self.insns.len());
        for (pc, insn) in (0..).map(Pc).zip(self.insns) {
            if self.starts_op(pc) {
                next += 1;
            }
            // A slot in the middle of an unreached run shares the run's operation.
            let has_op = !matches!(insn, Insn::Imm64High);
            targets.push(has_op.then_some(Target(next).previous()));
        }
        self.targets = targets;
    }

    /// Whether an operation is made of this slot: not of second halves, and of a run of unreached
    /// slots only of the first.
    fn starts_op(&self, pc: Pc) -> bool {
        if matches!(self.insns.get(pc.index()), Some(Insn::Imm64High) | None) {
            return false;
        }
        let before = (0..pc.0).rev().map(Pc).find(|slot| !self.is_high(*slot));
        self.is_reached(pc) || before.is_none_or(|slot| self.is_reached(slot))
    }

    fn is_high(&self, pc: Pc) -> bool {
        matches!(self.insns.get(pc.index()), Some(Insn::Imm64High))
    }

    fn is_reached(&self, pc: Pc) -> bool {
        match self.judged {
            Some(judged) => judged
                .facts
                .get(pc.index())
                .is_some_and(|fact| fact.reached),
            None => true,
        }
    }

    /// The starts of all functions that something calls, the program's own first.
    fn find_entries(&self) -> Result<Vec<Pc>, LowerError> {
        let mut starts = BTreeSet::from([Pc(0)]);
        for (pc, insn) in (0..).map(Pc).zip(self.insns) {
            let off = match insn {
                Insn::Call(CallTarget::Local(off)) => *off,
                Insn::LoadImm64 {
                    value: Imm64::Func(off),
                    ..
                } => *off,
                _ => continue,
            };
            self.target(pc, off)?;
            starts.extend(pc.target(off));
        }
        starts.extend(self.exception.filter(|pc| self.is_reached(*pc)));
        Ok(starts.into_iter().collect())
    }

    fn exception(&self) -> Option<EntryId> {
        self.entry_at(self.exception?)
    }

    fn called_back(&self) -> Vec<EntryId> {
        let judged = self.judged.into_iter();
        let starts = judged.flat_map(|judged| &judged.loops.called_back);
        starts.filter_map(|start| self.entry_at(*start)).collect()
    }

    /// The entry that starts there.
    fn entry_at(&self, start: Pc) -> Option<EntryId> {
        let index = self.entries.binary_search(&start).ok()?;
        u32::try_from(index).ok().map(EntryId)
    }

    fn entry(&self, pc: Pc) -> Entry {
        let index = self
            .program
            .subprogs
            .iter()
            .position(|subprog| subprog.start == pc);
        let subprog = index.and_then(|index| self.program.subprogs.get(index));
        let name = match subprog {
            Some(subprog) => Arc::from(subprog.name.as_str()),
            None if pc == Pc(0) => Arc::from(self.program.name.as_str()),
            None => Arc::from(format!("subprog_{pc}")),
        };
        let judged = self.judged.zip(index);
        let stack = judged.and_then(|(judged, index)| judged.stack_depths.get(index).copied());
        let start = self
            .targets
            .get(pc.index())
            .copied()
            .flatten()
            .unwrap_or_default();
        Entry {
            name,
            pc,
            start,
            stack: stack.unwrap_or(STACK_SIZE),
        }
    }

    fn target(&self, pc: Pc, off: i32) -> Result<Target, LowerError> {
        pc.target(off)
            .and_then(|to| self.targets.get(to.index()).copied().flatten())
            .ok_or(LowerError::BadTarget { pc, off })
    }

    fn entry_id(&self, pc: Pc, off: i32) -> Result<EntryId, LowerError> {
        pc.target(off)
            .and_then(|to| self.entries.binary_search(&to).ok())
            .and_then(|index| u32::try_from(index).ok())
            .map(EntryId)
            .ok_or(LowerError::BadTarget { pc, off })
    }

    fn translate(&self, pc: Pc, insn: Insn) -> Result<Op, LowerError> {
        Ok(match insn {
            Insn::Alu {
                width,
                op,
                dst,
                src,
            } => alu(self.width_of(pc, width), op, dst, src),
            Insn::Neg { width, dst } => Op::Neg { width, dst },
            Insn::MovSx {
                width,
                from,
                dst,
                src,
            } => Op::MovSx {
                width,
                from,
                dst,
                src,
            },
            Insn::Endian { order, size, dst } => Op::Endian { order, size, dst },
            Insn::AddrSpaceCast { cast, dst, src } => self.cast(pc, cast, (dst, src))?,
            Insn::LoadImm64 { dst, value } => Op::LoadImm {
                dst,
                value: self.imm64(pc, value)?,
            },
            Insn::Imm64High => Op::Unreached,
            Insn::Load {
                size,
                extend,
                dst,
                base,
                off,
            } => {
                let at = Place {
                    size,
                    base,
                    off: i32::from(off),
                };
                self.load(pc, Load { extend, dst, at })?
            }
            Insn::Store {
                size,
                base,
                off,
                src,
            } => self.store(
                pc,
                Place {
                    size,
                    base,
                    off: i32::from(off),
                },
                src,
            )?,
            Insn::Atomic {
                op,
                width,
                base,
                off,
                src,
            } => {
                let size = match width {
                    Width::W32 => Size::W,
                    Width::W64 => Size::DW,
                };
                let at = Place {
                    size,
                    base,
                    off: i32::from(off),
                };
                let atomic = Atomic { op, src, at };
                match self.may_be_in_arena(pc, base) {
                    true => Op::AtomicArena(atomic),
                    false => Op::Atomic(atomic),
                }
            }
            Insn::LegacyLoad { size, mode, imm } => Op::LegacyLoad { size, mode, imm },
            Insn::Jump { form: _, off } => Op::Jump {
                target: self.target(pc, off)?,
            },
            Insn::JumpIf {
                width,
                op,
                dst,
                src,
                off,
            } => {
                let target = self.target(pc, i32::from(off))?;
                let branch = Branch {
                    width,
                    op,
                    dst,
                    target,
                };
                match src {
                    Operand::Reg(src) => Op::JumpIfReg { branch, src },
                    Operand::Imm(imm) => Op::JumpIfImm { branch, imm },
                }
            }
            Insn::MayGoto { off } => Op::MayGoto {
                target: self.target(pc, i32::from(off))?,
            },
            Insn::Call(target) => self.call(pc, target)?,
            Insn::Exit => Op::Exit,
        })
    }

    /// The arena that the program refers to, be it where no path leads.
    fn find_arena(&self) -> Result<Option<Arc<Map>>, LowerError> {
        let mut found: Option<&Arc<Map>> = None;
        for (pc, insn) in (0..).map(Pc).zip(self.insns) {
            let Insn::LoadImm64 { value, .. } = insn else {
                continue;
            };
            let Some(map) = self.map_named(*value).filter(|map| map.arena().is_some()) else {
                continue;
            };
            if found.is_some_and(|found| found.id != map.id) {
                return Err(LowerError::SecondArena { pc });
            }
            found = Some(map);
        }
        Ok(found.cloned())
    }

    /// The map that an immediate names.
    fn map_named(&self, value: Imm64) -> Option<&Arc<Map>> {
        let index = match value {
            Imm64::MapFd(index) | Imm64::MapIdx(index) => index,
            Imm64::MapValue { fd: index, .. } | Imm64::MapIdxValue { index, .. } => index,
            Imm64::Value(_) | Imm64::BtfVar { .. } | Imm64::Func(_) => return None,
        };
        let index = usize::try_from(index).ok()?;
        self.bindings.maps.get(index)?.map.as_ref()
    }

    /// Arithmetic with pointers into the arena has 32 bits.
    fn width_of(&self, pc: Pc, width: Width) -> Width {
        let facts = self.judged.and_then(|judged| judged.facts.get(pc.index()));
        match facts.is_some_and(|fact| fact.computes_in_arena) {
            true => Width::W32,
            false => width,
        }
    }

    /// A cast: pointers of programs are the low half of those of user space.
    fn cast(&self, pc: Pc, cast: AddrSpaceCast, (dst, src): (Reg, Reg)) -> Result<Op, LowerError> {
        let arena = self.arena.as_ref().and_then(|map| map.arena());
        let arena = arena.ok_or(LowerError::NoArena { pc })?;
        Ok(match (cast, arena.casts()) {
            (AddrSpaceCast::ToArena, Casts::ToUser) => Op::Cast {
                dst,
                src,
                base: arena.pages().user_base(),
            },
            (AddrSpaceCast::ToKernel, _) | (AddrSpaceCast::ToArena, Casts::LowHalf) => {
                let op = AluOp::Mov;
                Op::Alu32Reg { op, dst, src }
            }
        })
    }

    /// Whether an access is one of the arena or, where nobody judged, may be.
    fn may_be_in_arena(&self, pc: Pc, base: Reg) -> bool {
        match self.judged {
            Some(_) => self.access(pc) == Some(AccessKind::Arena),
            None => self.arena.is_some() && base != Reg::FP,
        }
    }

    fn imm64(&self, pc: Pc, value: Imm64) -> Result<u64, LowerError> {
        match value {
            Imm64::Value(value) => Ok(value),
            Imm64::MapFd(index) | Imm64::MapIdx(index) => Ok(self.map(pc, index)?.handle),
            Imm64::MapValue { fd: index, off } | Imm64::MapIdxValue { index, off } => {
                let value = self.map(pc, index)?.value;
                let value = value.ok_or(LowerError::NoMapValue { pc, index })?;
                Ok(value.wrapping_add(u64::from(off)))
            }
            Imm64::BtfVar { id, btf_fd: _ } => {
                let address = self.bindings.variables.get(&id);
                address.copied().ok_or(LowerError::NoVariable { pc, id })
            }
            Imm64::Func(off) => Ok(Code::handle_of(self.entry_id(pc, off)?)),
        }
    }

    fn map(&self, pc: Pc, index: i32) -> Result<&MapBinding, LowerError> {
        let at = usize::try_from(index).ok();
        let map = at.and_then(|at| self.bindings.maps.get(at));
        map.ok_or(LowerError::NoMap { pc, index })
    }

    fn load(&self, pc: Pc, load: Load) -> Result<Op, LowerError> {
        Ok(match self.access(pc) {
            Some(AccessKind::Plain | AccessKind::Socket(_)) => Op::Load(load),
            Some(AccessKind::Probed) => Op::LoadProbed(load),
            Some(AccessKind::Arena) => Op::LoadArena(load),
            Some(AccessKind::Context(off)) => match self.field(pc, off)? {
                Some(field) => Op::Load(Load {
                    at: in_field(load.at, &field),
                    ..load
                }),
                None => Op::Load(load),
            },
            None if self.may_be_in_arena(pc, load.at.base) => Op::LoadArena(load),
            None if self.may_be_context(load.at.base) => Op::LoadContext(load),
            None => Op::Load(load),
        })
    }

    /// Whether a load that nobody judged may mean a context field that lies elsewhere.
    fn may_be_context(&self, base: Reg) -> bool {
        self.judged.is_none() && !self.moved.is_empty() && base != Reg::FP
    }

    fn store(&self, pc: Pc, at: Place, src: Operand) -> Result<Op, LowerError> {
        let field = match self.access(pc) {
            Some(AccessKind::Context(off)) => self.field(pc, off)?,
            Some(
                AccessKind::Plain | AccessKind::Socket(_) | AccessKind::Probed | AccessKind::Arena,
            )
            | None => None,
        };
        if self.may_be_in_arena(pc, at.base) {
            return Ok(match src {
                Operand::Reg(src) => Op::StoreArenaReg { at, src },
                Operand::Imm(imm) => Op::StoreArenaImm { at, imm },
            });
        }
        let at = field.map_or(at, |field| in_field(at, &field));
        Ok(match src {
            Operand::Reg(src) => Op::StoreReg { at, src },
            Operand::Imm(imm) => Op::StoreImm { at, imm },
        })
    }

    fn access(&self, pc: Pc) -> Option<AccessKind> {
        self.judged?.facts.get(pc.index())?.access
    }

    /// The context field at an offset, where the context is one of fields.
    fn field(&self, pc: Pc, off: u32) -> Result<Option<Field>, LowerError> {
        let Shape::Fields(fields) = self.context.shape else {
            return Ok(None);
        };
        let has = |field: &&Field| off.checked_sub(field.off).is_some_and(|at| at < field.size);
        match fields.iter().find(has) {
            Some(field) => Ok(Some(*field)),
            None => Err(LowerError::NoField {
                pc,
                context: self.context.name,
                off,
            }),
        }
    }

    /// The array that a call looks into, if it is known.
    fn array_at(&self, pc: Pc) -> Option<ArrayId> {
        let map = self.map_at(pc, Reg::R1)?;
        self.arrays.get(&map).copied()
    }

    /// The index of the map that a register holds at a call, if it is known.
    fn map_at(&self, pc: Pc, reg: Reg) -> Option<usize> {
        let map = known::map_at(self.insns, pc, reg, |pc| self.jumped_to.contains(&pc))?;
        usize::try_from(map).ok()
    }

    /// The map that a call of a helper is given, if it is known.
    fn map_given(&self, pc: Pc, insn: Insn) -> Option<Arc<Map>> {
        let Insn::Call(CallTarget::Helper(number)) = insn else {
            return None;
        };
        let map = self.map_at(pc, known::map_argument(number)?)?;
        self.bindings.maps.get(map)?.map.clone()
    }

    fn call(&self, pc: Pc, target: CallTarget) -> Result<Op, LowerError> {
        match target {
            CallTarget::Helper(known::TAIL_CALL) => Ok(Op::TailCall),
            CallTarget::Helper(known::LOOKUP) if let Some(array) = self.array_at(pc) => {
                Ok(Op::LookupArray { array })
            }
            CallTarget::Helper(number) if let Some(what) = Known::of_helper(number) => {
                Ok(Op::Tell { what })
            }
            CallTarget::Helper(known::LOOP) if let Some(entry) = self.loop_at(pc) => {
                Ok(Op::Loop { entry })
            }
            CallTarget::Helper(number) => match helpers::entry(number) {
                Some(helper) => Ok(Op::CallHelper { helper }),
                None => Err(no_helper(pc, number)),
            },
            CallTarget::Local(off) => Ok(Op::CallLocal {
                entry: self.entry_id(pc, off)?,
            }),
            CallTarget::Kfunc { id, btf_index } => self.call_kfunc(pc, id, btf_index),
            CallTarget::Reg(target) => Ok(Op::CallReg { target }),
        }
    }

    /// The function that a call of `bpf_loop` calls, if it is always the same.
    fn loop_at(&self, pc: Pc) -> Option<EntryId> {
        let body = self.judged?.loops.bodies.get(&pc)?;
        self.entry_at(*body)
    }

    /// A call of a kernel function: by name, for ids differ from kernel to kernel.
    fn call_kfunc(&self, pc: Pc, id: i32, btf_index: i16) -> Result<Op, LowerError> {
        let calls = self.judged.map(|judged| judged.calls);
        let name = match calls {
            Some(calls) => calls.get(&pc).map(|call| call.name),
            None if btf_index == 0 => self.bindings.kfuncs.get(&id).copied(),
            None => None,
        };
        let kfunc = name.and_then(helpers::kfunc::entry);
        let kfunc = kfunc.ok_or(LowerError::Kfunc { pc, id, name })?;
        let before = calls.map_or(0, |calls| calls.range(..pc).count());
        let call = CallId(u32::try_from(before).unwrap_or(u32::MAX));
        Ok(Op::CallKfunc { kfunc, call })
    }
}

/// Where jumps and calls of a program lead.
fn jumped_to(insns: &[Insn]) -> BTreeSet<Pc> {
    let target = |(pc, insn): (Pc, &Insn)| match insn {
        Insn::Jump { off, .. } | Insn::Call(CallTarget::Local(off)) => pc.target(*off),
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => pc.target(i32::from(*off)),
        Insn::LoadImm64 {
            value: Imm64::Func(off),
            ..
        } => pc.target(*off),
        _ => None,
    };
    (0..).map(Pc).zip(insns).filter_map(target).collect()
}

/// The number of each map that is an array.
fn arrays(maps: &[MapBinding]) -> BTreeMap<usize, ArrayId> {
    let arrays = maps
        .iter()
        .enumerate()
        .filter(|(_, map)| map.array.is_some());
    arrays
        .map(|(index, _)| index)
        .zip((0..).map(ArrayId))
        .collect()
}

impl Target {
    fn previous(self) -> Target {
        Target(self.0.saturating_sub(1))
    }
}

fn alu(width: Width, op: AluOp, dst: Reg, src: Operand) -> Op {
    match (width, src) {
        (Width::W64, Operand::Reg(src)) => Op::Alu64Reg { op, dst, src },
        (Width::W64, Operand::Imm(imm)) => Op::Alu64Imm {
            op,
            dst,
            imm: i64::from(imm) as u64,
        },
        (Width::W32, Operand::Reg(src)) => Op::Alu32Reg { op, dst, src },
        (Width::W32, Operand::Imm(imm)) => Op::Alu32Imm {
            op,
            dst,
            imm: imm as u32,
        },
    }
}

/// Where an access goes in guest memory, with its field.
fn in_field(at: Place, field: &Field) -> Place {
    let moved = field.guest_off.wrapping_sub(field.off) as i32;
    let size = if field.guest_size > field.size {
        Size::DW
    } else {
        at.size
    };
    Place {
        size,
        off: at.off.wrapping_add(moved),
        ..at
    }
}

fn moved_fields(context: &context::Context) -> Vec<MovedField> {
    let Shape::Fields(fields) = context.shape else {
        return Vec::new();
    };
    let moved = |field: &&Field| field.guest_off != field.off && field.guest_size > field.size;
    fields
        .iter()
        .filter(moved)
        .map(|field| MovedField {
            off: field.off,
            size: field.size,
            guest_off: field.guest_off,
        })
        .collect()
}
