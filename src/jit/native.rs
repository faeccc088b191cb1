//! Native code: its memory, its life, and the calls into it.
//!
//! It knows nothing of what the code does. This is the only place of the JIT with `unsafe`.
//!
//! Rules:
//! - Cranelift's module writes code to pages that it makes executable, and no longer writable,
//!   before the first call. They are freed with the [`Native`], which every call borrows.
//! - Every function that is called from here has the signature of [`EntryFn`].

#![expect(unsafe_code, reason = "this module owns native code and calls it")]

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};

use cranelift_codegen::ir::{FuncRef, Function as Clif, UserExternalName, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError};

use crate::code::{Code, EntryId};

use super::flow::{Flow, Function, Passing};
use super::listing::{Moment, Observer};
use super::shims::Shim;
use super::state::Run;
use super::translate::{self, Linker, Unit};
use super::{Counting, JitError, Landing};

/// A function that Rust calls: it takes the run and its depth in bytes, and gives `r0`.
type EntryFn = extern "C" fn(*mut Run<'_>, u64) -> u64;

/// Calls a function of Cranelift's convention for tail calls, whose address comes last.
type EnterFn = extern "C" fn(*mut Run<'_>, u64, u64) -> u64;

/// The functions that Rust calls, by entry.
enum Entries {
    /// They have the host's convention.
    Called(Vec<Option<EntryFn>>),
    /// They have Cranelift's for tail calls, and these are their addresses.
    Entered(EnterFn, Vec<Option<u64>>),
}

/// Bytes of a line of the instruction cache, on most hosts.
const LINE: usize = 64;

/// What Cranelift says when it fails.
type Failure = Box<ModuleError>;

/// A compiled program.
pub struct Native {
    code: Arc<Code>,
    counting: Counting,
    entries: Entries,
    bytes: usize,
    module: ManuallyDrop<Mutex<JITModule>>,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "native code of {}, {} bytes", self.code.name, self.bytes)
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: it is taken once, here, and not used afterwards.
        let module = unsafe { ManuallyDrop::take(&mut self.module) };
        let module = module
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        // SAFETY: every call of its functions borrows `self`, so none runs, and the pointers to
        // them go away with `self`.
        unsafe { module.free_memory() };
    }
}

impl Native {
    /// Compiles a program. Its code starts so many lines of the instruction cache behind the start of a page, if it fits
    /// into the rest; if not, it is long enough to take many lines anyway.
    pub(super) fn compile(
        isa: &OwnedTargetIsa,
        code: &Arc<Code>,
        counting: Counting,
        line: usize,
    ) -> Result<Native, JitError> {
        let flow = Flow::of(code)?;
        let host = isa.frontend_config();
        let unit = Unit {
            code,
            flow: &flow,
            counting,
            host,
            convention: translate::convention(code, host),
        };
        let mut assembly = Assembly::new(isa, unit);
        let finished = assembly.skip(line).and_then(|()| assembly.finish());
        let (bytes, module) = (assembly.bytes, assembly.module);
        match finished {
            Ok(finished) => Ok(Native {
                entries: entries(&module, &flow, &finished),
                code: Arc::clone(code),
                counting,
                bytes,
                module: ManuallyDrop::new(Mutex::new(module)),
            }),
            Err(error) => {
                // SAFETY: no pointer into it was made.
                unsafe { module.free_memory() };
                Err(failed(code, &error))
            }
        }
    }

    /// The program it was made of.
    pub fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// Whether it counts instructions.
    pub fn counting(&self) -> Counting {
        self.counting
    }

    /// Bytes of machine code.
    pub fn size(&self) -> usize {
        self.bytes
    }

    /// Calls a function of it; one that Rust may not call gives 0.
    #[inline]
    pub(super) fn call(&self, entry: EntryId, run: &mut Run<'_>, frame: u64) -> u64 {
        match &self.entries {
            Entries::Called(functions) => match functions.get(entry.index()) {
                Some(Some(function)) => function(run, frame),
                Some(None) | None => 0,
            },
            Entries::Entered(enter, functions) => match functions.get(entry.index()) {
                Some(Some(function)) => enter(run, frame, *function),
                Some(None) | None => 0,
            },
        }
    }

