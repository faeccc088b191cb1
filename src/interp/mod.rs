//! Runs [`Code`] operation by operation, every access checked against the shadow of guest memory.
//!
//! It judges nothing and knows no verifier: a program that nobody judged runs as safely as one that
//! was, and traps where it goes wrong.
//!
//! Rules:
//! - [`run`] never panics and always ends: each operation costs one unit of fuel.
//! - Each function has a frame, a stack object of its own, so that running over one's stack traps.
//! - A callback that a helper calls is an activation of the same loop on the next frame.
//! - A tail call replaces the function that makes it, and returns to that function's caller.
//! - The operations stand in the order of the instruction shapes, one expression each.
//! - Where nobody looks on, `threaded` runs ahead through what is frequent and goes well. The loop does what it leaves, and
//!   alone says what went wrong, where and after how many instructions; with somebody looking on it does everything.

#[cfg(test)]
pub(crate) mod fixture;
mod frame;
#[cfg(test)]
mod tests;
mod threaded;
mod watch;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use crate::code::{
    ArrayId, Atomic, CallId, Cause, Code, EntryId, Known, Load, MAX_LOOPS, MAX_TAIL_CALLS, Op,
    Outcome, Place, RunEnv, Start, TOO_MANY_TURNS, Trap,
};
use crate::helpers::kfunc::{self, CallFacts};
use crate::helpers::{self, Call, Engine, Entry, HelperError, Reply, RunState};
use crate::isa::alu::{alu32, alu64, endian, extend, imm, movsx, neg};
use crate::isa::{AtomicOp, Fetch, LegacyMode, Reg, Size};
use crate::machine::{Addr, Errno, Memory, ProgId};
use frame::{Budget, Frames, Regs, Return};
use threaded::{Progress, Threaded};
use watch::Nobody;
pub use watch::{Step, Watch};

/// Runs a program from its start, `r1` pointing to the context.
pub fn run(code: &Code, env: &RunEnv<'_>, ctx: Addr) -> Outcome {
    run_watched(code, env, ctx, &mut Nobody)
}

/// As [`run`], and somebody is shown each operation before it runs.
pub fn run_watched(code: &Code, env: &RunEnv<'_>, ctx: Addr, watch: &mut impl Watch) -> Outcome {
    let start = Start {
        entry: EntryId::default(),
        args: [ctx.0, 0, 0, 0, 0],
    };
    run_from(code, env, start, watch)
}

/// Runs a function of a program by itself; it has no context.
pub fn run_function(code: &Code, env: &RunEnv<'_>, start: Start) -> Outcome {
    run_from(code, env, start, &mut Nobody)
}

fn run_from(code: &Code, env: &RunEnv<'_>, start: Start, watch: &mut impl Watch) -> Outcome {
    let Start { entry, args } = start;
    let mut run = Run {
        watch,
        env,
        memory: &env.world.machine.memory,
        ctx: start.ctx(),
        code,
        fuel: env.fuel,
        tail_calls: 0,
        frames: Frames::new(code),
        loops: Vec::new(),
        state: RunState::default(),
        stopped: None,
    };
    let result = run.activate(code, entry, args);
    Outcome {
        result,
        insns: Some(env.fuel - run.fuel),
        tail_calls: run.tail_calls,
        state: run.state,
    }
}

/// One run.
struct Run<'a, W> {
    watch: &'a mut W,
    env: &'a RunEnv<'a>,
    memory: &'a Memory,
    ctx: Addr,
    /// The program whose helper runs.
    code: &'a Code,
    /// How many operations may still run.
    fuel: u64,
    tail_calls: u32,
    frames: Frames<'a>,
    /// The calls of `bpf_loop` that are under way, the innermost last.
    loops: Vec<Turns>,
    state: RunState,
    /// The trap of a callback, while the helper that called it unwinds.
    stopped: Option<Box<Trap>>,
}

