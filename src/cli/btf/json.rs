//! Types as JSON, in the shape that `bpftool --json btf dump` gives them.

use std::io::{self, Write as _};

use ebpf_sim::btf::{Fact, Facts, RawEntry, RawType, kind_name, name_or_anonymous};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cli::output::Output;

/// Writes all types, one after the other: a kernel's are too many to be one value first.
pub(super) fn write<'a>(
    output: &mut Output,
    types: impl Iterator<Item = RawType<'a>>,
) -> anyhow::Result<()> {
    output.write_all(b"{\"types\":[")?;
    for (index, ty) in types.enumerate() {
        if index > 0 {
            output.write_all(b",")?;
        }
        serde_json::to_writer(&mut *output, &Record(&ty)).map_err(io::Error::from)?;
    }
    output.write_all(b"]}\n")?;
    Ok(())
}

/// A type as an object.
struct Record<'a>(&'a RawType<'a>);

/// A member, value, parameter or variable as an object.
struct Entry<'a>(&'a RawEntry<'a>);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id.0)?;
        map.serialize_entry("kind", kind_name(self.0.kind))?;
        map.serialize_entry("name", name_or_anonymous(self.0.name))?;
        facts::<S>(&mut map, &self.0.facts)?;
        if let Some((name, entries)) = &self.0.entries {
            map.serialize_entry(name, &entries.iter().map(Entry).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = self.0.name {
            map.serialize_entry("name", name_or_anonymous(name))?;
        }
        facts::<S>(&mut map, &self.0.facts)?;
        map.end()
    }
}

fn facts<S: Serializer>(map: &mut S::SerializeMap, facts: &Facts<'_>) -> Result<(), S::Error> {
    for (name, fact) in facts {
        match *fact {
            // All numbers have at most 64 bits; one of either sign fits one of these.
            Fact::Number(number) | Fact::Wide(number, _) => match u64::try_from(number) {
                Ok(number) => map.serialize_entry(name, &number)?,
                Err(_) => map.serialize_entry(name, &(number as i64))?,
            },
            Fact::Word(word) => map.serialize_entry(name, word)?,
        }
    }
    Ok(())
}
