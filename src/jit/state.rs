//! One run in native code: what compiled functions read and write, and what Rust keeps beside it.
//!
//! It generates no code. The fields before `env` are read and written by native code through
//! [`Field`]; Rust only sees them changed after a call.

use std::mem::offset_of;
use std::sync::Arc;

use crate::code::{Cause, Code, EntryId, MAX_FRAMES, MAX_TAIL_CALLS, Outcome, RunEnv, Start, Trap};
use crate::helpers::kfunc::CallFacts;
use crate::helpers::{self, Call, Engine, HelperError, Reply, RunState};
use crate::isa::Reg;
use crate::machine::{Addr, Errno, ProgId};

use super::{Counting, Landing, Native, Natives};

/// Bytes from the frame of one depth to the next in the list of frames.
pub(super) const FRAME_STEP: u64 = 8;

/// Why native code returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Status {
    /// With a result.
    Going = 0,
    /// By a trap or an exception, which is recorded.
    Stopped = 1,
}

/// One run.
#[repr(C)]
pub(super) struct Run<'a> {
    status: u64,
    fuel: u64,
    /// The depth of the function that calls a helper, in bytes of `tops`.
    frame: u64,
    /// The operation that calls, where only that tells.
    called_at: u64,
    /// Where functions of [`super::flow::Passing::Memory`] find their arguments.
    regs: [u64; Reg::COUNT],
    /// Where the ends of the frames are listed.
    tops: u64,
    /// The depth at which the program began, in bytes: its frames are counted from there.
    floor: u64,
    cpu: u64,
    pid_tgid: u64,
    ctx: u64,
    tail_calls: u64,
    /// The list of where tail calls lead, by program.
    landings: u64,
    landing_count: u64,
    /// Where the tail call leads that Rust has looked up.
    next: Landing,
    /// The program whose code runs.
    native: &'a Native,
    env: &'a RunEnv<'a>,
    natives: &'a Natives,
    trap: Option<Box<Trap>>,
    thrown: Option<Thrown<'a>>,
    state: RunState,
}

/// An exception, until the functions of its program have ended.
#[derive(Clone, Copy)]
struct Thrown<'a> {
    /// The program that throws.
    native: &'a Native,
    /// The depth at which it began.
    floor: u64,
    /// The operation that throws.
    index: usize,
    cookie: u64,
}

/// A field of [`Run`] that native code uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Why a call returned; 64 bits.
    Status,
    /// How much may still run.
    Fuel,
    /// The depth of the calling function.
    Frame,
    /// The operation that calls.
    CalledAt,
    /// A register.
    Reg(Reg),
    /// Where the ends of the frames are listed; a function's own is its depth further.
    Tops,
    /// The depth at which the program began.
    Floor,
    /// The number of the CPU.
    Cpu,
    /// Process and thread of the current task.
    PidTgid,
    /// The context.
    Ctx,
    /// How many tail calls were taken.
    TailCalls,
    /// The list of where tail calls lead, by program.
    Landings,
    /// How long it is.
    LandingCount,
    /// Where the tail call leads that Rust has looked up: to a jump.
    NextJump,
    /// The same, to a call.
    NextCall,
    /// The program whose code runs.
    Native,
}