/// How far a call of `bpf_loop` is.
#[derive(Clone, Copy, Debug)]
struct Turns {
    /// How many frames there were when it began.
    depth: usize,
    done: u32,
    count: u32,
    /// What the function is given.
    data: u64,
}

/// Where an activation is.
struct Cursor<'a> {
    code: &'a Code,
    /// The same as threaded code, if nobody looks on.
    threaded: Option<&'a Threaded>,
    /// The operation after the one that runs.
    next: usize,
    regs: Regs,
}

impl<'a, W: Watch> Run<'a, W> {
    /// Runs a function on a new frame until it returns.
    fn activate(&mut self, code: &'a Code, id: EntryId, args: [u64; 5]) -> Result<u64, Box<Trap>> {
        let mut at = Cursor {
            code,
            threaded: threaded::<W>(code),
            next: 0,
            regs: Regs::with_args(args),
        };
        let floor = self.frames.depth();
        let result = self
            .enter(&mut at, id)
            .and_then(|_| self.execute(&mut at, floor));
        self.frames.unwind(floor);
        result.map_err(|cause| self.trap(&at, cause))
    }

    /// The trap of the operation that `at` has just begun.
    #[cold]
    fn trap(&mut self, at: &Cursor<'_>, cause: Cause) -> Box<Trap> {
        self.stopped.take().unwrap_or_else(|| {
            Box::new(Trap {
                program: Arc::clone(&at.code.name),
                pc: at.code.pc_of(at.next.saturating_sub(1)),
                cause,
            })
        })
    }

