//! Types as a C header that eBPF programs are compiled against: what `vmlinux.h` is.
//!
//! A program compiled against the header has the types it uses with the layouts they have here; it is not the
//! source they came from: attributes of alignment have become padding, macros and functions are gone.
//!
//! - `order` says what is declared and defined, one after the other, so that everything is there before it is used;
//! - `layout` finds where C would put members, and so where padding and `packed` are needed;
//! - `names` keeps names apart that C would take for one (`list`, `list___2`);
//! - `define` writes definitions, `declare` declarations: a type around a name.
//!
//! Broken input ends in an error or in a header that does not compile, never in an endless one.

mod declare;
mod define;
mod layout;
mod names;
mod order;
mod sequence;
#[cfg(test)]
mod tests;

use thiserror::Error;

use super::{Btf, BtfId, Kind, Type};
use define::Printer;
use order::{Item, Order};

/// Types in types are written into each other at most this deep.
const MAX_NESTING: usize = 256;
/// A header is not made longer than this: anonymous types in each other can ask for an endless one.
const MAX_LEN: usize = 256 << 20;

/// Why there is no header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Anonymous types, arrays or prototypes in each other without end.
    #[error("type {id} nests deeper than {MAX_NESTING}")]
    TooDeep {
        /// The type at that depth.
        id: BtfId,
    },
    /// Anonymous types written again at each place that uses them.
    #[error("the header takes more than {MAX_LEN} bytes at type {id}")]
    TooLong {
        /// The type that is too much.
        id: BtfId,
    },
}

/// What a header is about.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// All types, and prototypes of the functions that programs may call.
    All,
    /// These types, and what they need.
    Some(&'a [BtfId]),
}

const START: &str = "\
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
";

const END: &str = "
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
";

/// Before the prototypes of kfuncs. The macros are those of `bpf_helpers.h`, which may come later.
const KFUNCS_START: &str = "
#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(\".ksyms\")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

";

const KFUNCS_END: &str = "\
#endif
";

impl Btf {
    /// The types as a C header.
    ///
    /// # Errors
    /// Names the type that cannot be written.
    pub fn c_header(&self, roots: Roots<'_>) -> Result<String, HeaderError> {
        let (items, kfuncs) = match roots {
            Roots::All => {
                let kfuncs = kfuncs(self);
                (
                    sequence::all(self).unwrap_or_else(|| any_order(self, &kfuncs)),
                    kfuncs,
                )
            }
            Roots::Some(ids) => {
                let mut order = Order::new(self);
                ids.iter().for_each(|&id| order.root(id));
                (order.finish(), Vec::new())
            }
        };
        let mut printer = Printer::new(self, START);
        for item in items {
            match item {
                Item::Declare(id) => printer.declare_tag(id),
                Item::Define(id) => printer.define(id)?,
            }
        }
        prototypes(&mut printer, &kfuncs)?;
        Ok(printer.finish(END))
    }
}

/// All types in an order in which they can be written.
fn any_order(btf: &Btf, kfuncs: &[Kfunc<'_>]) -> Vec<Item> {
    let mut order = Order::new(btf);
    order.all();
    kfuncs.iter().for_each(|kfunc| order.name(kfunc.proto));
    order.finish()
}

/// A function of the kernel that programs may call.
struct Kfunc<'a> {
    id: BtfId,
    name: &'a str,
    proto: BtfId,
    attributes: &'static str,
}

/// The functions tagged as such, by id.
fn kfuncs(btf: &Btf) -> Vec<Kfunc<'_>> {
    let tagged = btf.ids().filter_map(|tag| match btf.ty(tag) {
        Type::DeclTag {
            name: "bpf_kfunc",
            to,
            component: None,
        } => Some(to),
        _ => None,
    });
    let mut ids: Vec<BtfId> = tagged.collect();
    ids.sort_unstable();
    ids.dedup();
    let kfunc = |id| match btf.ty(id) {
        Type::Func { name, proto, .. } => Some(Kfunc {
            id,
            name,
            proto,
            attributes: attributes(btf, id),
        }),
        _ => None,
    };
    ids.into_iter().filter_map(kfunc).collect()
}

/// What a kfunc's prototype ends with.
fn attributes(btf: &Btf, id: BtfId) -> &'static str {
    let fast = btf.decl_tags(id).any(|(_, tag)| tag == "bpf_fastcall");
    if fast {
        " __weak __ksym __bpf_fastcall;\n"
    } else {
        " __weak __ksym;\n"
    }
}

fn prototypes<'a>(printer: &mut Printer<'a>, kfuncs: &[Kfunc<'a>]) -> Result<(), HeaderError> {
    if kfuncs.is_empty() {
        return Ok(());
    }
    printer.text(KFUNCS_START);
    for kfunc in kfuncs {
        // A second function of the name, or an enumerator, would be another declaration of it.
        if !printer.claim(kfunc.name) {
            continue;
        }
        printer.text("extern ");
        printer.declaration(kfunc.id, kfunc.name)?;
        printer.text(kfunc.attributes);
    }
    printer.text(KFUNCS_END);
    Ok(())
}

/// The keyword of a structure, union or declaration of one.
fn keyword(ty: &Type<'_>) -> &'static str {
    match ty {
        Type::Union(_)
        | Type::Fwd {
            kind: Kind::Union, ..
        } => "union",
        Type::Enum(_) | Type::Enum64(_) => "enum",
        _ => "struct",
    }
}

/// Whether the name is one that C has for an integer, in any order of its words.
fn is_c_integer(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "signed", "unsigned", "char", "short", "int", "long", "_Bool", "__int128",
    ];
    !name.is_empty() && name.split(' ').all(|word| WORDS.contains(&word))
}
