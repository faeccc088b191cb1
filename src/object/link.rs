//! Lays out a program with the subprograms that it reaches, and resolves what it refers to.
//!
//! It reads an [`Object`] and changes nothing in it; each program is linked on its own.
//!
//! Rules, all libbpf's (`bpf_object__reloc_code` and `bpf_object__relocate_data` in
//! `tools/lib/bpf/libbpf.c`, 1.5):
//! - A function is appended once, where the first call of it is met; its own calls are followed
//!   before the caller's next.
//! - A call holds -1, or against a section's symbol the distance from its start; a function's
//!   address is loaded with the byte offset in the immediate. Calls without a relocation stay in
//!   their section.
//! - An exception callback comes last.
//! - Maps and data are known by index into [`Program::maps`].
//! - A call of a kernel function holds its number in the kernel's types; one of a module's function
//!   also which module of [`LinkOptions::module_btfs`] it is, from 1, as does a load of a module's
//!   variable in place of a descriptor. A call of a weak function that is not there becomes a call of helper [`MISSING_FUNCTION`] plus the extern's position,
//!   which the verifier refuses where it is reached.

mod supply;

use std::collections::HashMap;
use std::sync::Arc;

use crate::abi::sections;
use crate::btf::{FuncLinkage, Type};
use crate::isa::{Pc, RawInsn};

use super::code::{CodeSection, Content, Entry, Function, SLOT, within};
use super::core::{Answers, Applied};
use super::elf::{Place, Symbol, Visibility};
use super::error::{LinkError, ObjectError, ReferenceProblem};
use super::surroundings::{Attached, Surroundings};
use super::{
    Autoload, Line, LinkOptions, Linkage, Linked, MissingFunction, ModuleSymbol, Needs, Object,
    Poisoned, Program, Sleepable, Subprog,
};

/// How many instructions a program may have: what the kernel takes from the privileged
/// (`BPF_COMPLEXITY_LIMIT_INSNS`).
pub const PROGRAM_LIMIT: u32 = 1_000_000;

/// How many instructions all programs of an object may have together. Each has its own copy of
/// the subprograms that it reaches, so a small file could ask for any number.
pub const OBJECT_LIMIT: u32 = 4_000_000;

/// `call`.
const CALL: u8 = 0x85;

/// 64-bit immediate load.
const LOAD_IMM64: u8 = 0x18;

/// Source register of a call of a subprogram (`BPF_PSEUDO_CALL`).
const PSEUDO_CALL: u8 = 1;

/// Source register of a call of a kernel function (`BPF_PSEUDO_KFUNC_CALL`).
const PSEUDO_KFUNC_CALL: u8 = 2;

/// The helper number of calls of missing weak functions, from which the extern's position counts up.
pub const MISSING_FUNCTION: i32 = 2_002_000_000;

/// Source register of a load of a map (`BPF_PSEUDO_MAP_FD`).
const PSEUDO_MAP_FD: u8 = 1;

/// Source register of a load of a map value's address (`BPF_PSEUDO_MAP_VALUE`).
const PSEUDO_MAP_VALUE: u8 = 2;

/// Source register of a load of a kernel variable's address (`BPF_PSEUDO_BTF_ID`).
const PSEUDO_BTF_ID: u8 = 3;

/// Source register of a load of a function's address (`BPF_PSEUDO_FUNC`).
const PSEUDO_FUNC: u8 = 4;

/// What a declaration tag that names an exception callback starts with.
const EXCEPTION_CALLBACK: &str = "exception_callback:";

/// Links all programs of an object.
pub(super) fn link(object: &Object, options: &LinkOptions<'_>) -> Linked {
    let mut left = OBJECT_LIMIT;
    let mut answers = Answers::new(object, options);
    let mut programs = Vec::new();
    let surroundings = Surroundings::new(object, options);
    for (index, function) in object.code.functions.iter().enumerate() {
        if function.entry == Entry::Subprogram {
            continue;
        }
        let program = surroundings.as_ref().map_err(ObjectError::clone);
        let program = program.and_then(|surroundings| {
            let mut layout = Layout::new(
                object,
                options,
                surroundings,
                &mut answers,
                PROGRAM_LIMIT.min(left),
            );
            let laid_out = layout.place(index);
            // What failed was work, too.
            left = left.saturating_sub(slots(layout.insns.len()));
            laid_out.and_then(|()| layout.finish(function))
        });
        programs.push(program.map_err(|source| {
            LinkError {
                program: function.name.to_string(),
                section: section_of(object, function)
                    .map_or_else(String::new, |section| section.name.to_string()),
                source,
            }
        }));
    }
    let maps = surroundings.map_or_else(|_| Arc::clone(&object.maps), |found| found.maps);
    Linked { programs, maps }
}