    /// The loop: runs until the frames are back at `floor`.
    fn execute(&mut self, at: &mut Cursor<'a>, floor: usize) -> Result<u64, Cause> {
        // Both are written through at each operation, but read from here: a chain of loads and
        // stores through memory would cost more than most operations do.
        let (mut next, mut fuel) = (at.next, self.fuel);
        loop {
            if let Some(threaded) = at.threaded {
                let from = Progress { next, fuel };
                let to = threaded.run(self.memory, &mut at.regs, from);
                if to != from {
                    Progress { next, fuel } = to;
                    (at.next, self.fuel) = (next, fuel);
                }
            }
            let op = *at.code.ops.get(next).ok_or(Cause::PastEnd)?;
            next += 1;
            at.next = next;
            fuel = fuel.checked_sub(1).ok_or(Cause::OutOfFuel {
                limit: self.env.fuel,
            })?;
            self.fuel = fuel;
            self.watch.step(&Step {
                code: at.code,
                index: next - 1,
                depth: self.frames.depth(),
                regs: at.regs.values(),
            });
            let regs = &mut at.regs;
            match op {
                Op::Alu64Reg { op, dst, src } => regs[dst] = alu64(op, regs[dst], regs[src]),
                Op::Alu64Imm { op, dst, imm } => regs[dst] = alu64(op, regs[dst], imm),
                Op::Alu32Reg { op, dst, src } => {
                    regs[dst] = u64::from(alu32(op, regs[dst] as u32, regs[src] as u32));
                }
                Op::Alu32Imm { op, dst, imm } => {
                    regs[dst] = u64::from(alu32(op, regs[dst] as u32, imm));
                }
                Op::Neg { width, dst } => regs[dst] = neg(width, regs[dst]),
                Op::MovSx {
                    width,
                    from,
                    dst,
                    src,
                } => regs[dst] = movsx(width, from, regs[src]),
                Op::Endian { order, size, dst } => regs[dst] = endian(order, size, regs[dst]),
                Op::Cast { dst, src, base } => regs[dst] = cast(base, regs[src]),
                Op::LoadImm { dst, value } => regs[dst] = value,
                Op::Load(load) => regs[load.dst] = self.load(load, regs)?,
                Op::LoadProbed(load) => regs[load.dst] = self.load(load, regs).unwrap_or(0),
                Op::LoadContext(load) => at.regs[load.dst] = self.load_context(load, at)?,
                Op::LoadArena(load) => at.regs[load.dst] = self.load_arena(load, at)?,
                Op::StoreReg { at: to, src } => self.store(to, regs, regs[src])?,
                Op::StoreImm { at: to, imm: value } => self.store(to, regs, imm(value))?,
                Op::StoreArenaReg { at: to, src } => self.store_arena(to, at, at.regs[src])?,
                Op::StoreArenaImm { at: to, imm: value } => self.store_arena(to, at, imm(value))?,
                Op::Atomic(atomic) => self.atomic(atomic, regs)?,
                Op::AtomicArena(atomic) => self.atomic_arena(atomic, at)?,
                Op::LegacyLoad { size, mode, imm } => {
                    if let Break(r0) = self.packet_load(at, floor, (size, mode, imm))? {
                        return Ok(r0);
                    }
                    next = at.next;
                }
                Op::Jump { target } => next = target.index(),
                Op::JumpIfReg { branch, src } => {
                    if regs.satisfy(branch, regs[src]) {
                        next = branch.target.index();
                    }
                }
                Op::JumpIfImm { branch, imm: value } => {
                    if regs.satisfy(branch, imm(value)) {
                        next = branch.target.index();
                    }
                }
                Op::MayGoto { target } => {
                    if self.frames.spend_iteration() == Budget::Spent {
                        next = target.index();
                    }
                }
                Op::CallHelper { helper } => {
                    at.regs[Reg::R0] = self.call_helper(helper, at)?;
                    fuel = self.fuel;
                }
                Op::CallKfunc { kfunc, call } => {
                    if let Break(r0) = self.call_kfunc(kfunc, call, at, floor)? {
                        return Ok(r0);
                    }
                    (next, fuel) = (at.next, self.fuel);
                }
                Op::LookupArray { array } => {
                    regs[Reg::R0] = self.lookup_array(at.code, array, regs[Reg::R2])?;
                }
                Op::Tell { what } => regs[Reg::R0] = self.tell(what),
                Op::Loop { entry } => next = self.begin_loop(at, entry)?,
                Op::TailCall => next = self.tail_call(at)?,
                Op::CallLocal { entry } => next = self.enter(at, entry)?,
                Op::CallReg { target } => next = self.call_register(at, target)?,
                Op::Exit => {
                    if let Break(r0) = self.leave(at, floor)? {
                        return Ok(r0);
                    }
                    next = at.next;
                }
                Op::Unreached => return Err(Cause::Unreached),
            }
        }
    }

    #[inline(always)]
    fn load(&self, load: Load, regs: &Regs) -> Result<u64, Cause> {
        let value = self.memory.load(regs.addr(load.at), load.at.size);
        Ok(extend(
            load.extend,
            load.at.size,
            value.map_err(Cause::Memory)?,
        ))
    }

    /// A load that may be one of a context field that lies elsewhere in guest memory.
    fn load_context(&self, load: Load, at: &Cursor<'_>) -> Result<u64, Cause> {
        let off = at.regs.addr(load.at).0.wrapping_sub(self.ctx.0);
        let Some(field) = at.code.moved_field(off, load.at.size) else {
            return self.load(load, &at.regs);
        };
        let place = self.ctx.offset(i64::from(field.guest_off));
        self.memory.load(place, Size::DW).map_err(Cause::Memory)
    }

    #[inline(always)]
    fn store(&self, to: Place, regs: &Regs, value: u64) -> Result<(), Cause> {
        let stored = self.memory.store(regs.addr(to), to.size, value);
        stored.map_err(Cause::Memory)
    }

    fn atomic(&self, atomic: Atomic, regs: &mut Regs) -> Result<(), Cause> {
        let Atomic { op, src, at } = atomic;
        let (addr, width) = (regs.addr(at), atomic.width());
        let old = self
            .memory
            .atomic(addr, op, width, regs[src], regs[Reg::R0]);
        keep_old(atomic, regs, old.map_err(Cause::Memory)?);
        Ok(())
    }

