//! Where the arguments of a probe lie: the text of its note, in the way of each machine's assembler.
//!
//! | machine | register | memory | constant |
//! | --- | --- | --- | --- |
//! | x86-64 | `-4@%eax` | `8@-16(%rbp)`, `1@-96(%rbp,%rax,8)` | `4@$71` |
//! | aarch64 | `-8@x4` | `-4@[sp, 96]` | `4@5` |
//! | riscv | `-8@a1` | `-8@-88(s0)` | `4@5` |
//! | s390x | `-8@%r0` | `-2@-28(%r15)` | `4@71` |
//!
//! Before the `@` stands the size in bytes, negative for a signed number.

use super::{MAX_ARGUMENTS, Machine, Probe, UsdtError};

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Where it lies.
    pub place: ArgumentPlace,
    /// Its bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// Whether it is a signed number.
    pub signed: bool,
}

/// Where an argument lies. Registers are offsets in what programs are given, `struct pt_regs` on x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentPlace {
    /// Nowhere: it is always that number.
    Constant(i64),
    /// In a register.
    Register(u16),
    /// In memory, so far from what a register holds.
    Memory {
        /// The register.
        register: u16,
        /// The distance.
        off: i64,
    },
    /// In memory, at what a register holds plus a multiple of what another does.
    Indexed {
        /// The register.
        register: u16,
        /// The other.
        index: u16,
        /// The multiple, as a shift: 0 to 3.
        shift: u8,
        /// The distance.
        off: i64,
    },
}

/// x86-64's registers by their names, with their offsets in `struct pt_regs`.
const X86: [(&[&str], u16); 17] = [
    (&["rip", "eip"], 128),
    (&["rax", "eax", "ax", "al"], 80),
    (&["rbx", "ebx", "bx", "bl"], 40),
    (&["rcx", "ecx", "cx", "cl"], 88),
    (&["rdx", "edx", "dx", "dl"], 96),
    (&["rsi", "esi", "si", "sil"], 104),
    (&["rdi", "edi", "di", "dil"], 112),
    (&["rbp", "ebp", "bp", "bpl"], 32),
    (&["rsp", "esp", "sp", "spl"], 152),
    (&["r8", "r8d", "r8w", "r8b"], 72),
    (&["r9", "r9d", "r9w", "r9b"], 64),
    (&["r10", "r10d", "r10w", "r10b"], 56),
    (&["r11", "r11d", "r11w", "r11b"], 48),
    (&["r12", "r12d", "r12w", "r12b"], 24),
    (&["r13", "r13d", "r13w", "r13b"], 16),
    (&["r14", "r14d", "r14w", "r14b"], 8),
    (&["r15", "r15d", "r15w", "r15b"], 0),
];

/// RISC-V's registers in the order of `struct user_regs_struct`, behind the program counter.
const RISCV: [&str; 31] = [
    "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// Bytes of a register.
const REGISTER: u16 = 8;
/// Where s390x's general registers start in `struct user_pt_regs`.
const S390_REGISTERS: u16 = 24;
/// Where aarch64's stack pointer is in `struct user_pt_regs`, behind 31 registers.
const ARM64_SP: u16 = 31 * REGISTER;

/// Reads the arguments of a probe.
pub(super) fn parse(probe: &Probe, machine: Machine) -> Result<Vec<Argument>, UsdtError> {
    let (provider, name) = (probe.provider.clone(), probe.name.clone());
    let mut text = Text {
        rest: &probe.arguments,
        machine,
    };
    let mut found = Vec::new();
    while !text.rest.is_empty() {
        let rest = text.rest.to_owned();
        if found.len() == MAX_ARGUMENTS {
            return Err(UsdtError::TooMany { provider, name });
        }
        let argument = text.argument().map_err(|reason| UsdtError::Argument {
            provider: provider.clone(),
            name: name.clone(),
            index: found.len(),
            text: rest,
            reason,
        })?;
        found.push(argument);
    }
    Ok(found)
}

/// What is still to be read.
struct Text<'a> {
    rest: &'a str,
    machine: Machine,
}

/// A step of reading, or what is wrong.
type Step<T> = Result<T, String>;

impl<'a> Text<'a> {
    fn argument(&mut self) -> Step<Argument> {
        self.skip_space();
        let unknown = || "it is not understood".to_owned();
        let size = self.number().ok_or_else(unknown)?;
        if !self.take('@') {
            return Err(unknown());
        }
        let place = match self.machine {
            Machine::X86 => self.x86(),
            Machine::Arm64 => self.arm64(),
            Machine::Riscv => self.riscv(),
            Machine::S390 => self.s390(),
        }?;
        self.skip_space();
        match size.unsigned_abs() {
            bytes @ (1 | 2 | 4 | 8) => Ok(Argument {
                place: place.ok_or_else(unknown)?,
                size: bytes as u8,
                signed: size < 0,
            }),
            _ => Err(format!("it has {size} bytes, want 1, 2, 4 or 8")),
        }
    }

