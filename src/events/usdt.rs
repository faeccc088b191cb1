//! A static probe of an executable is passed: the registers and the memory in which its arguments lie.
//!
//! Which probes an executable has, and where their arguments lie, [`crate::object::usdt`] reads.
//!
//! Rules:
//! - What a program sees of an argument is what was given, whatever the place: registers and memory are made to fit.
//! - Arguments that nothing was given for are 0.
//! - Two arguments in one register cannot differ, nor can a constant be another number: that is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::isa::Size;
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, Task};
use crate::object::usdt::{Argument, ArgumentPlace, Executable, Machine, Probe, UsdtError};

use super::scene::{Space, regs, user_memory};
use super::{EventError, Given, Passage, Point, Scene, Values};

/// How far apart arguments may lie that one register leads to.
const REACH: i64 = 1 << 20;
/// Where code and stack of the process are said to be.
const USER_SP: u64 = 0x7fff_ffff_e000;
const USER_CS: u64 = 0x33;
const USER_SS: u64 = 0x2b;

/// A probe that is passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsdtEvent {
    /// The executable.
    pub executable: Arc<Executable>,
    /// Who provides the probe.
    pub provider: String,
    /// Its name.
    pub name: String,
    /// Which of its places, in the order of the file.
    pub site: usize,
    /// Its arguments by number, as text: a number, or for a pointer the string it points to.
    pub args: BTreeMap<usize, String>,
}

impl UsdtEvent {
    /// The first place of a probe, with arguments `arg0`, `arg1`, …; `site` names another place.
    ///
    /// # Errors
    /// There is no such probe, place or argument, or it cannot be read.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        executable: Arc<Executable>,
        provider: &str,
        name: &str,
        args: &[(K, V)],
    ) -> Result<UsdtEvent, EventError> {
        let mut event = UsdtEvent {
            executable,
            provider: provider.to_owned(),
            name: name.to_owned(),
            site: 0,
            args: BTreeMap::new(),
        };
        for (arg, text) in args.iter().map(|(arg, text)| (arg.as_ref(), text.as_ref())) {
            let number = arg
                .strip_prefix("arg")
                .and_then(|number| number.parse().ok());
            match (arg, number) {
                ("site", _) => event.site = text.parse().map_err(|_| event.bad(arg, text))?,
                (_, Some(number)) => {
                    event.args.insert(number, text.to_owned());
                }
                (_, None) => return Err(event.unknown(arg)),
            }
        }
        let (_, places) = event.place()?;
        if let Some(number) = event.args.keys().find(|number| **number >= places.len()) {
            return Err(event.unknown(&format!("arg{number}")));
        }
        Ok(event)
    }

    /// All places of the probe.
    pub fn sites(&self) -> Result<Vec<&Probe>, UsdtError> {
        self.executable.find(&self.provider, &self.name)
    }

    /// The place that is passed, and where its arguments lie.
    fn place(&self) -> Result<(&Probe, Vec<Argument>), EventError> {
        let sites = self.sites()?;
        let probe = sites
            .get(self.site)
            .ok_or_else(|| self.bad("site", &self.site.to_string()))?;
        Ok((probe, probe.places(self.executable.machine)?))
    }

    fn title(&self) -> String {
        format!(
            "usdt:{}:{}:{}",
            self.executable.path, self.provider, self.name
        )
    }

    fn bad(&self, arg: &str, text: &str) -> EventError {
        EventError::BadValue {
            event: self.title(),
            arg: arg.to_owned(),
            value: text.to_owned(),
            wanted: "the number of one of its places, from 0",
        }
    }

    fn unknown(&self, arg: &str) -> EventError {
        let count = self.place().map_or(0, |(_, places)| places.len());
        let known = (0..count).map(|number| format!("arg{number}"));
        let known: Vec<String> = known.chain(["site".to_owned()]).collect();
        EventError::UnknownArg {
            event: self.title(),
            arg: arg.to_owned(),
            known: known.join(", "),
        }
    }
}

/// The way of the event: one point.
pub(super) fn passage(event: &UsdtEvent, task: &Arc<Task>) -> Passage {
    let mut passage = Passage::new(Arc::clone(task), Values::default());
    passage.set_named();
    passage.pass(Point::Usdt {
        path: event.executable.path.clone(),
        provider: event.provider.clone(),
        name: event.name.clone(),
    });
    passage.set_usdt(event.clone());
    passage
}

/// The registers while they are found.
#[derive(Default)]
struct Registers {
    values: BTreeMap<u16, u64>,
    /// Those that an argument was given for.
    given: BTreeMap<u16, usize>,
}

