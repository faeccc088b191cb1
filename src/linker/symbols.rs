//! Which definition each global name stands for.
//!
//! One that is not weak wins, else the first weak one. The code of a weak function that lost stays where it is, without a name. What
//! no input defines stays undefined: it is the kernel's, or the loader's.

use std::collections::HashMap;

use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL, STB_WEAK, STT_NOTYPE};

use super::LinkerError;
use super::input::{Input, Symbol};
use super::layout::{Layout, Ownership};

/// Visibility `hidden`.
const STV_HIDDEN: u8 = 2;
/// The bits of visibility.
const VISIBILITY: u8 = 3;

/// A global name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Global<'a> {
    /// The input and symbol that it stands for: a definition, or the first declaration.
    pub(super) input: usize,
    pub(super) symbol: Symbol<'a>,
    /// Its binding in the output.
    pub(super) binding: u8,
    /// Its visibility in the output.
    pub(super) visibility: u8,
}

impl Global<'_> {
    pub(super) fn is_defined(&self) -> bool {
        self.symbol.section.is_some()
    }
}

/// All global names, in the order in which they come up.
pub(super) struct Globals<'a> {
    pub(super) all: Vec<Global<'a>>,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Globals<'a> {
    pub(super) fn new(
        inputs: &[Input<'a>],
        layout: &Layout<'_>,
    ) -> Result<Globals<'a>, LinkerError> {
        let mut globals = Globals {
            all: Vec::new(),
            by_name: HashMap::new(),
        };
        for (number, input) in inputs.iter().enumerate() {
            for symbol in input
                .symbols
                .iter()
                .filter(|symbol| symbol.binding() != STB_LOCAL)
            {
                globals.add(inputs, layout, number, symbol)?;
            }
        }
        Ok(globals)
    }

    /// The index of a name.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The global of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Global<'a>> {
        self.all.get(self.index(name)?)
    }

    fn add(
        &mut self,
        inputs: &[Input<'a>],
        layout: &Layout<'_>,
        number: usize,
        symbol: &Symbol<'a>,
    ) -> Result<(), LinkerError> {
        let Some(known) = self
            .index(symbol.name)
            .and_then(|index| self.all.get_mut(index))
        else {
            self.by_name.insert(symbol.name, self.all.len());
            self.all.push(Global {
                input: number,
                symbol: *symbol,
                binding: symbol.binding(),
                visibility: symbol.other & VISIBILITY,
            });
            return Ok(());
        };
        check_kind(inputs, known, number, symbol)?;
        if symbol.other & VISIBILITY == STV_HIDDEN {
            known.visibility = STV_HIDDEN;
        }
        let spot = symbol
            .section
            .and_then(|section| layout.spot(number, section));
        // What stands in both inputs and once in the output is no second definition.
        let is_equal = spot.is_some_and(|spot| spot.is_own == Ownership::Equal);
        match (known.is_defined(), symbol.section.is_some()) {
            (_, true) if is_equal => {}
            (true, false) => {}
            (false, false) => known.binding = strongest(known.binding, symbol.binding()),
            (false, true) => known.define(number, symbol),
            (true, true) => match (known.binding, symbol.binding()) {
                (STB_WEAK, STB_WEAK) | (STB_GLOBAL, STB_WEAK) => {}
                (STB_WEAK, _) => known.define(number, symbol),
                _ => {
                    let name = |number: usize| inputs.get(number).map_or("", |input| input.name);
                    return Err(LinkerError::Twice {
                        name: symbol.name.to_owned(),
                        first: name(known.input).to_owned(),
                        second: name(number).to_owned(),
                    });
                }
            },
        }
        Ok(())
    }
}

impl<'a> Global<'a> {
    fn define(&mut self, number: usize, symbol: &Symbol<'a>) {
        self.input = number;
        self.symbol = *symbol;
        self.binding = symbol.binding();
    }
}

fn strongest(one: u8, other: u8) -> u8 {
    if one == STB_GLOBAL || other == STB_GLOBAL {
        STB_GLOBAL
    } else {
        STB_WEAK
    }
}

/// Declarations have no type of symbol, but definitions do, and must have the same.
fn check_kind(
    inputs: &[Input<'_>],
    known: &Global<'_>,
    number: usize,
    symbol: &Symbol<'_>,
) -> Result<(), LinkerError> {
    let (first, second) = (known.symbol, symbol);
    let untyped = first.kind() == STT_NOTYPE || second.kind() == STT_NOTYPE;
    if untyped || first.kind() == second.kind() {
        return Ok(());
    }
    let name = |number: usize| inputs.get(number).map_or("", |input| input.name).to_owned();
    Err(LinkerError::SymbolType {
        name: symbol.name.to_owned(),
        first: name(known.input),
        second: name(number),
        got: second.kind_name(),
        want: first.kind_name(),
    })
}