    fn load_arena(&self, load: Load, at: &Cursor<'_>) -> Result<u64, Cause> {
        match at.code.in_arena(at.regs[load.at.base], load.at.off) {
            Some((arena, place)) => {
                let value = arena.load(place, load.at.size);
                Ok(extend(load.extend, load.at.size, value))
            }
            None => self.load_context(load, at),
        }
    }

    fn store_arena(&self, to: Place, at: &Cursor<'_>, value: u64) -> Result<(), Cause> {
        match at.code.in_arena(at.regs[to.base], to.off) {
            Some((arena, place)) => arena.store(place, to.size, value),
            None => self.store(to, &at.regs, value)?,
        }
        Ok(())
    }

    fn atomic_arena(&self, atomic: Atomic, at: &mut Cursor<'_>) -> Result<(), Cause> {
        let Atomic { op, src, at: to } = atomic;
        let Some((arena, place)) = at.code.in_arena(at.regs[to.base], to.off) else {
            return self.atomic(atomic, &mut at.regs);
        };
        let how = (op, atomic.width());
        if let Some(old) = arena.atomic(place, how, at.regs[src], at.regs[Reg::R0]) {
            keep_old(atomic, &mut at.regs, old);
        }
        Ok(())
    }

    /// Loads from the packet in network order; beyond its end the function ends with 0.
    fn packet_load(
        &mut self,
        at: &mut Cursor<'a>,
        floor: usize,
        (size, mode, imm): (Size, LegacyMode, i32),
    ) -> Result<ControlFlow<u64>, Cause> {
        let index = match mode {
            LegacyMode::Abs => 0,
            LegacyMode::Ind(reg) => at.regs[reg] as i32,
        };
        let off = index.wrapping_add(imm);
        let loaded =
            helpers::legacy_load(&self.env.world, off, size).map_err(|_| Cause::NoPacket)?;
        at.regs[Reg::R0] = loaded.unwrap_or(0);
        match loaded {
            Some(_) => Ok(Continue(())),
            None => self.leave(at, floor),
        }
    }

    fn call_helper(&mut self, helper: &'static Entry, at: &Cursor<'a>) -> Result<u64, Cause> {
        let reply = helper.call(&mut self.body_call(CallFacts::NONE, at));
        reply.map_err(|error| Cause::of_helper(helper.name(), error))
    }

