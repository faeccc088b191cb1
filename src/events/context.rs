//! The contexts of programs, laid out in guest memory as the kernel's.
//!
//! Those of packets are made with the packet, in [`super::wire`].

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::abi::tracepoints::{self, RecordField, Tracepoint};
use crate::btf::{BtfId, KindFilter, Type};
use crate::helpers::Returned;
use crate::isa::Size;
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, ProgramAccess, Task};

use super::scene::{Space, regs};
use super::wire::View;
use super::{Attachment, EventError, Function, Given, Named, Point, Scene, Stop};

/// Bytes that programs may read of a raw tracepoint's arguments.
const RAW_ARGS: usize = 12;
/// The longest list of arguments with a return value behind it.
const TYPED_ARGS: usize = 13;
/// Where the kernel's code is said to be.
const KERNEL_TEXT: u64 = 0xffff_ffff_8100_0000;
const KERNEL_STACK: u64 = 0xffff_c900_0001_fe00;
const KERNEL_CS: u64 = 0x10;
const KERNEL_SS: u64 = 0x18;

/// What every named hook may be told: the registers of a call, its result, and the path that
/// files and programs among the arguments have.
const ALWAYS_KNOWN: [&str; 8] = [
    "arg0", "arg1", "arg2", "arg3", "arg4", "arg5", "filename", "ret",
];

/// What a program is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its address; it lives as long as the scene.
    pub addr: Addr,
    /// Address of the traced function.
    pub func_ip: u64,
    /// How many arguments the traced function has.
    pub func_args: u32,
    /// Whether it has returned.
    pub returned: Returned,
}

impl Context {
    pub(super) fn plain(addr: Addr) -> Context {
        Context {
            addr,
            func_ip: 0,
            func_args: 0,
            returned: Returned::No,
        }
    }
}

/// A parameter of a function or tracepoint.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) ty: BtfId,
}

