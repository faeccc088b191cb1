//! Global variables: where each lies in the maps of the data sections, so that it can be shown and
//! set by name.

use crate::btf::{Btf, BtfId, KindFilter, Type};

use super::code::{Code, Content};
use super::elf::{Place, Symbol, SymbolKind};

/// A global variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its name. Static variables of functions are called `function.variable`.
    pub name: String,
    /// Index of the map of its section.
    pub map: u32,
    /// Where it starts in the map's value.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its type, if the object describes it.
    pub ty: Option<BtfId>,
}

/// All variables, by map and offset.
pub(super) fn collect(code: &Code, symbols: &[Symbol], btf: Option<&Btf>) -> Vec<Global> {
    let mut globals: Vec<Global> = symbols
        .iter()
        .filter_map(|symbol| global(code, symbol))
        .collect();
    globals.sort_by_key(|global| (global.map, global.offset));
    let Some(btf) = btf else { return globals };
    for loaded in &code.places {
        let Content::Data(map) = loaded.content else {
            continue;
        };
        let datasec = btf
            .find(&loaded.name, KindFilter::DATASEC)
            .map(|id| btf.ty(id));
        let Some(Type::Datasec { entries, .. }) = datasec else {
            continue;
        };
        for entry in entries.iter() {
            let Type::Var { ty, .. } = btf.ty(entry.var) else {
                continue;
            };
            let found = globals
                .binary_search_by_key(&(map, entry.offset), |global| (global.map, global.offset));
            if let Some(global) = found.ok().and_then(|index| globals.get_mut(index)) {
                global.ty = Some(ty);
            }
        }
    }
    globals
}

fn global(code: &Code, symbol: &Symbol) -> Option<Global> {
    let (SymbolKind::Object, Place::Section(section)) = (symbol.kind, symbol.place) else {
        return None;
    };
    let Content::Data(map) = code.places.get(section)?.content else {
        return None;
    };
    let (offset, size) = (
        u32::try_from(symbol.value).ok()?,
        u32::try_from(symbol.size).ok()?,
    );
    Some(Global {
        name: symbol.name.to_string(),
        map,
        offset,
        size,
        ty: None,
    })
}