impl Scene<'_> {
    /// The registers at a probe.
    pub(super) fn usdt_regs(&mut self) -> Result<Addr, EventError> {
        let Some(event) = self.usdt.clone() else {
            return Err(EventError::NoLayout {
                hook: "usdt".to_owned(),
                reason: "no probe is passed".to_owned(),
            });
        };
        if event.executable.machine != Machine::X86 {
            return Err(EventError::NoLayout {
                hook: event.title(),
                reason: "the executable is not for x86-64, which is what is simulated".to_owned(),
            });
        }
        let (probe, places) = event.place()?;
        let mut registers = Registers::default();
        registers.values.insert(regs::IP as u16, probe.address);
        registers.values.insert(regs::SP as u16, USER_SP);
        let mut numbers = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let number = self.usdt_number(&event, index, place)?;
            event.hold(&mut registers, index, place, number)?;
            numbers.push(number.unwrap_or(0));
        }
        self.usdt_memory(&event, &mut registers, &places, &numbers)?;
        let spec = ObjectSpec::new(ObjectKind::Context, "pt_regs", Owner::Kernel);
        let addr = self.allocate(regs::SIZE, &spec)?;
        let fixed = [
            (regs::CS, USER_CS),
            (regs::SS, USER_SS),
            (regs::ORIG_AX, u64::MAX),
        ];
        let fixed = fixed.map(|(off, value)| (u64::from(off), value));
        let found = registers.values.iter();
        for (off, value) in fixed
            .into_iter()
            .chain(found.map(|(off, value)| (u64::from(*off), *value)))
        {
            self.put(addr, off, Size::DW, value);
        }
        Ok(addr)
    }

    /// What was given for an argument.
    fn usdt_number(
        &mut self,
        event: &UsdtEvent,
        index: usize,
        place: &Argument,
    ) -> Result<Option<u64>, EventError> {
        let Some(text) = event.args.get(&index) else {
            return Ok(None);
        };
        let given = match super::values::number(text) {
            Some(number) => Given::Number(number),
            None => Given::Text(text.clone()),
        };
        let number = self.number_of(Space::User, &given)?;
        if place.holds(number) {
            return Ok(Some(number));
        }
        Err(EventError::BadValue {
            event: event.title(),
            arg: format!("arg{index}"),
            value: text.clone(),
            wanted: place.range(),
        })
    }

    /// Puts the arguments that lie in memory there, and lets registers lead to them.
    fn usdt_memory(
        &mut self,
        event: &UsdtEvent,
        registers: &mut Registers,
        places: &[Argument],
        numbers: &[u64],
    ) -> Result<(), EventError> {
        let mut areas: BTreeMap<u16, Vec<(i64, u8, u64)>> = BTreeMap::new();
        for (place, number) in places.iter().zip(numbers) {
            let Some((register, off)) = registers.memory(&place.place) else {
                continue;
            };
            let area = areas.entry(register).or_default();
            area.push((off, place.size, *number));
        }
        for (register, parts) in areas {
            if let Some(index) = registers.given.get(&register) {
                return Err(event.conflict(*index, "a register that leads to another argument"));
            }
            let low = parts.iter().map(|(off, ..)| *off).min().unwrap_or(0);
            let high = parts.iter().map(|(off, ..)| *off).max().unwrap_or(0);
            let reach = high.checked_sub(low).filter(|reach| *reach <= REACH);
            let Some(reach) = reach else {
                return Err(event.conflict(0, "memory that is too far from other arguments"));
            };
            let area = self.allocate(reach.unsigned_abs() + 8, &user_memory("arguments"))?;
            for (off, size, number) in parts {
                let bytes = number.to_le_bytes();
                let bytes = bytes.get(..usize::from(size)).unwrap_or_default();
                self.put_bytes(area, off.wrapping_sub(low).unsigned_abs(), bytes);
            }
            let base = area.0.wrapping_sub(low.cast_unsigned());
            registers.values.insert(register, base);
        }
        Ok(())
    }
}

impl Registers {
    /// The register that leads to an argument in memory, and how far it is from there.
    fn memory(&self, place: &ArgumentPlace) -> Option<(u16, i64)> {
        match *place {
            ArgumentPlace::Constant(_) | ArgumentPlace::Register(_) => None,
            ArgumentPlace::Memory { register, off } => Some((register, off)),
            ArgumentPlace::Indexed {
                register,
                index,
                shift,
                off,
            } => {
                let index = self.values.get(&index).copied().unwrap_or(0);
                let distance = (index << shift).cast_signed();
                Some((register, off.wrapping_add(distance)))
            }
        }
    }
}

impl UsdtEvent {
    /// Puts an argument that lies in no memory where it lies.
    fn hold(
        &self,
        registers: &mut Registers,
        index: usize,
        place: &Argument,
        number: Option<u64>,
    ) -> Result<(), EventError> {
        match (place.place, number) {
            (ArgumentPlace::Constant(constant), Some(number))
                if constant.cast_unsigned() != number =>
            {
                Err(self.conflict(index, "a constant"))
            }
            (ArgumentPlace::Register(register), Some(number)) => {
                let before = registers.values.insert(register, number);
                let taken = registers.given.insert(register, index).is_some();
                match taken && before != Some(number) {
                    true => Err(self.conflict(index, "the register of another argument")),
                    false => Ok(()),
                }
            }
            (ArgumentPlace::Register(register), None) => {
                registers.values.entry(register).or_insert(0);
                Ok(())
            }
            (
                ArgumentPlace::Constant(_)
                | ArgumentPlace::Memory { .. }
                | ArgumentPlace::Indexed { .. },
                _,
            ) => Ok(()),
        }
    }

    fn conflict(&self, index: usize, with: &'static str) -> EventError {
        EventError::Place {
            event: self.title(),
            arg: format!("arg{index}"),
            with,
        }
    }
}

impl Argument {
    /// Whether a number fits, signed or not.
    fn holds(&self, number: u64) -> bool {
        let bits = u32::from(self.size) * 8;
        let signed = number.cast_signed();
        bits >= 64 || number >> bits == 0 || signed < 0 && signed >> (bits - 1) == -1
    }

    fn range(&self) -> &'static str {
        match self.size {
            1 => "a number of 1 byte",
            2 => "a number of 2 bytes",
            _ => "a number of 4 bytes",
        }
    }
}