fn section_of<'a>(object: &'a Object, function: &Function) -> Option<&'a CodeSection> {
    object.code.sections.get(function.section)
}

/// A count of slots, all of which came from fewer than `u32::MAX`.
fn slots(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A program while it is laid out.
struct Layout<'a, 'b> {
    object: &'a Object,
    options: &'a LinkOptions<'a>,
    surroundings: &'a Surroundings,
    answers: &'b mut Answers<'a>,
    limit: u32,
    insns: Vec<RawInsn>,
    subprogs: Vec<Subprog>,
    lines: Vec<Line>,
    poisoned: Vec<Poisoned>,
    missing_functions: Vec<MissingFunction>,
    module_symbols: Vec<ModuleSymbol>,
    /// Where each function starts that has been appended.
    placed: HashMap<usize, u32>,
}

/// A function whose references are being resolved.
#[derive(Clone, Copy)]
struct Frame<'a> {
    function: &'a Function,
    section: &'a CodeSection,
    /// Where it starts in the program.
    base: u32,
    /// The next slot of it.
    at: u32,
}

impl<'a, 'b> Layout<'a, 'b> {
    fn new(
        object: &'a Object,
        options: &'a LinkOptions<'a>,
        surroundings: &'a Surroundings,
        answers: &'b mut Answers<'a>,
        limit: u32,
    ) -> Layout<'a, 'b> {
        Layout {
            object,
            options,
            surroundings,
            answers,
            limit,
            insns: Vec::new(),
            subprogs: Vec::new(),
            lines: Vec::new(),
            poisoned: Vec::new(),
            missing_functions: Vec::new(),
            module_symbols: Vec::new(),
            placed: HashMap::new(),
        }
    }

    /// Lays out a program.
    fn place(&mut self, main: usize) -> Result<(), ObjectError> {
        self.run(main)?;
        self.add_exception_callback(main)?;
        self.drop_lone_types();
        Ok(())
    }

    /// The program, with what its section says of it.
    fn finish(self, main: &Function) -> Result<Program, ObjectError> {
        let section = section_of(self.object, main).map_or("", |section| &section.name);
        let unknown = || ObjectError::UnknownProgramType {
            section: section.to_owned(),
        };
        let definition = sections::parse(section).ok_or_else(unknown)?;
        let attached = self
            .surroundings
            .attach(&main.name, &definition, self.options);
        let attached = match (attached, self.options.needs) {
            (Err(_), Needs::Unattached | Needs::Listed) => Attached::default(),
            (attached, _) => attached.map_err(|problem| ObjectError::Attach {
                section: section.to_owned(),
                problem,
            })?,
        };
        let autoload = match definition.autoload {
            true => self.surroundings.slots.autoload(&main.name),
            false => Some(Autoload::No),
        };
        Ok(Program {
            name: main.name.to_string(),
            section: section.to_owned(),
            prog_type: definition.prog_type,
            attach_type: definition.attach_type,
            attach_target: definition.attach_target.map(str::to_owned),
            attach_btf: attached.btf,
            attach_program: attached.program,
            sleepable: if definition.sleepable {
                Sleepable::Yes
            } else {
                Sleepable::No
            },
            autoload: autoload.unwrap_or(Autoload::Yes),
            licence: self.object.licence.clone(),
            code: self.insns,
            subprogs: self.subprogs,
            lines: self.lines,
            poisoned: self.poisoned,
            missing_functions: self.missing_functions,
            module_symbols: self.module_symbols,
            maps: Arc::clone(&self.surroundings.maps),
            btf: self.object.btf.clone(),
        })
    }