impl Scene<'_> {
    /// The context of a program attached in that way.
    ///
    /// # Errors
    /// The layout is not known, or an argument does not exist; there is no memory.
    pub fn context(
        &mut self,
        stop: &Stop,
        attachment: &Attachment,
        task: &Arc<Task>,
    ) -> Result<Context, EventError> {
        match &stop.point {
            Point::RawTracepoint { name } => {
                let mut args = self.tracepoint_args(name, stop.returned, task)?;
                let count = args.len();
                args.resize(count.max(RAW_ARGS), 0);
                let addr = self.words(&args)?;
                Ok(Context {
                    func_args: count as u32,
                    ..Context::plain(addr)
                })
            }
            Point::Tracepoint { category, name } => self
                .record(category, name, stop.returned, task)
                .map(Context::plain),
            Point::Lsm { hook } => {
                let args = self.function_args(&format!("bpf_lsm_{hook}"), Space::Kernel, task)?;
                self.typed(args, 0, Returned::Yes)
            }
            Point::Entry(function) | Point::Return(function) => {
                self.function(stop, function, attachment, task)
            }
            Point::Usdt { .. } => self.usdt_regs().map(Context::plain),
            Point::Xdp => self.packet_context(View::Frame).map(Context::plain),
            Point::Socket | Point::TcIngress | Point::TcEgress => {
                self.packet_context(View::Link).map(Context::plain)
            }
            Point::Place(place) => self.place_context(place),
            Point::Operation { member, .. } => self.operation(attachment, member, task),
            Point::CgroupIngress | Point::CgroupEgress => {
                self.packet_context(View::Network).map(Context::plain)
            }
        }
    }

    fn function(
        &mut self,
        stop: &Stop,
        function: &Function,
        attachment: &Attachment,
        task: &Arc<Task>,
    ) -> Result<Context, EventError> {
        let func_ip = text_address(&function.name);
        let returned = self.returned(function, stop.returned, task)?;
        let context = match attachment {
            Attachment::Fentry(_) | Attachment::Fexit(_) | Attachment::ModifyReturn(_) => {
                let args = self.call_args(function, task)?;
                let (value, state) = match returned {
                    Some(value) => (value, Returned::Yes),
                    None => (0, Returned::No),
                };
                self.typed(args, value, state)?
            }
            _ => self.probe_regs(function, func_ip, returned, task)?,
        };
        Ok(Context { func_ip, ..context })
    }

    /// The value a function has returned: of one that returns a structure's address, that.
    fn returned(
        &mut self,
        function: &Function,
        returned: Option<i64>,
        task: &Arc<Task>,
    ) -> Result<Option<u64>, EventError> {
        if returned != Some(0) || function.syscall.is_some() || self.values.get("ret").is_some() {
            return Ok(returned.map(i64::cast_unsigned));
        }
        let structure = self
            .proto(&function.name)
            .and_then(|(ret, _)| self.pointee(ret));
        match structure {
            Some(structure) => self
                .object(&structure, "ret", task)
                .map(|addr| Some(addr.0)),
            None => Ok(Some(0)),
        }
    }

    /// The registers at the entry or return of a function.
    fn probe_regs(
        &mut self,
        function: &Function,
        func_ip: u64,
        ax: Option<u64>,
        task: &Arc<Task>,
    ) -> Result<Context, EventError> {
        let args = self.call_args(function, task)?;
        let addr = self.allocate(regs::SIZE, &context_spec("pt_regs"))?;
        for (off, arg) in regs::CALL.into_iter().zip(args) {
            self.put(addr, u64::from(off), Size::DW, arg);
        }
        let fixed = [
            (regs::IP, func_ip),
            (regs::SP, KERNEL_STACK),
            (regs::CS, KERNEL_CS),
            (regs::SS, KERNEL_SS),
            (regs::ORIG_AX, u64::MAX),
            (regs::AX, ax.unwrap_or(0)),
        ];
        for (off, value) in fixed {
            self.put(addr, u64::from(off), Size::DW, value);
        }
        Ok(Context::plain(addr))
    }

    /// The arguments of a function.
    fn call_args(&mut self, function: &Function, task: &Arc<Task>) -> Result<Vec<u64>, EventError> {
        if function.syscall.is_some() {
            return self.user_regs(None).map(|addr| vec![addr.0]);
        }
        let mut args = self
            .known_args(&function.name, Space::User, task)?
            .unwrap_or_default();
        for index in 0..regs::CALL.len() {
            if let Some(value) = self.values.get(&format!("arg{index}")).cloned() {
                args.resize(args.len().max(index + 1), 0);
                let number = self.number_of(Space::User, &value)?;
                if let Some(arg) = args.get_mut(index) {
                    *arg = number;
                }
            }
        }
        Ok(args)
    }

    fn function_args(
        &mut self,
        name: &str,
        space: Space,
        task: &Arc<Task>,
    ) -> Result<Vec<u64>, EventError> {
        self.known_args(name, space, task)?
            .ok_or_else(|| EventError::NoLayout {
                hook: name.to_owned(),
                reason: "the kernel's types have no such function".to_owned(),
            })
    }

    /// The arguments of a function that the kernel's types know.
    fn known_args(
        &mut self,
        name: &str,
        space: Space,
        task: &Arc<Task>,
    ) -> Result<Option<Vec<u64>>, EventError> {
        // Compilers leave the one out of the kernel's types; it begins with the other's arguments.
        let name = if name == "do_execveat_common" {
            "do_open_execat"
        } else {
            name
        };
        let Some((_, parameters)) = self.proto(name) else {
            return Ok(None);
        };
        self.check_names(name, &parameters)?;
        self.arguments(&parameters, space, task).map(Some)
    }

    /// The arguments of a tracepoint as they are.
    fn tracepoint_args(
        &mut self,
        name: &str,
        returned: Option<i64>,
        task: &Arc<Task>,
    ) -> Result<Vec<u64>, EventError> {
        let regs = self.user_regs(returned);
        match name {
            "sys_enter" => return Ok(vec![regs?.0, self.syscall_number()]),
            "sys_exit" => {
                let ret = returned.or_else(|| self.values.number("ret").map(u64::cast_signed));
                return Ok(vec![regs?.0, ret.unwrap_or(0).cast_unsigned()]);
            }
            _ => {}
        }
        let proto = self
            .proto(&format!("__probestub_{name}"))
            .or_else(|| self.proto(&format!("__bpf_trace_{name}")));
        let Some((_, parameters)) = proto else {
            let reason = "the kernel's types have no such tracepoint".to_owned();
            return Err(EventError::NoLayout {
                hook: format!("raw_tp {name}"),
                reason,
            });
        };
        // The first is the probe's own.
        let own = parameters.get(1..).unwrap_or_default().to_vec();
        self.check_names(name, &own)?;
        self.arguments(&own, Space::Kernel, task)
    }

    fn arguments(
        &mut self,
        parameters: &[Parameter],
        space: Space,
        task: &Arc<Task>,
    ) -> Result<Vec<u64>, EventError> {
        let mut args = Vec::new();
        for parameter in parameters {
            let structure = self.pointee(parameter.ty);
            let arg = match (self.values.get(&parameter.name).cloned(), structure) {
                (Some(number @ Given::Number(_)), _) => self.number_of(space, &number)?,
                (_, Some(structure)) => self.object(&structure, &parameter.name, task)?.0,
                (Some(value), None) => self.number_of(space, &value)?,
                (None, None) => 0,
            };
            args.push(arg);
        }
        Ok(args)
    }

    /// Checks that what an event was told of its hook are arguments there.
    fn check_names(&self, hook: &str, parameters: &[Parameter]) -> Result<(), EventError> {
        if self.named == Named::No {
            return Ok(());
        }
        let fields: Vec<_> = tracepoints::events()
            .filter(|event| event.name == hook)
            .flat_map(|event| event.fields)
            .collect();
        let names = parameters.iter().map(|parameter| parameter.name.as_str());
        let known: BTreeSet<&str> = names
            .chain(fields.iter().map(|field| field.name))
            .chain(ALWAYS_KNOWN)
            .collect();
        match self.values.iter().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((arg, _)) => Err(EventError::UnknownArg {
                event: hook.to_owned(),
                arg: arg.to_owned(),
                known: known.into_iter().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Return type and parameters of a function of the kernel.
    fn proto(&self, name: &str) -> Option<(BtfId, Vec<Parameter>)> {
        let btf = self.btf();
        let Type::Func { proto, .. } = btf.ty(btf.find(name, KindFilter::FUNC)?) else {
            return None;
        };
        let Type::FuncProto { ret, params } = btf.ty(proto) else {
            return None;
        };
        let parameters = params.iter().map(|param| Parameter {
            name: param.name.to_owned(),
            ty: param.ty,
        });
        Some((ret, parameters.collect()))
    }

    /// The name of the structure that a type points to.
    pub(super) fn pointee(&self, ty: BtfId) -> Option<String> {
        let btf = self.btf();
        let Type::Ptr { to } = btf.resolved(ty) else {
            return None;
        };
        let structure = btf.resolved(to).composite()?;
        (!structure.name.is_empty()).then(|| structure.name.to_owned())
    }

    /// Typed arguments with a return value behind them.
    pub(super) fn typed(
        &mut self,
        mut args: Vec<u64>,
        value: u64,
        returned: Returned,
    ) -> Result<Context, EventError> {
        let count = args.len();
        args.push(value);
        args.resize(args.len().max(TYPED_ARGS), 0);
        let addr = self.words(&args)?;
        Ok(Context {
            addr,
            func_ip: 0,
            func_args: count as u32,
            returned,
        })
    }

    pub(super) fn words(&mut self, words: &[u64]) -> Result<Addr, EventError> {
        let addr = self.allocate(words.len() as u64 * 8, &context_spec("arguments"))?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put_bytes(addr, 0, &bytes);
        Ok(addr)
    }

    /// The record of a tracepoint.
    fn record(
        &mut self,
        category: &str,
        name: &str,
        returned: Option<i64>,
        task: &Arc<Task>,
    ) -> Result<Addr, EventError> {
        let layout = tracepoints::find(category, name).ok_or_else(|| EventError::NoLayout {
            hook: format!("tracepoint {category}/{name}"),
            reason: "no tracepoint of Linux 6.12 that is known has this name".to_owned(),
        })?;
        let mut record = Record::new(&layout, task.pid);
        for field in &layout.fields {
            if field.is_data_loc() || field.type_name.starts_with("char[") {
                let text = self
                    .values
                    .text(field.name)
                    .unwrap_or_else(|| default_text(field.name, task));
                record.text(field, &text);
            } else if field.name == "args" && category == "raw_syscalls" {
                record.words(field, &self.syscall_args()?);
            } else {
                let number = self.field_number(field, returned, task)?;
                record.number(field, number);
            }
        }
        let bytes = record.finish();
        let addr = self.allocate(bytes.len() as u64, &context_spec("tracepoint record"))?;
        self.put_bytes(addr, 0, &bytes);
        Ok(addr)
    }

    fn field_number(
        &mut self,
        field: &RecordField,
        returned: Option<i64>,
        task: &Task,
    ) -> Result<u64, EventError> {
        match (field.name, returned) {
            ("__syscall_nr" | "id", _) if self.syscall.is_some() => {
                return Ok(self.syscall_number());
            }
            ("ret", Some(value)) => return Ok(value.cast_unsigned()),
            _ => {}
        }
        match self.values.get(field.name).cloned() {
            Some(value) => self.number_of(Space::User, &value),
            None => Ok(default_number(field.name, task)),
        }
    }
}

/// A record that is being laid out.
struct Record {
    bytes: Vec<u8>,
    /// Strings, which follow the fields: where each is described, and its bytes.
    strings: Vec<(usize, Vec<u8>)>,
}

impl Record {
    fn new(layout: &Tracepoint, pid: u32) -> Record {
        let mut bytes = vec![0; layout.fixed_size() as usize];
        if let Some(place) = bytes.get_mut(4..8) {
            place.copy_from_slice(&pid.to_le_bytes());
        }
        Record {
            bytes,
            strings: Vec::new(),
        }
    }

    fn set(&mut self, off: usize, size: usize, from: &[u8]) {
        let place = self.bytes.iter_mut().skip(off).take(size);
        place.zip(from).for_each(|(to, from)| *to = *from);
    }

    fn number(&mut self, field: &RecordField, value: u64) {
        self.set(
            field.off as usize,
            field.size as usize,
            &value.to_le_bytes(),
        );
    }

    fn words(&mut self, field: &RecordField, words: &[u64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.set(field.off as usize, field.size as usize, &bytes);
    }

    fn text(&mut self, field: &RecordField, text: &str) {
        if field.is_data_loc() {
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(0);
            self.strings.push((field.off as usize, bytes));
        } else {
            let room = (field.size as usize).saturating_sub(1);
            self.set(field.off as usize, room, text.as_bytes());
        }
    }

    /// The record with its strings behind it, and where each is.
    fn finish(mut self) -> Vec<u8> {
        for (off, text) in std::mem::take(&mut self.strings) {
            let place = u32::try_from(self.bytes.len()).unwrap_or(0) & 0xffff;
            let len = u32::try_from(text.len()).unwrap_or(0) & 0xffff;
            self.set(off, 4, &(len << 16 | place).to_le_bytes());
            self.bytes.extend(text);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes
    }
}

fn default_text(field: &str, task: &Task) -> String {
    match field {
        "next_comm" => "swapper/0".to_owned(),
        _ if field.ends_with("comm") => task.comm.to_string(),
        _ => String::new(),
    }
}

fn default_number(field: &str, task: &Task) -> u64 {
    const DEFAULT_PRIORITY: u64 = 120;
    match field {
        "next_pid" => 0,
        _ if field.ends_with("tgid") => u64::from(task.tgid),
        _ if field == "pid" || field.ends_with("_pid") => u64::from(task.pid),
        _ if field.ends_with("prio") => DEFAULT_PRIORITY,
        _ => 0,
    }
}

/// Where a function of the kernel is said to be: a hash of its name (FNV-1a) in the kernel's text.
pub(super) fn text_address(name: &str) -> u64 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5, mix);
    KERNEL_TEXT + u64::from(hash & 0x00ff_fff0)
}

/// A context, which programs may read.
fn context_spec(name: &str) -> ObjectSpec {
    ObjectSpec::new(ObjectKind::Context, name, Owner::Kernel).with_access(ProgramAccess::ReadOnly)
}