impl Field {
    /// Where it lies in the run.
    pub(super) fn offset(self) -> i32 {
        let offset = match self {
            Field::Status => offset_of!(Run<'_>, status),
            Field::Fuel => offset_of!(Run<'_>, fuel),
            Field::Frame => offset_of!(Run<'_>, frame),
            Field::CalledAt => offset_of!(Run<'_>, called_at),
            Field::Reg(reg) => offset_of!(Run<'_>, regs) + 8 * reg.index(),
            Field::Tops => offset_of!(Run<'_>, tops),
            Field::Floor => offset_of!(Run<'_>, floor),
            Field::Cpu => offset_of!(Run<'_>, cpu),
            Field::PidTgid => offset_of!(Run<'_>, pid_tgid),
            Field::Ctx => offset_of!(Run<'_>, ctx),
            Field::TailCalls => offset_of!(Run<'_>, tail_calls),
            Field::Landings => offset_of!(Run<'_>, landings),
            Field::LandingCount => offset_of!(Run<'_>, landing_count),
            Field::NextJump => offset_of!(Run<'_>, next) + offset_of!(Landing, jump),
            Field::NextCall => offset_of!(Run<'_>, next) + offset_of!(Landing, call),
            Field::Native => offset_of!(Run<'_>, native),
        };
        offset as i32
    }
}

impl<'a> Run<'a> {
    #[inline(always)]
    pub(super) fn new(
        native: &'a Native,
        natives: &'a Natives,
        env: &'a RunEnv<'a>,
        start: Start,
    ) -> Run<'a> {
        let [r1, r2, r3, r4, r5] = start.args;
        Run {
            status: Status::Going as u64,
            fuel: env.fuel,
            frame: 0,
            called_at: 0,
            regs: [0, r1, r2, r3, r4, r5, 0, 0, 0, 0, 0],
            tops: env.stacks.tops().as_ptr().expose_provenance() as u64,
            floor: 0,
            cpu: u64::from(env.world.cpu.0),
            pid_tgid: env.world.task.pid_tgid(),
            ctx: start.ctx().0,
            tail_calls: 0,
            landings: natives.landings().as_ptr().expose_provenance() as u64,
            landing_count: natives.landings().len() as u64,
            next: Landing::default(),
            native,
            env,
            natives,
            trap: None,
            thrown: None,
            state: RunState::default(),
        }
    }

    /// Runs the function that it was made for, and gives `r0`.
    #[inline(always)]
    pub(super) fn go(&mut self, native: &Native, start: Start) -> u64 {
        let result = native.call(start.entry, self, 0);
        self.catch(0, result)
    }

    /// Makes everything as it was before a run that went well.
    #[inline]
    pub(super) fn renew(&mut self, native: &'a Native, start: Start) {
        self.fuel = self.env.fuel;
        self.native = native;
        (self.frame, self.floor, self.tail_calls) = (0, 0, 0);
        self.set_args(start.args);
        self.state.clear();
    }

    /// Whether it cannot go on.
    #[inline]
    pub(super) fn has_trapped(&self) -> bool {
        self.trap.is_some()
    }

    /// What it came to.
    #[inline]
    pub(super) fn outcome(self, native: &Native, result: u64) -> Outcome {
        Outcome {
            result: match self.trap {
                Some(trap) => Err(trap),
                None => Ok(result),
            },
            insns: match native.counting() {
                Counting::On => Some(self.env.fuel - self.fuel),
                Counting::Off => None,
            },
            tail_calls: self.tail_calls as u32,
            state: self.state,
        }
    }

    /// What helpers see.
    pub(super) fn env(&self) -> &'a RunEnv<'a> {
        self.env
    }

    /// The program whose code runs.
    pub(super) fn code(&self) -> &'a Arc<Code> {
        self.native.code()
    }

    /// The context.
    pub(super) fn ctx(&self) -> Addr {
        Addr(self.ctx)
    }

    /// The operation that calls, as far as native code has told.
    pub(super) fn called_at(&self) -> usize {
        self.called_at as usize
    }

    /// What fuel is left.
    pub(super) fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Spends all fuel.
    pub(super) fn burn_out(&mut self) {
        self.fuel = 0;
    }

    /// Records a trap, unless one was recorded before: that of a callback comes first.
    #[cold]
    pub(super) fn stop(&mut self, index: usize, cause: Cause) {
        self.status = Status::Stopped as u64;
        let code = self.native.code();
        self.trap.get_or_insert_with(|| {
            Box::new(Trap {
                program: Arc::clone(&code.name),
                pc: code.pc_of(index),
                cause,
            })
        });
    }

    /// Runs a function at a depth until it returns, and the programs that it goes on in.
    pub(super) fn activate(&mut self, entry: EntryId, depth: u64, args: [u64; 5]) -> u64 {
        self.set_args(args);
        self.call_entry(entry, depth * FRAME_STEP)
    }

    /// As [`Run::activate`], the registers being set, and the depth in bytes.
    pub(super) fn call_entry(&mut self, entry: EntryId, frame: u64) -> u64 {
        let (native, floor) = (self.native, self.floor);
        let result = native.call(entry, self, frame);
        (self.native, self.floor) = (native, floor);
        self.catch(frame, result)
    }

    /// Records that the program throws; its functions end as if the run were stopped.
    #[cold]
    pub(super) fn throw(&mut self, index: usize, cookie: u64) {
        self.status = Status::Stopped as u64;
        self.thrown = Some(Thrown {
            native: self.native,
            floor: self.floor,
            index,
            cookie,
        });
    }

    /// What a function gives that has ended, and with it, if it threw, all of its program: then the function for
    /// that decides, or else the cookie is the result.
    #[inline]
    pub(super) fn catch(&mut self, frame: u64, result: u64) -> u64 {
        match self.thrown {
            None => result,
            Some(_) => self.catch_thrown(frame, result),
        }
    }

    #[cold]
    fn catch_thrown(&mut self, frame: u64, result: u64) -> u64 {
        let ended = |thrown: &mut Thrown<'_>| thrown.floor == frame;
        let Some(thrown) = self.thrown.take_if(ended) else {
            return result;
        };
        self.status = Status::Going as u64;
        let Some(decides) = thrown.native.code().exception else {
            return thrown.cookie;
        };
        let own = (self.native, self.floor);
        (self.native, self.floor) = (thrown.native, frame);
        self.set_args([thrown.cookie, 0, 0, 0, 0]);
        let result = self.call_entry(decides, frame);
        (self.native, self.floor) = own;
        result
    }

    /// An exception that went through a helper ends the run.
    fn stop_thrown(&mut self) {
        if let Some(thrown) = self.thrown.take() {
            self.native = thrown.native;
            let cause = Cause::of_helper("bpf_throw", HelperError::Thrown(thrown.cookie));
            self.stop(thrown.index, cause);
        }
    }

    fn set_args(&mut self, args: [u64; 5]) {
        let [r1, r2, r3, r4, r5] = args;
        self.regs = [0, r1, r2, r3, r4, r5, 0, 0, 0, 0, 0];
    }

    /// Makes everything ready to go on in another program, from a function of that depth in bytes;
    /// or gives the error for `r0`.
    pub(super) fn tail_call(&mut self, map: u64, index: u64, frame: u64) -> Result<(), Errno> {
        let target = helpers::tail_call_target(&self.env.world, map, index)?;
        let native = self.natives.get(target).ok_or(Errno::ENOENT)?;
        if self.tail_calls >= u64::from(MAX_TAIL_CALLS) {
            return Err(Errno::E2BIG);
        }
        self.tail_calls += 1;
        self.native = native;
        self.next = native.landing();
        self.floor = frame;
        self.set_args([self.ctx, 0, 0, 0, 0]);
        Ok(())
    }

    /// Calls the helper of an operation.
    pub(super) fn call_helper(&mut self, helper: &'static helpers::Entry, args: [u64; 5]) -> Reply {
        helper.call(&mut self.body_call(CallFacts::NONE, args))
    }

    /// Calls the kernel function of an operation.
    pub(super) fn call_kfunc(
        &mut self,
        kfunc: &'static helpers::kfunc::Entry,
        facts: &'a CallFacts,
        args: [u64; 5],
    ) -> Reply {
        kfunc.call(&mut self.body_call(facts, args))
    }

    fn body_call<'b>(&'b mut self, facts: &'b CallFacts, args: [u64; 5]) -> Call<'b> {
        Call {
            args,
            world: &self.env.world,
            facts,
            ctx: self.ctx(),
            engine: self,
        }
    }
}

impl Engine for Run<'_> {
    fn callback(&mut self, handle: u64, args: [u64; 5]) -> Reply {
        let entry = self.code().entry_of(handle);
        let entry = entry.ok_or(HelperError::BadCallback(handle))?;
        let frame = self.frame;
        let depth = frame / FRAME_STEP + 1;
        if depth - self.floor / FRAME_STEP >= MAX_FRAMES as u64 {
            self.stop(0, Cause::CallDepth { limit: MAX_FRAMES });
            return Err(HelperError::Stopped);
        }
        let native = self.native;
        let result = self.activate(entry, depth, args);
        self.stop_thrown();
        (self.frame, self.native) = (frame, native);
        match self.trap {
            Some(_) => Err(HelperError::Stopped),
            None => Ok(result),
        }
    }

    fn state(&mut self) -> &mut RunState {
        &mut self.state
    }

    fn program(&self) -> Option<ProgId> {
        self.code().id.get().copied()
    }
}
