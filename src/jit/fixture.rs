//! The interpreter's fixture with native code in its place: its tests run again, unchanged.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{Compiler, Counting, Listing, Native, Natives, Stage};
use crate::code::{Code, Outcome, RunEnv};
use crate::helpers::World;
use crate::interp::fixture::Fixture as Base;
use crate::machine::{Addr, ProgId};

pub(crate) struct Fixture {
    base: Base,
    compiler: Compiler,
    /// The program that ran last and its listing: most tests run one often.
    last: RefCell<Option<(String, Arc<Native>)>>,
}

impl Deref for Fixture {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.base
    }
}

impl DerefMut for Fixture {
    fn deref_mut(&mut self) -> &mut Base {
        &mut self.base
    }
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let compiler = Compiler::new().expect("there is native code for the host");
        Fixture {
            base: Base::new(),
            compiler,
            last: RefCell::default(),
        }
    }

    pub(crate) fn run(&self, code: &Code, ctx: Addr) -> Outcome {
        self.run_counting(code, ctx, Counting::On)
    }

    pub(crate) fn run_counting(&self, code: &Code, ctx: Addr, counting: Counting) -> Outcome {
        let compile = |code: &Code| {
            let native = self.compiler.compile(&Arc::new(code.clone()), counting);
            Arc::new(native.expect("compiles"))
        };
        let base = &self.base;
        let mut natives = Natives::default();
        for id in (0..64).map(ProgId) {
            if let Some(code) = base.programs.get(id) {
                natives.insert(id, compile(code));
            }
        }
        let world = World::new(&base.machine, &base.maps, code.prog_type, &base.task);
        let env = RunEnv {
            world,
            programs: &base.programs,
            stacks: &base.stacks,
            fuel: base.fuel,
        };
        let listing = format!(
            "{counting:?} {:?} {:?} {}\n{code}",
            code.checks, code.prog_type, code.name
        );
        let mut last = self.last.borrow_mut();
        let native = match &*last {
            Some((known, native)) if *known == listing => Arc::clone(native),
            Some(_) | None => compile(code),
        };
        *last = Some((listing, Arc::clone(&native)));
        super::run(&native, &natives, &env, ctx)
    }

    /// What the interpreter makes of it.
    pub(crate) fn interpreted(&self, code: &Code, ctx: Addr) -> Outcome {
        self.base.run(code, ctx)
    }

    pub(crate) fn list(&self, code: &Arc<Code>, stage: Stage) -> Vec<Listing> {
        self.compiler
            .list(code, Counting::Off, stage)
            .expect("compiles")
    }

    pub(crate) fn run_text(&self, text: &str) -> Outcome {
        self.run(&self.code(text), Addr::NULL)
    }
}