    /// Appends a function and all that it reaches.
    fn run(&mut self, main: usize) -> Result<(), ObjectError> {
        let mut stack = vec![self.append(main)?];
        while let Some(frame) = stack.last_mut() {
            if frame.at >= frame.function.len {
                stack.pop();
                continue;
            }
            let current = *frame;
            frame.at += if self.insn(&current).opcode == LOAD_IMM64 {
                2
            } else {
                1
            };
            if let Some(callee) = self.resolve(&current)? {
                let start = match self.placed.get(&callee) {
                    Some(&start) => start,
                    None => {
                        let frame = self.append(callee)?;
                        stack.push(frame);
                        frame.base
                    }
                };
                let next = current.base + current.at + 1;
                self.update(&current, |insn| {
                    insn.imm = start.wrapping_sub(next).cast_signed()
                });
            }
        }
        Ok(())
    }

    /// Appends a function's instructions with what is known of them.
    fn append(&mut self, index: usize) -> Result<Frame<'a>, ObjectError> {
        let base = slots(self.insns.len());
        let too_many = ObjectError::TooManyInstructions { limit: self.limit };
        let function = self
            .object
            .code
            .functions
            .get(index)
            .ok_or_else(|| too_many.clone())?;
        let section = section_of(self.object, function).ok_or_else(|| too_many.clone())?;
        if function.len > self.limit.saturating_sub(base) {
            return Err(too_many);
        }
        let start = function.start as usize;
        let code = section
            .insns
            .get(start..start + function.len as usize)
            .unwrap_or_default();
        self.insns.extend_from_slice(code);
        let lines = within(
            &section.lines,
            |line| line.pc.0,
            function.start,
            function.len,
        );
        self.lines.extend(lines.iter().map(|line| Line {
            pc: Pc(base + (line.pc.0 - function.start)),
            ..line.clone()
        }));
        self.subprogs.push(self.describe(function, section, base));
        self.placed.insert(index, base);
        self.apply_core(function, section, base)?;
        Ok(Frame {
            function,
            section,
            base,
            at: 0,
        })
    }

    fn describe(&self, function: &Function, section: &CodeSection, base: u32) -> Subprog {
        let func = section.func_type(function.start);
        let linkage = func
            .zip(self.object.btf.as_deref())
            .map(|(id, btf)| btf.ty(id));
        let is_global = matches!(
            linkage,
            Some(Type::Func {
                linkage: FuncLinkage::Global,
                ..
            })
        );
        let linkage = match function.visibility {
            Visibility::Default if is_global => Linkage::Global,
            Visibility::Default | Visibility::Hidden => Linkage::Static,
        };
        Subprog {
            name: function.name.to_string(),
            start: Pc(base),
            func,
            linkage,
        }
    }

    fn apply_core(
        &mut self,
        function: &Function,
        section: &CodeSection,
        base: u32,
    ) -> Result<(), ObjectError> {
        for (slot, relocation) in within(
            &section.core,
            |(slot, _)| *slot,
            function.start,
            function.len,
        ) {
            let pc = base + (slot - function.start);
            let insns = self.insns.get_mut(pc as usize..).unwrap_or_default();
            let applied = self.answers.apply(insns, relocation);
            let applied = applied.map_err(|problem| ObjectError::Core {
                section: section.name.to_string(),
                offset: u64::from(*slot) * SLOT,
                subject: self.answers.describe(relocation),
                problem,
            })?;
            if let Applied::Poisoned(lack) = applied {
                self.poisoned.push(Poisoned {
                    pc: Pc(pc),
                    subject: self.answers.describe(relocation),
                    lack,
                });
            }
        }
        Ok(())
    }

    /// Appends the function that a `exception_callback:NAME` tag on the program names, which no
    /// instruction refers to.
    fn add_exception_callback(&mut self, main: usize) -> Result<(), ObjectError> {
        let func = self.subprogs.first().and_then(|subprog| subprog.func);
        let Some((func, btf)) = func.zip(self.object.btf.as_deref()) else {
            return Ok(());
        };
        let tags = btf
            .decl_tags(func)
            .filter(|(component, _)| component.is_none());
        let mut names = tags.filter_map(|(_, tag)| tag.strip_prefix(EXCEPTION_CALLBACK));
        // The verifier refuses a program with several.
        let (Some(name), None) = (names.next(), names.next()) else {
            return Ok(());
        };
        let functions = &self.object.code.functions;
        let Some(main) = functions.get(main) else {
            return Ok(());
        };
        let is_callback =
            |function: &Function| function.entry == Entry::Subprogram && *function.name == *name;
        let callback = functions.iter().position(is_callback);
        let callback = callback.ok_or_else(|| ObjectError::Reference {
            section: section_of(self.object, main)
                .map_or_else(String::new, |section| section.name.to_string()),
            offset: u64::from(main.start) * SLOT,
            symbol: name.to_owned(),
            problem: ReferenceProblem::NoCallback,
        })?;
        if self.placed.contains_key(&callback) {
            Ok(())
        } else {
            self.run(callback)
        }
    }

    /// Without a type for the program itself, the kernel is given none for its subprograms.
    fn drop_lone_types(&mut self) {
        if self
            .subprogs
            .first()
            .is_some_and(|main| main.func.is_none())
        {
            for subprog in &mut self.subprogs {
                subprog.func = None;
                subprog.linkage = Linkage::Static;
            }
        }
    }

    fn insn(&self, frame: &Frame<'_>) -> RawInsn {
        self.insns
            .get((frame.base + frame.at) as usize)
            .copied()
            .unwrap_or_default()
    }

    fn update(&mut self, frame: &Frame<'_>, change: impl FnOnce(&mut RawInsn)) {
        if let Some(insn) = self.insns.get_mut((frame.base + frame.at) as usize) {
            change(insn);
        }
    }

    /// Resolves what an instruction refers to: a map or data in place, a function by index, for
    /// the caller to place.
    fn resolve(&mut self, frame: &Frame<'a>) -> Result<Option<usize>, ObjectError> {
        let insn = self.insn(frame);
        let slot = frame.function.start + frame.at;
        let reference = frame.section.relocation(slot);
        let symbol = reference.and_then(|index| self.object.symbols.get(index));
        if let Some(external) = reference.and_then(|index| self.object.externs.of_symbol(index)) {
            self.supply(frame, external)?;
            return Ok(None);
        }
        match (insn, symbol) {
            (
                RawInsn {
                    opcode: CALL,
                    src: PSEUDO_CALL,
                    dst: 0,
                    off: 0,
                    imm,
                },
                None,
            ) => {
                let target = (i64::from(slot) + i64::from(imm) + 1) * SLOT.cast_signed();
                self.function(frame, "", frame.function.section, target)
                    .map(Some)
            }
            (
                RawInsn {
                    opcode: LOAD_IMM64,
                    src,
                    ..
                },
                None,
            ) if !matches!(src, 0 | PSEUDO_BTF_ID) => {
                Err(self.error(frame, "", ReferenceProblem::Missing { src }))
            }
            (_, None) => Ok(None),
            (
                RawInsn {
                    opcode: CALL,
                    src,
                    imm,
                    ..
                },
                Some(symbol),
            ) => {
                if src != PSEUDO_CALL {
                    return Err(self.error(
                        frame,
                        &symbol.name,
                        ReferenceProblem::NotLocalCall { src },
                    ));
                }
                let addend = (i64::from(imm) + 1) * SLOT.cast_signed();
                self.called(frame, symbol, addend).map(Some)
            }
            (
                RawInsn {
                    opcode: LOAD_IMM64, ..
                },
                Some(symbol),
            ) => self.load(frame, symbol),
            (RawInsn { opcode, .. }, Some(symbol)) => Err(self.error(
                frame,
                &symbol.name,
                ReferenceProblem::Instruction { opcode },
            )),
        }
    }

    /// Resolves a 64-bit immediate load with a relocation.
    fn load(&mut self, frame: &Frame<'a>, symbol: &Symbol) -> Result<Option<usize>, ObjectError> {
        let addend = self.insn(frame).imm;
        let second = Frame {
            at: frame.at + 1,
            ..*frame
        };
        if second.at >= frame.function.len {
            return Err(self.error(frame, &symbol.name, ReferenceProblem::Cut));
        }
        let (section, content) = self.symbol_place(frame, symbol)?;
        let offset = symbol.value.wrapping_add_signed(i64::from(addend));
        match content {
            Content::Code(_) => {
                let callee = self.called(frame, symbol, i64::from(addend))?;
                self.update(frame, |insn| insn.src = PSEUDO_FUNC);
                Ok(Some(callee))
            }
            Content::Maps => {
                let map = self.object.map_places.get(&(section, offset)).copied();
                let problem = || ReferenceProblem::NoMap {
                    section: self.section_name(section),
                    target: offset,
                };
                let map = map.ok_or_else(|| self.error(frame, &symbol.name, problem()))?;
                self.update(frame, |insn| {
                    (insn.src, insn.imm) = (PSEUDO_MAP_FD, map.cast_signed())
                });
                Ok(None)
            }
            Content::Data(map) => {
                self.update(frame, |insn| {
                    (insn.src, insn.imm) = (PSEUDO_MAP_VALUE, map.cast_signed())
                });
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the field has 32 bits; the verifier checks it"
                )]
                let offset = offset as i32;
                self.update(&second, |insn| insn.imm = offset);
                Ok(None)
            }
            Content::Nothing => {
                let problem = ReferenceProblem::NotLoaded {
                    section: self.section_name(section),
                };
                Err(self.error(frame, &symbol.name, problem))
            }
        }
    }

    /// The section of a symbol, and what became of it.
    fn symbol_place(
        &self,
        frame: &Frame<'_>,
        symbol: &Symbol,
    ) -> Result<(usize, Content), ObjectError> {
        match symbol.place {
            Place::Section(index) => {
                let loaded = self.object.code.places.get(index);
                Ok((
                    index,
                    loaded.map_or(Content::Nothing, |loaded| loaded.content),
                ))
            }
            Place::Special(index) => Err(self.error(
                frame,
                &symbol.name,
                ReferenceProblem::SpecialSection { index },
            )),
            Place::Undefined => Err(self.error(
                frame,
                &symbol.name,
                ReferenceProblem::SpecialSection { index: 0 },
            )),
        }
    }

    /// The function at a distance from a symbol.
    fn called(
        &self,
        frame: &Frame<'_>,
        symbol: &Symbol,
        addend: i64,
    ) -> Result<usize, ObjectError> {
        let (section, content) = self.symbol_place(frame, symbol)?;
        let Content::Code(code) = content else {
            let problem = ReferenceProblem::NotLoaded {
                section: self.section_name(section),
            };
            return Err(self.error(frame, &symbol.name, problem));
        };
        self.function(
            frame,
            &symbol.name,
            code,
            symbol.value.cast_signed().wrapping_add(addend),
        )
    }

    /// The function at a byte offset of an executable section.
    fn function(
        &self,
        frame: &Frame<'_>,
        symbol: &str,
        section: usize,
        target: i64,
    ) -> Result<usize, ObjectError> {
        let start = u64::try_from(target)
            .ok()
            .filter(|target| target % SLOT == 0);
        let start = start.and_then(|target| u32::try_from(target / SLOT).ok());
        let function = start.and_then(|start| self.object.code.function_at(section, start));
        function.ok_or_else(|| {
            let name = self
                .object
                .code
                .sections
                .get(section)
                .map_or("", |section| &section.name);
            self.error(
                frame,
                symbol,
                ReferenceProblem::NoFunction {
                    section: name.to_owned(),
                    target,
                },
            )
        })
    }

    fn section_name(&self, index: usize) -> String {
        self.object
            .code
            .places
            .get(index)
            .map_or_else(String::new, |loaded| loaded.name.to_string())
    }

    fn error(&self, frame: &Frame<'_>, symbol: &str, problem: ReferenceProblem) -> ObjectError {
        ObjectError::Reference {
            section: frame.section.name.to_string(),
            offset: u64::from(frame.function.start + frame.at) * SLOT,
            symbol: symbol.to_owned(),
            problem,
        }
    }
}
