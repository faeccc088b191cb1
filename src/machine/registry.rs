//! Ids of maps, programs and links, as `bpftool` lists them: rising from 1, never used twice.
//!
//! It hands out numbers and keeps no objects.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The id of a map.
    MapId
}
id! {
    /// The id of a program.
    ProgId
}
id! {
    /// The id of a link.
    LinkId
}

/// Where ids come from.
#[derive(Debug, Default)]
pub struct Registry {
    maps: AtomicU32,
    progs: AtomicU32,
    links: AtomicU32,
}

impl Registry {
    /// The next map's id.
    pub fn next_map(&self) -> MapId {
        MapId(next(&self.maps))
    }

    /// The next program's id.
    pub fn next_prog(&self) -> ProgId {
        ProgId(next(&self.progs))
    }

    /// The next link's id.
    pub fn next_link(&self) -> LinkId {
        LinkId(next(&self.links))
    }
}

fn next(counter: &AtomicU32) -> u32 {
    counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_ids_rise_from_one_for_each_kind() {
        let registry = Registry::default();
        assert_eq!(
            [registry.next_map(), registry.next_map()],
            [MapId(1), MapId(2)]
        );
        assert_eq!(
            (registry.next_prog(), registry.next_link()),
            (ProgId(1), LinkId(1))
        );
    }
}
