//! The sockets that are open on the modelled machine.
//!
//! No data flows through them: programs look them up, read their fields, set their options and choose among
//! them. What a program sees of one stands in guest memory as [`super::socket`] says.
//!
//! Rules:
//! - A fresh machine has none. A socket stays open while the machine lives or until a program destroys it; its place
//!   stays in any case.
//! - A connection is found by both of its ends; else what listens or waits at the address, else what does
//!   at any address.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Addr, Holder, HolderKind, Machine, ObjectKind, ObjectSpec, OutOfMemory, Owner};
use super::{ProgramAccess, socket};
use crate::isa::Size;

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What a socket is opened as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSpec {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its own end.
    pub local: SocketAddr,
    /// The other end, of one that is connected; TCP without one listens.
    pub remote: Option<SocketAddr>,
    /// The user it belongs to.
    pub uid: u32,
}

/// An open socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSocket {
    /// What it was opened as.
    pub spec: SocketSpec,
    /// Where it is in guest memory.
    pub at: Addr,
    /// Its cookie.
    pub cookie: u64,
}

/// The sockets of a machine.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Mutex<Vec<OpenSocket>>,
    /// What was set of a socket, by its place, level and name.
    options: Mutex<BTreeMap<(Addr, i32, i32), Vec<u8>>>,
    /// Structures of the kernel, by the socket's number and their name.
    structures: Mutex<BTreeMap<(u64, String), Addr>>,
}

impl Machine {
    /// Opens a socket.
    ///
    /// # Errors
    /// There is no room for it in guest memory.
    pub fn open_socket(&self, spec: SocketSpec) -> Result<OpenSocket, OutOfMemory> {
        let object = ObjectSpec::new(ObjectKind::KernelObject, "socket", Owner::Kernel)
            .with_access(ProgramAccess::ReadOnly);
        let at = self.memory.allocate(socket::LEN, &object)?;
        for (off, size, value) in spec.fields() {
            let set = self
                .memory
                .poke_uint(at.offset(off.cast_signed()), size, value);
            debug_assert!(set.is_ok(), "fields lie in the socket: {set:?}");
        }
        for (off, address) in spec.addresses() {
            let set = self.memory.poke(at.offset(off.cast_signed()), &address);
            debug_assert!(set.is_ok(), "addresses lie in the socket: {set:?}");
        }
        let cookie = self.holders.fresh();
        let kind = HolderKind::Socket;
        let holder = Holder {
            kind,
            number: cookie,
        };
        self.holders.insert(at, holder);
        let open = OpenSocket { spec, at, cookie };
        self.sockets.lock().push(open);
        Ok(open)
    }
}

impl SocketSpec {
    fn fields(&self) -> Vec<(u64, Size, u64)> {
        let (kind, protocol) = match self.protocol {
            Protocol::Tcp => (1, 6),
            Protocol::Udp => (2, 17),
        };
        let state = match (self.protocol, self.remote) {
            (_, Some(_)) => socket::ESTABLISHED,
            (Protocol::Tcp, None) => socket::LISTEN,
            (Protocol::Udp, None) => socket::CLOSE,
        };
        let family = match self.local.is_ipv4() {
            true => socket::AF_INET,
            false => socket::AF_INET6,
        };
        let remote = self.remote.map_or(0, |remote| remote.port());
        let mut fields = vec![
            (socket::FAMILY, Size::W, family),
            (socket::TYPE, Size::W, kind),
            (socket::PROTOCOL, Size::W, protocol),
            (socket::SRC_PORT, Size::W, u64::from(self.local.port())),
            (socket::DST_PORT, Size::H, u64::from(remote.to_be())),
            (socket::STATE, Size::W, state),
            (socket::RX_QUEUE_MAPPING, Size::W, u64::from(u32::MAX)),
            (socket::UID, Size::W, u64::from(self.uid)),
        ];
        if self.protocol == Protocol::Tcp {
            let tcp = socket::TCP_START.into_iter();
            fields.extend(tcp.map(|(off, value)| (socket::TCP + off, Size::W, value)));
        }
        fields
    }

    fn addresses(&self) -> Vec<(u64, Vec<u8>)> {
        let place = |own: bool, address: IpAddr| match (address, own) {
            (IpAddr::V4(address), true) => (socket::SRC_IP4, address.octets().to_vec()),
            (IpAddr::V4(address), false) => (socket::DST_IP4, address.octets().to_vec()),
            (IpAddr::V6(address), true) => (socket::SRC_IP6, address.octets().to_vec()),
            (IpAddr::V6(address), false) => (socket::DST_IP6, address.octets().to_vec()),
        };
        let own = place(true, self.local.ip());
        let remote = self.remote.map(|remote| place(false, remote.ip()));
        [Some(own), remote].into_iter().flatten().collect()
    }