    /// How tail calls get to its start.
    pub(super) fn landing(&self) -> Landing {
        let native = std::ptr::from_ref(self).expose_provenance() as u64;
        let landing = Landing {
            native,
            ..Landing::default()
        };
        match &self.entries {
            Entries::Called(functions) => Landing {
                call: functions
                    .first()
                    .copied()
                    .flatten()
                    .map_or(0, |function| function as usize as u64),
                ..landing
            },
            Entries::Entered(_, functions) => Landing {
                jump: functions.first().copied().flatten().unwrap_or(0),
                ..landing
            },
        }
    }
}

/// Compiles a program only to look at it.
pub(super) fn observe(
    isa: &OwnedTargetIsa,
    code: &Code,
    counting: Counting,
    observer: Observer<'_>,
) -> Result<(), JitError> {
    let flow = Flow::of(code)?;
    let host = isa.frontend_config();
    let unit = Unit {
        code,
        flow: &flow,
        counting,
        host,
        convention: translate::convention(code, host),
    };
    let mut assembly = Assembly::new(isa, unit);
    let done = assembly.functions(observer);
    // SAFETY: no pointer into it was made.
    unsafe { assembly.module.free_memory() };
    done.map(drop).map_err(|error| failed(code, &error))
}

fn failed(code: &Code, error: &ModuleError) -> JitError {
    JitError::Codegen {
        program: code.name.to_string(),
        reason: error.to_string(),
    }
}

/// The functions that Rust calls.
fn entries(module: &JITModule, flow: &Flow, finished: &Finished) -> Entries {
    let address = |function: &Function| {
        let id = finished.ids.get(&function.entry)?;
        let called = function.passing == Passing::Memory;
        called.then(|| module.get_finalized_function(*id))
    };
    let addresses = flow.functions.iter().map(address);
    let Some(enter) = finished.enter else {
        // SAFETY: functions of this passing are declared with two 64-bit parameters and one result
        // in the host's convention; the code is finalized and lives as long as the module.
        let function = |code| unsafe { std::mem::transmute::<*const u8, EntryFn>(code) };
        return Entries::Called(addresses.map(|code| code.map(function)).collect());
    };
    let enter = module.get_finalized_function(enter);
    // SAFETY: it is declared with three 64-bit parameters and one result in the host's convention;
    // the code is finalized and lives as long as the module.
    let enter = unsafe { std::mem::transmute::<*const u8, EnterFn>(enter) };
    let number = |code: *const u8| code.expose_provenance() as u64;
    Entries::Entered(enter, addresses.map(|code| code.map(number)).collect())
}

/// What was compiled.
struct Finished {
    ids: BTreeMap<EntryId, FuncId>,
    enter: Option<FuncId>,
}

/// A module in the making.
struct Assembly<'a> {
    module: JITModule,
    unit: Unit<'a>,
    shims: BTreeMap<Shim, FuncId>,
    entries: BTreeMap<EntryId, FuncId>,
    /// Functions that are called and not yet compiled.
    wanted: BTreeSet<EntryId>,
    bytes: usize,
    failed: Option<Failure>,
}