    /// A call of a body, from the instruction that `at` has just begun.
    fn body_call<'b>(&'b mut self, facts: &'b CallFacts, at: &Cursor<'a>) -> Call<'b> {
        let (world, ctx) = (&self.env.world, self.ctx);
        self.code = at.code;
        Call {
            args: at.regs.args(),
            world,
            facts,
            ctx,
            engine: self,
        }
    }

    fn call_kfunc(
        &mut self,
        kfunc: &'static kfunc::Entry,
        call: CallId,
        at: &mut Cursor<'a>,
        floor: usize,
    ) -> Result<ControlFlow<u64>, Cause> {
        match kfunc.call(&mut self.body_call(at.code.facts_of(call), at)) {
            Ok(value) => at.regs[Reg::R0] = value,
            Err(HelperError::Thrown(cookie)) if self.frames.floor() >= floor => {
                return self.throw(at, floor, cookie);
            }
            Err(error) => return Err(Cause::of_helper(kfunc.name(), error)),
        }
        Ok(Continue(()))
    }

    /// Ends all functions of the program; the one for that, or else the cookie, gives its result.
    fn throw(
        &mut self,
        at: &mut Cursor<'a>,
        floor: usize,
        cookie: u64,
    ) -> Result<ControlFlow<u64>, Cause> {
        let begun = self.frames.floor();
        self.frames.unwind(begun + 1);
        let Some(decides) = at.code.exception else {
            at.regs[Reg::R0] = cookie;
            return self.leave(at, floor);
        };
        at.regs = Regs::with_args([cookie, 0, 0, 0, 0]);
        self.frames.replace();
        self.begin(at, decides, begun)?;
        Ok(Continue(()))
    }

    /// `bpf_map_lookup_elem`, the key being an index.
    fn lookup_array(&self, code: &Code, array: ArrayId, key: u64) -> Result<u64, Cause> {
        let index = self.memory.load(Addr(key), Size::W);
        let index = index.map_err(|fault| Cause::HelperMemory {
            helper: "bpf_map_lookup_elem",
            fault,
        })?;
        let shape = code.arrays.get(array.0 as usize);
        let cpu = self.env.world.cpu;
        Ok(shape.map_or(0, |shape| shape.element(index as u32, cpu)))
    }

    fn tell(&self, what: Known) -> u64 {
        let world = &self.env.world;
        match what {
            Known::Cpu => u64::from(world.cpu.0),
            Known::PidTgid => world.task.pid_tgid(),
            Known::Now => world.machine.clock.now(),
            Known::Jiffies => helpers::jiffies(&world.machine.clock),
        }
    }

    /// Begins a function on the next frame, and gives its first operation.
    fn enter(&mut self, at: &mut Cursor<'a>, id: EntryId) -> Result<usize, Cause> {
        let back = Return {
            code: at.code,
            next: at.next,
        };
        let depth = self.frames.push(back, &at.regs)?;
        self.begin(at, id, depth)
    }

    /// Begins a function on the frame at `depth`.
    fn begin(&self, at: &mut Cursor<'a>, id: EntryId, depth: usize) -> Result<usize, Cause> {
        let entry = at.code.entries.get(id.index()).ok_or(Cause::PastEnd)?;
        let stacks = self.env.stacks;
        stacks
            .clear(self.memory, depth, entry.stack)
            .map_err(Cause::Memory)?;
        at.regs[Reg::FP] = stacks.top(depth).0;
        at.next = entry.start.index();
        Ok(at.next)
    }

    /// Ends the innermost function, and the activation if it began with it.
    fn leave(&mut self, at: &mut Cursor<'a>, floor: usize) -> Result<ControlFlow<u64>, Cause> {
        let result = at.regs[Reg::R0];
        let Some(back) = self.frames.pop(&mut at.regs) else {
            return Ok(Break(result));
        };
        let depth = self.frames.depth();
        if depth <= floor {
            return Ok(Break(result));
        }
        if !std::ptr::eq(at.code, back.code) {
            (at.code, at.threaded) = (back.code, threaded::<W>(back.code));
        }
        at.next = back.next;
        at.regs[Reg::FP] = self.env.stacks.top(depth - 1).0;
        if let Some(Op::Loop { entry }) = at.code.ops.get(back.next.wrapping_sub(1)) {
            return self.next_turn(at, *entry);
        }
        Ok(Continue(()))
    }

    /// Goes on in another program on the same frame, or leaves an error in `r0`.
    fn tail_call(&mut self, at: &mut Cursor<'a>) -> Result<usize, Cause> {
        let [_, map, index, ..] = at.regs.args();
        let taken = self.tail_calls;
        let target = helpers::tail_call_target(&self.env.world, map, index);
        let program = target.and_then(|id| self.env.programs.get(id).ok_or(Errno::ENOENT));
        match program {
            Ok(_) if taken >= MAX_TAIL_CALLS => at.regs[Reg::R0] = Errno::E2BIG.as_return(),
            Ok(code) => {
                self.tail_calls += 1;
                (at.code, at.threaded) = (code, threaded::<W>(code));
                at.regs = Regs::with_args([self.ctx.0, 0, 0, 0, 0]);
                self.frames.replace();
                self.begin(
                    at,
                    EntryId::default(),
                    self.frames.depth().saturating_sub(1),
                )?;
            }
            Err(error) => at.regs[Reg::R0] = error.as_return(),
        }
        Ok(at.next)
    }

    /// Begins a loop around a function, and gives the first operation of that, or the next one if there is nothing to do.
    fn begin_loop(&mut self, at: &mut Cursor<'a>, entry: EntryId) -> Result<usize, Cause> {
        let [count, _, data, ..] = at.regs.args();
        let count = count as u32;
        if count > MAX_LOOPS {
            at.regs[Reg::R0] = TOO_MANY_TURNS;
            return Ok(at.next);
        }
        let depth = self.frames.depth();
        // A trap or an exception may have left some that are over.
        let is_outer = |turns: &Turns| turns.depth < depth;
        self.loops.truncate(self.loops.partition_point(is_outer));
        self.loops.push(Turns {
            depth,
            done: 0,
            count,
            data,
        });
        at.regs[Reg::R0] = 0;
        self.take_turn(at, entry)?;
        Ok(at.next)
    }

    /// Goes on with a loop whose function has returned.
    fn next_turn(
        &mut self,
        at: &mut Cursor<'a>,
        entry: EntryId,
    ) -> Result<ControlFlow<u64>, Cause> {
        if let Some(turns) = self.loops.last_mut() {
            turns.done += 1;
        }
        self.take_turn(at, entry)?;
        Ok(Continue(()))
    }

    /// Calls the function of the innermost loop, unless `r0` or the count ends that.
    fn take_turn(&mut self, at: &mut Cursor<'a>, entry: EntryId) -> Result<(), Cause> {
        let Some(turns) = self.loops.last().copied() else {
            return Ok(());
        };
        let done = u64::from(turns.done);
        if turns.done == turns.count || at.regs[Reg::R0] != 0 {
            self.loops.pop();
            at.regs[Reg::R0] = done;
            return Ok(());
        }
        (at.regs[Reg::R1], at.regs[Reg::R2]) = (done, turns.data);
        self.enter(at, entry)?;
        Ok(())
    }

    fn call_register(&mut self, at: &mut Cursor<'a>, reg: Reg) -> Result<usize, Cause> {
        let value = at.regs[reg];
        let entry = at
            .code
            .entry_of(value)
            .ok_or(Cause::BadCallTarget { reg, value })?;
        self.enter(at, entry)
    }
}