    /// How well it suits a flow: not at all, by any address, by its address, by both ends.
    fn suits(&self, protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Option<u8> {
        let ends = self.protocol == protocol
            && self.local.port() == local.port()
            && self.local.is_ipv4() == local.is_ipv4();
        let here = self.local.ip() == local.ip();
        let anywhere = self.local.ip().is_unspecified();
        match self.remote {
            Some(own) => (ends && here && own == remote).then_some(3),
            None if ends && here => Some(2),
            None => (ends && anywhere).then_some(1),
        }
    }
}

impl Sockets {
    /// The socket of what arrives for a local end from a remote one.
    pub fn find(
        &self,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<OpenSocket> {
        let open = self.lock();
        let suiting = open
            .iter()
            .filter_map(|one| Some((one.spec.suits(protocol, local, remote)?, *one)));
        suiting.max_by_key(|(suits, _)| *suits).map(|(_, one)| one)
    }

    /// The socket at a place of guest memory.
    pub fn at(&self, at: Addr) -> Option<OpenSocket> {
        self.lock().iter().find(|one| one.at == at).copied()
    }

    /// The socket of that cookie.
    pub fn by_cookie(&self, cookie: u64) -> Option<OpenSocket> {
        self.lock().iter().find(|one| one.cookie == cookie).copied()
    }

    /// Closes the socket of that cookie, if it is open.
    pub fn close(&self, cookie: u64) -> Option<OpenSocket> {
        let mut open = self.lock();
        let index = open.iter().position(|one| one.cookie == cookie)?;
        Some(open.remove(index))
    }

    /// All of them, in the order in which they were opened.
    pub fn all(&self) -> Vec<OpenSocket> {
        self.lock().clone()
    }

    /// An option that was set of a socket.
    pub fn option(&self, at: Addr, level: i32, name: i32) -> Option<Vec<u8>> {
        self.options().get(&(at, level, name)).cloned()
    }

    /// Sets an option of a socket.
    pub fn set_option(&self, at: Addr, level: i32, name: i32, value: Vec<u8>) {
        self.options().insert((at, level, name), value);
    }

    /// The kernel's structure of a socket, if it was laid out.
    pub fn structure(&self, number: u64, name: &str) -> Option<Addr> {
        let known = self.structures();
        known.get(&(number, name.to_owned())).copied()
    }

    /// All of the kernel's structures of a socket.
    pub fn structures_of(&self, number: u64) -> Vec<Addr> {
        let known = self.structures();
        let own = known.iter().filter(|((of, _), _)| *of == number);
        own.map(|(_, at)| *at).collect()
    }

    /// Says where the kernel's structure of a socket is; it stays while the machine lives.
    pub fn keep_structure(&self, number: u64, name: &str, at: Addr) {
        self.structures().insert((number, name.to_owned()), at);
    }

    fn structures(&self) -> MutexGuard<'_, BTreeMap<(u64, String), Addr>> {
        let known = self.structures.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OpenSocket>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> MutexGuard<'_, BTreeMap<(Addr, i32, i32), Vec<u8>>> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::MachineConfig;

    #[test]
    fn connection_is_found_before_what_listens() {
        let machine = Machine::new(MachineConfig::default()).unwrap();
        let open = |local: &str, remote: Option<&str>| {
            let spec = SocketSpec {
                protocol: Protocol::Tcp,
                local: local.parse().unwrap(),
                remote: remote.map(|remote| remote.parse().unwrap()),
                uid: 0,
            };
            machine.open_socket(spec).unwrap().cookie
        };
        let anywhere = open("0.0.0.0:80", None);
        let here = open("10.0.0.1:80", None);
        let connected = open("10.0.0.1:80", Some("192.0.2.1:1024"));
        let find = |protocol, local: &str, remote: &str| {
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            let found = machine.sockets.find(protocol, local, remote);
            found.map(|socket| socket.cookie)
        };
        let tcp = |local, remote| find(Protocol::Tcp, local, remote);
        assert_eq!(tcp("10.0.0.1:80", "192.0.2.1:1024"), Some(connected));
        assert_eq!(tcp("10.0.0.1:80", "192.0.2.1:1025"), Some(here));
        assert_eq!(tcp("10.0.0.2:80", "192.0.2.1:1024"), Some(anywhere));
        assert_eq!(tcp("10.0.0.2:81", "192.0.2.1:1024"), None);
        assert_eq!(find(Protocol::Udp, "10.0.0.1:80", "192.0.2.1:1024"), None);
        assert_eq!(tcp("[::1]:80", "[::1]:1024"), None);
    }
}
