//! The type information of the output: types once each, sections of variables where they are now, and what is said of
//! instructions where those are now.

use std::collections::HashMap;

use goblin::elf::sym::STB_LOCAL;

use super::LinkerError;
use super::input::Input;
use super::layout::Layout;
use super::symbols::{Global, Globals};
use crate::btf::{
    Agreement, Btf, BtfExt, BtfId, FuncLinkage, InfoSection, Merge, Merged, MergedId, Moved,
    SecEntry, Type, VarLinkage,
};

const EXT_MAGIC: u32 = 0x0001_eb9f;
/// Bytes of the header of `.BTF.ext` with CO-RE relocations.
const EXT_HEADER_LEN: u32 = 32;

/// The two sections.
pub(super) struct Types {
    pub(super) btf: Vec<u8>,
    pub(super) ext: Option<Vec<u8>>,
}

/// The functions and variables of an input that others see, by name.
type Visible<'a> = HashMap<&'a str, BtfId>;

/// Joins the types of all inputs; none where no input has any.
pub(super) fn join(
    inputs: &[Input<'_>],
    layout: &Layout<'_>,
    globals: &Globals<'_>,
) -> Result<Option<Types>, LinkerError> {
    if inputs.iter().all(|input| input.btf.is_none()) {
        return Ok(None);
    }
    let mut merge = Merge::default();
    let moved = inputs
        .iter()
        .map(|input| input.btf.as_ref().map(|btf| merge.add(btf)));
    let moved: Vec<Option<Moved>> = moved.collect();
    let join = Join {
        inputs,
        layout,
        globals,
        moved,
    };
    join.replace_declarations(&mut merge)?;
    join.sections(&mut merge);
    let tables = join.tables(&mut merge);
    let merged = merge.finish();
    let ext = tables.bytes(&merged);
    Ok(Some(Types {
        btf: merged.bytes,
        ext,
    }))
}

struct Join<'a> {
    inputs: &'a [Input<'a>],
    layout: &'a Layout<'a>,
    globals: &'a Globals<'a>,
    moved: Vec<Option<Moved>>,
}

/// The functions and variables that other objects see.
fn visible(btf: &Btf) -> Visible<'_> {
    let seen = |id| match btf.ty(id) {
        Type::Func { name, linkage, .. } if linkage != FuncLinkage::Static => Some((name, id)),
        Type::Var { name, linkage, .. } if linkage != VarLinkage::Static => Some((name, id)),
        _ => None,
    };
    btf.ids().filter_map(seen).collect()
}

impl<'a> Join<'a> {
    fn moved(&self, input: usize, id: BtfId) -> Option<MergedId> {
        self.moved.get(input).copied()??.id(id)
    }

    /// Lets what a name stands for stand for its other declarations and definitions, which must agree.
    fn replace_declarations(&self, merge: &mut Merge) -> Result<(), LinkerError> {
        let all: Vec<Visible<'_>> = self
            .inputs
            .iter()
            .map(|input| input.btf.as_ref().map(visible).unwrap_or_default())
            .collect();
        let (mut pairs, mut names) = (Vec::new(), Vec::new());
        for (number, visible) in all.iter().enumerate() {
            let mut sorted: Vec<(&str, BtfId)> =
                visible.iter().map(|(&name, &id)| (name, id)).collect();
            sorted.sort_unstable_by_key(|&(_, id)| id);
            for (name, id) in sorted {
                let Some(global) = self.globals.find(name) else {
                    continue;
                };
                let winner = all.get(global.input).and_then(|all| all.get(name)).copied();
                let winner = winner.and_then(|id| self.moved(global.input, id));
                let own = self.moved(number, id);
                if let (true, Some(winner), Some(own)) = (global.input != number, winner, own) {
                    pairs.push((own, winner, self.agreement(global)));
                    names.push((name, global.input, number));
                }
            }
        }
        let agree = merge.agree(&pairs);
        for ((pair, agrees), (name, first, second)) in pairs.iter().zip(agree).zip(names) {
            if !agrees {
                let file = |number: usize| self.inputs.get(number).map_or("", |input| input.name);
                return Err(LinkerError::Declaration {
                    name: name.to_owned(),
                    first: file(first).to_owned(),
                    second: file(second).to_owned(),
                });
            }
            merge.replace(pair.0, pair.1);
        }
        Ok(())
    }

    /// What declarations of a name have to agree in.
    fn agreement(&self, global: &Global<'_>) -> Agreement {
        let input = self.inputs.get(global.input);
        let section = input.zip(global.symbol.section);
        let section = section.and_then(|(input, section)| input.sections.get(section));
        match section.map(|section| section.name) {
            Some(".maps") => Agreement::Map,
            _ => Agreement::Type,
        }
    }

    /// Makes the sections of variables.
    fn sections(&self, merge: &mut Merge) {
        let mut order: Vec<&str> = Vec::new();
        let mut variables: HashMap<&str, Vec<(MergedId, u32, u32)>> = HashMap::new();
        for (number, input) in self.inputs.iter().enumerate() {
            let Some(btf) = &input.btf else { continue };
            for id in btf.ids() {
                let Type::Datasec { name, entries, .. } = btf.ty(id) else {
                    continue;
                };
                let all = variables.entry(name).or_insert_with(|| {
                    order.push(name);
                    Vec::new()
                });
                all.extend(
                    entries
                        .iter()
                        .filter_map(|entry| self.variable(number, btf, entry)),
                );
            }
        }
        for name in order {
            let mut all = variables.remove(name).unwrap_or_default();
            // What was only declared in it is in other sections now.
            if all.is_empty() && self.layout.find(name).is_none() {
                continue;
            }
            all.sort_by_key(|&(_, offset, _)| offset);
            let size = self
                .layout
                .find(name)
                .map_or(0, |(_, section)| section.size);
            merge.add_section(name, u32::try_from(size).unwrap_or(u32::MAX), &all);
        }
    }