impl<W: Watch> Engine for Run<'_, W> {
    fn callback(&mut self, handle: u64, args: [u64; 5]) -> Reply {
        let code = self.code;
        let entry = code
            .entry_of(handle)
            .ok_or(HelperError::BadCallback(handle))?;
        self.activate(code, entry, args).map_err(|trap| {
            self.stopped = Some(trap);
            HelperError::Stopped
        })
    }

    fn state(&mut self) -> &mut RunState {
        &mut self.state
    }

    fn program(&self) -> Option<ProgId> {
        self.code.id.get().copied()
    }
}

/// The threaded form of a program, if nobody looks on.
#[inline]
fn threaded<W: Watch>(code: &Code) -> Option<&Threaded> {
    match W::LOOKS {
        true => None,
        false => code.derived.get(|| Threaded::new(code)),
    }
}

/// Puts what an atomic operation found where the program wants it.
fn keep_old(atomic: Atomic, regs: &mut Regs, old: u64) {
    match atomic.op {
        AtomicOp::Add(fetch)
        | AtomicOp::Or(fetch)
        | AtomicOp::And(fetch)
        | AtomicOp::Xor(fetch) => match fetch {
            Fetch::Yes => regs[atomic.src] = old,
            Fetch::No => {}
        },
        AtomicOp::Xchg => regs[atomic.src] = old,
        AtomicOp::Cmpxchg => regs[Reg::R0] = old,
    }
}

/// A pointer into the arena as user space knows it; null stays null.
fn cast(base: u64, pointer: u64) -> u64 {
    match u64::from(pointer as u32) {
        0 => 0,
        low => base | low,
    }
}