impl<'a> Assembly<'a> {
    fn new(isa: &OwnedTargetIsa, unit: Unit<'a>) -> Assembly<'a> {
        let names = cranelift_module::default_libcall_names();
        let mut builder = JITBuilder::with_isa(Arc::clone(isa), names);
        builder.symbol_lookup_fn(Box::new(|name| {
            let shim = Shim::all().find(|shim| shim.name() == name);
            shim.map(Shim::address)
        }));
        Assembly {
            module: JITModule::new(builder),
            unit,
            shims: BTreeMap::new(),
            entries: BTreeMap::new(),
            wanted: BTreeSet::new(),
            bytes: 0,
            failed: None,
        }
    }

    /// Leaves lines free: code that always starts where a page does shares a few places of the cache.
    fn skip(&mut self, lines: usize) -> Result<(), Failure> {
        if lines == 0 {
            return Ok(());
        }
        let free = vec![0; lines * LINE];
        let id = self
            .module
            .declare_anonymous_function(&self.module.make_signature())?;
        self.module
            .define_function_bytes(id, LINE as u64, &free, &[])?;
        Ok(())
    }

    /// Compiles everything, and makes it executable.
    fn finish(&mut self) -> Result<Finished, Failure> {
        let ids = self.functions(&mut |_, _, _, _| {})?;
        let enter = match self.unit.convention == self.unit.host.default_call_conv {
            true => None,
            false => Some(self.enter()?),
        };
        self.module.finalize_definitions()?;
        Ok(Finished { ids, enter })
    }

    /// The function by which Rust gets to those of Cranelift's convention for tail calls.
    fn enter(&mut self) -> Result<FuncId, Failure> {
        let signature = translate::signature(self.unit.host.default_call_conv, 2);
        let id = self.module.declare_anonymous_function(&signature)?;
        let mut context = self.module.make_context();
        context.func.signature = signature;
        context.func.name = UserFuncName::user(0, id.as_u32());
        let mut builder = FunctionBuilderContext::new();
        translate::enter(self.unit, &mut context.func, &mut builder);
        self.module.define_function(id, &mut context)?;
        Ok(id)
    }

    /// Compiles the functions that Rust calls, and those that they call.
    fn functions(&mut self, observer: Observer<'_>) -> Result<BTreeMap<EntryId, FuncId>, Failure> {
        let flow = self.unit.flow;
        let called = flow
            .functions
            .iter()
            .filter(|one| one.passing == Passing::Memory);
        self.wanted.extend(called.map(|function| function.entry));
        let mut context = self.module.make_context();
        let mut builder = FunctionBuilderContext::new();
        let mut done = BTreeSet::new();
        while let Some(entry) = self.wanted.pop_first() {
            let Some(function) = flow.function(entry).filter(|_| done.insert(entry)) else {
                continue;
            };
            let id = self.declare(entry)?;
            self.module.clear_context(&mut context);
            context.func.signature = self.unit.signature(function);
            context.func.name = UserFuncName::user(0, id.as_u32());
            translate::translate(self.unit, function, &mut context.func, &mut builder, self);
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            observer(Moment::Translated, entry, &mut context, &|name| {
                self.name(name)
            });
            self.module.define_function(id, &mut context)?;
            observer(Moment::Compiled, entry, &mut context, &|name| {
                self.name(name)
            });
            self.bytes += context
                .compiled_code()
                .map_or(0, |code| code.code_buffer().len());
        }
        Ok(std::mem::take(&mut self.entries))
    }

    fn declare(&mut self, entry: EntryId) -> Result<FuncId, Failure> {
        if let Some(id) = self.entries.get(&entry) {
            return Ok(*id);
        }
        let function = self.unit.flow.function(entry);
        let signature = function.map(|function| self.unit.signature(function));
        let signature = signature.unwrap_or_else(|| self.module.make_signature());
        let id = self.module.declare_anonymous_function(&signature)?;
        self.entries.insert(entry, id);
        self.wanted.insert(entry);
        Ok(id)
    }

    /// What a function is called that another refers to.
    fn name(&self, name: &UserExternalName) -> String {
        let id = FuncId::from_u32(name.index);
        let shim = self.shims.iter().find(|(_, of)| **of == id);
        let entry = self.entries.iter().find(|(_, of)| **of == id);
        let entry = entry.and_then(|(entry, _)| self.unit.code.entries.get(entry.index()));
        match (shim, entry) {
            (Some((shim, _)), _) => shim.name().to_owned(),
            (None, Some(entry)) => entry.name.to_string(),
            (None, None) => format!("function {}", name.index),
        }
    }

    fn declare_shim(&mut self, shim: Shim) -> Result<FuncId, Failure> {
        if let Some(id) = self.shims.get(&shim) {
            return Ok(*id);
        }
        let signature = translate::signature(self.unit.host.default_call_conv, shim.params());
        let id = self
            .module
            .declare_function(shim.name(), Linkage::Import, &signature)?;
        self.shims.insert(shim, id);
        Ok(id)
    }

    /// The reference to a declared function; the first failure is kept, and ends the compilation.
    fn refer(&mut self, id: Result<FuncId, Failure>, from: &mut Clif) -> FuncRef {
        match id {
            Ok(id) => self.module.declare_func_in_func(id, from),
            Err(error) => {
                self.failed.get_or_insert(error);
                FuncRef::from_u32(0)
            }
        }
    }
}

impl Linker for Assembly<'_> {
    fn shim(&mut self, shim: Shim, from: &mut Clif) -> FuncRef {
        let id = self.declare_shim(shim);
        self.refer(id, from)
    }

    fn entry(&mut self, entry: EntryId, from: &mut Clif) -> FuncRef {
        let id = self.declare(entry);
        self.refer(id, from)
    }
}