    fn x86(&mut self) -> Step<Option<ArgumentPlace>> {
        if self.take('$') {
            return Ok(self.number().map(ArgumentPlace::Constant));
        }
        if self.take('%') {
            return self
                .register()
                .map(|reg| Some(ArgumentPlace::Register(reg)));
        }
        let off = self.number().unwrap_or(0);
        if !self.take('(') || !self.take('%') {
            return Ok(None);
        }
        let register = self.register()?;
        if self.take(')') {
            return Ok(Some(ArgumentPlace::Memory { register, off }));
        }
        if !self.take(',') || !self.take('%') {
            return Ok(None);
        }
        let index = self.register()?;
        let scale = match self.take(',') {
            true => self.number().unwrap_or(0),
            false => 1,
        };
        let shift = match scale {
            1 => 0,
            2 => 1,
            4 => 2,
            8 => 3,
            _ => return Err(format!("the scale is {scale}, want 1, 2, 4 or 8")),
        };
        Ok(self.take(')').then_some(ArgumentPlace::Indexed {
            register,
            index,
            shift,
            off,
        }))
    }

    fn arm64(&mut self) -> Step<Option<ArgumentPlace>> {
        if !self.take('[') {
            return self.number_or_register();
        }
        let register = self.register()?;
        let off = match self.take(',') {
            true => self.number(),
            false => Some(0),
        };
        let ended = self.take(']');
        let place = off.map(|off| ArgumentPlace::Memory { register, off });
        Ok(place.filter(|_| ended))
    }

    fn riscv(&mut self) -> Step<Option<ArgumentPlace>> {
        match self.number_or_register()? {
            Some(ArgumentPlace::Constant(off)) if self.take('(') => {
                let register = self.register()?;
                let place = ArgumentPlace::Memory { register, off };
                Ok(self.take(')').then_some(place))
            }
            place => Ok(place),
        }
    }

    fn s390(&mut self) -> Step<Option<ArgumentPlace>> {
        if self.take('%') {
            return self
                .register()
                .map(|reg| Some(ArgumentPlace::Register(reg)));
        }
        let Some(off) = self.number() else {
            return Ok(None);
        };
        if !self.take('(') {
            return Ok(Some(ArgumentPlace::Constant(off)));
        }
        if !self.take('%') {
            return Ok(None);
        }
        let register = self.register()?;
        let place = ArgumentPlace::Memory { register, off };
        Ok(self.take(')').then_some(place))
    }

    fn number_or_register(&mut self) -> Step<Option<ArgumentPlace>> {
        match self.number() {
            Some(number) => Ok(Some(ArgumentPlace::Constant(number))),
            None => self
                .register()
                .map(|reg| Some(ArgumentPlace::Register(reg))),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes a character, if it is the next but for spaces.
    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes a decimal number, if one is next.
    fn number(&mut self) -> Option<i64> {
        let rest = self.rest.trim_start();
        let sign = usize::from(rest.starts_with(['-', '+']));
        let digits = rest.get(sign..)?;
        let len = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let (number, after) = rest.split_at(sign + len);
        let number = number.parse().ok()?;
        self.rest = after;
        Some(number)
    }

    /// Takes a register's name, for its offset.
    fn register(&mut self) -> Step<u16> {
        let rest: &'a str = self.rest.trim_start();
        let len = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(len);
        self.rest = after;
        register(self.machine, name).ok_or_else(|| format!("there is no register `{name}`"))
    }
}

/// The offset of a register by its name.
fn register(machine: Machine, name: &str) -> Option<u16> {
    let numbered = |prefix: &str, count: u16| {
        let number: u16 = name.strip_prefix(prefix)?.parse().ok()?;
        (number < count).then_some(number)
    };
    match machine {
        Machine::X86 => {
            let row = X86.iter().find(|(names, _)| names.contains(&name));
            row.map(|(_, off)| *off)
        }
        Machine::Arm64 if name == "sp" => Some(ARM64_SP),
        Machine::Arm64 => numbered("x", 31).map(|number| number * REGISTER),
        Machine::Riscv => {
            let mut names = (1..).zip(RISCV);
            names
                .find(|(_, one)| *one == name)
                .map(|(number, _): (u16, _)| number * REGISTER)
        }
        Machine::S390 => numbered("r", 16).map(|number| S390_REGISTERS + number * REGISTER),
    }
}
