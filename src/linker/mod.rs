//! Static linking: several objects become one, as `bpftool gen object` makes it.
//!
//! The result is an object like those that clang makes, to be loaded like one. Nothing is judged, and CO-RE
//! relocations stay what they are. What libbpf 1.5's static linker does is the measure:
//!
//! - `input` reads the objects;
//! - `layout` puts sections of one name behind each other; licences and versions must be the same;
//! - `symbols` finds what each global name stands for;
//! - `types` joins type information;
//! - `relocate` makes places refer to where things are now; `write` writes the object.

mod error;
mod input;
mod layout;
mod relocate;
mod symbols;
mod types;
mod write;

#[cfg(test)]
mod tests;

pub use error::LinkerError;
use input::Input;
use layout::Layout;
use symbols::Globals;

/// Links objects, each a name for errors and the bytes of the file, into one.
///
/// # Errors
/// Names the files and what of them does not go together.
pub fn link(objects: &[(String, Vec<u8>)]) -> Result<Vec<u8>, LinkerError> {
    let mut inputs = Vec::with_capacity(objects.len());
    for (name, bytes) in objects {
        inputs.push(Input::parse(name, bytes)?);
    }
    let mut layout = Layout::new(&inputs)?;
    let globals = Globals::new(&inputs, &layout)?;
    let types = types::join(&inputs, &layout, &globals)?;
    let places = relocate::relocate(&inputs, &mut layout)?;
    write::write(&inputs, &layout, &globals, &places, types)
}