    /// A variable of an input's section, where it is in the output; none where another one stands for it.
    fn variable(&self, number: usize, btf: &Btf, entry: SecEntry) -> Option<(MergedId, u32, u32)> {
        let ty = btf.ty(entry.var);
        let name = ty.name();
        let is_static = matches!(
            ty,
            Type::Var {
                linkage: VarLinkage::Static,
                ..
            }
        );
        let id = self.moved(number, entry.var)?;
        let symbol = if is_static {
            let mut symbols = self.inputs.get(number)?.symbols.iter();
            *symbols.find(|symbol| symbol.binding() == STB_LOCAL && symbol.name == name)?
        } else {
            let global = self.globals.find(name)?;
            if global.input != number {
                return None;
            }
            global.symbol
        };
        let offset = match symbol.section {
            Some(section) => {
                let spot = self.layout.spot(number, section)?;
                spot.offset.checked_add(symbol.value)?
            }
            None => u64::from(entry.offset),
        };
        Some((id, u32::try_from(offset).ok()?, entry.size))
    }

    /// What is said of instructions, with places in the output and names in the common strings.
    fn tables(&self, merge: &mut Merge) -> Tables {
        let mut tables = Tables::default();
        for (number, input) in self.inputs.iter().enumerate() {
            if let (Some(btf), Some(ext)) = (&input.btf, &input.ext) {
                self.add_tables(number, btf, ext, merge, &mut tables);
            }
        }
        tables
    }

    fn add_tables(
        &self,
        number: usize,
        btf: &Btf,
        ext: &BtfExt,
        merge: &mut Merge,
        tables: &mut Tables,
    ) {
        self.add_table(
            number,
            btf,
            &ext.func_info,
            merge,
            &mut tables.functions,
            |info, base, _| Row {
                words: vec![base.wrapping_add(info.insn_offset), 0],
                ty: self.moved(number, info.ty),
            },
        );
        self.add_table(
            number,
            btf,
            &ext.line_info,
            merge,
            &mut tables.lines,
            |info, base, merge| {
                let place = (info.line << 10) | info.column;
                let (file, text) = (
                    merge.text(btf.text(info.file)),
                    merge.text(btf.text(info.text)),
                );
                Row {
                    words: vec![base.wrapping_add(info.insn_offset), file, text, place],
                    ty: None,
                }
            },
        );
        self.add_table(
            number,
            btf,
            &ext.core_relos,
            merge,
            &mut tables.relocations,
            |info, base, merge| {
                let access = merge.text(btf.text(info.access));
                Row {
                    words: vec![
                        base.wrapping_add(info.insn_offset),
                        0,
                        access,
                        info.kind.number(),
                    ],
                    ty: self.moved(number, info.ty),
                }
            },
        );
    }

    /// Adds the records of each section that is in the output.
    fn add_table<T>(
        &self,
        number: usize,
        btf: &Btf,
        sections: &[InfoSection<T>],
        merge: &mut Merge,
        table: &mut Table,
        row: impl Fn(&T, u32, &mut Merge) -> Row,
    ) {
        for section in sections {
            let name = btf.text(section.name);
            let mut indexes = self.inputs.get(number).into_iter().flat_map(|input| {
                (0..)
                    .zip(&input.sections)
                    .filter(|(_, found)| found.name == name)
            });
            let spot = indexes
                .next()
                .and_then(|(index, _)| self.layout.spot(number, index));
            let Some(base) = spot.and_then(|spot| u32::try_from(spot.offset).ok()) else {
                continue;
            };
            let name = merge.text(name);
            let rows = section
                .records
                .iter()
                .map(|record| row(record, base, merge));
            let rows: Vec<Row> = rows.collect();
            match table.sections.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(rows),
                None => table.sections.push((name, rows)),
            }
        }
    }
}

/// What is said of instructions.
#[derive(Default)]
struct Tables {
    functions: Table,
    lines: Table,
    relocations: Table,
}

/// One of the three tables: records by the name of their section.
#[derive(Default)]
struct Table {
    sections: Vec<(u32, Vec<Row>)>,
}

/// A record, whose second word is a type where it has one.
struct Row {
    words: Vec<u32>,
    ty: Option<MergedId>,
}

impl Tables {
    /// The `.BTF.ext` section, none where nothing is said.
    fn bytes(&self, merged: &Merged) -> Option<Vec<u8>> {
        let tables = [
            (&self.functions, 8),
            (&self.lines, 16),
            (&self.relocations, 16),
        ];
        let tables = tables.map(|(table, len)| table.words(len, merged));
        if tables.iter().all(Vec::is_empty) {
            return None;
        }
        let mut words = vec![EXT_MAGIC, EXT_HEADER_LEN];
        let mut offset = 0;
        for table in &tables {
            let len = table.len() as u32 * 4;
            words.extend([offset, len]);
            offset += len;
        }
        words.extend(tables.into_iter().flatten());
        Some(words.into_iter().flat_map(u32::to_le_bytes).collect())
    }
}

impl Table {
    fn words(&self, record_len: u32, merged: &Merged) -> Vec<u32> {
        if self.sections.is_empty() {
            return Vec::new();
        }
        let mut words = vec![record_len];
        for (name, rows) in &self.sections {
            words.extend([*name, rows.len() as u32]);
            for row in rows {
                let start = words.len();
                words.extend(&row.words);
                if let (Some(ty), Some(word)) = (row.ty, words.get_mut(start + 1)) {
                    *word = merged.id(ty).0;
                }
            }
        }
        words
    }
}
