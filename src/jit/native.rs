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

use cranelift_codegen::ir::{FuncRef, Function as Clif, UserFuncName};
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
use super::{Counting, JitError};

/// A function that Rust calls: it takes the run and its depth in bytes, and gives `r0`.
type EntryFn = extern "C" fn(*mut Run<'_>, u64) -> u64;

/// What Cranelift says when it fails.
type Failure = Box<ModuleError>;

/// A compiled program.
pub struct Native {
    code: Arc<Code>,
    counting: Counting,
    /// By entry, those that Rust calls.
    entries: Vec<Option<EntryFn>>,
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
    pub(super) fn compile(
        isa: &OwnedTargetIsa,
        code: &Arc<Code>,
        counting: Counting,
    ) -> Result<Native, JitError> {
        let flow = Flow::of(code)?;
        let host = isa.frontend_config();
        let unit = Unit {
            code,
            flow: &flow,
            counting,
            host,
        };
        let mut assembly = Assembly::new(isa, unit);
        let finished = assembly.finish();
        let (bytes, module) = (assembly.bytes, assembly.module);
        match finished {
            Ok(ids) => Ok(Native {
                entries: entries(&module, &flow, &ids),
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
    pub(super) fn call(&self, entry: EntryId, run: &mut Run<'_>, frame: u64) -> u64 {
        match self.entries.get(entry.index()) {
            Some(Some(function)) => function(run, frame),
            Some(None) | None => 0,
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

/// The addresses of the functions that Rust calls.
fn entries(
    module: &JITModule,
    flow: &Flow,
    ids: &BTreeMap<EntryId, FuncId>,
) -> Vec<Option<EntryFn>> {
    let address = |function: &Function| {
        let id = ids.get(&function.entry)?;
        if function.passing != Passing::Memory {
            return None;
        }
        let code = module.get_finalized_function(*id);
        // SAFETY: functions of this passing are declared with two 64-bit parameters and one result
        // in the host's convention; the code is finalized and lives as long as the module.
        Some(unsafe { std::mem::transmute::<*const u8, EntryFn>(code) })
    };
    flow.functions.iter().map(address).collect()
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

    /// Compiles everything, and makes it executable.
    fn finish(&mut self) -> Result<BTreeMap<EntryId, FuncId>, Failure> {
        let ids = self.functions(&mut |_, _, _| {})?;
        self.module.finalize_definitions()?;
        Ok(ids)
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
            observer(Moment::Translated, entry, &mut context);
            self.module.define_function(id, &mut context)?;
            observer(Moment::Compiled, entry, &mut context);
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
