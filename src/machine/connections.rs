//! The connections that the modelled machine keeps track of: which structure in guest memory is that of a flow.
//!
//! It knows neither what a connection's structure looks like nor when it is out of date: who tracks does.
//!
//! Rules:
//! - A connection is known by both of its directions, each a flow in a zone. No two have one of them in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Addr, Protocol};

/// A flow in one direction, as the kernel writes it down: addresses, ports and protocols.
pub type FlowBytes = [u8; 39];

/// What a connection is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The flow.
    pub flow: FlowBytes,
    /// The zone that it is told apart by.
    pub zone: u16,
}

/// A connection that is tracked before any program says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionSpec {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where its first packet came from.
    pub from: SocketAddr,
    /// Where that went.
    pub to: SocketAddr,
    /// Its mark.
    pub mark: u32,
}

/// Which way a flow goes: as the connection's first packet, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowWay {
    /// As the first packet.
    Original,
    /// Back.
    Reply,
}

/// All connections of a machine.
#[derive(Debug, Default)]
pub struct Connections {
    tracked: Mutex<BTreeMap<FlowKey, (Addr, FlowWay)>>,
}

impl Connections {
    /// Tracks the connection of that structure, by its original direction and its reply; false if another has one of
    /// them.
    #[must_use]
    pub fn insert(&self, at: Addr, original: FlowKey, reply: FlowKey) -> bool {
        let mut tracked = self.lock();
        let is_free = [original, reply]
            .iter()
            .all(|key| !tracked.contains_key(key));
        if is_free {
            tracked.insert(original, (at, FlowWay::Original));
            tracked.insert(reply, (at, FlowWay::Reply));
        }
        is_free
    }

    /// The structure of the connection that a flow is of, and which of its directions it is.
    pub fn find(&self, key: &FlowKey) -> Option<(Addr, FlowWay)> {
        self.lock().get(key).copied()
    }

    /// Forgets a connection; false if it is not tracked.
    pub fn remove(&self, at: Addr) -> bool {
        let mut tracked = self.lock();
        let before = tracked.len();
        tracked.retain(|_, (other, _)| *other != at);
        tracked.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FlowKey, (Addr, FlowWay)>> {
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8, zone: u16) -> FlowKey {
        let mut flow = [0; 39];
        flow[0] = first;
        FlowKey { flow, zone }
    }

    #[test]
    fn connection_is_found_both_ways_until_it_is_forgotten() {
        let table = Connections::default();
        let (original, reply) = (key(1, 0), key(2, 0));
        assert!(table.insert(Addr(64), original, reply));
        assert_eq!(table.find(&original), Some((Addr(64), FlowWay::Original)));
        assert_eq!(table.find(&reply), Some((Addr(64), FlowWay::Reply)));
        assert_eq!(table.find(&key(1, 7)), None, "another zone");
        assert!(!table.insert(Addr(72), key(3, 0), original), "it is taken");
        assert_eq!(table.find(&key(3, 0)), None);
        assert!(table.remove(Addr(64)));
        assert!(!table.remove(Addr(64)));
        assert_eq!(table.find(&reply), None);
    }
}
