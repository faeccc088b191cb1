//! Programs that no other event reaches, each by the name of its section: `cgroup/connect4`, `sk_lookup`,
//! `lirc_mode2`. Their contexts are laid out by the table of fields, and what was given sets fields by
//! name.
//!
//! Rules:
//! - `sk` and other sockets are given as `tcp:ADDRESS:PORT`, a connection with its other end behind `-`; a
//!   socket that is not open is opened for the event.
//! - `data` is the text of a message or packet, or after `hex:` its bytes; a packet begins at its network header.
//! - `name`, `value` and `new` are a kernel parameter's, `optval` is an option's value; `name` is also the path of a
//!   Unix socket's address.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::abi::context::{self, Field, FieldKind, Shape};
use crate::abi::{AttachType, ProgType, sections};
use crate::helpers::Sysctl;
use crate::isa::Size;
use crate::machine::socket::AF_UNIX;
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, ProgramAccess, SocketSpec, Task};

use super::event::{Direction, Packet, PacketSocket};
use super::wire::View;
use super::{Context, EventError, Given, Passage, Point, Scene, SkbFields, Values};

/// A kind of program without an event of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The section that names it.
    pub section: String,
    /// The programs' type.
    pub prog_type: ProgType,
    /// What they are attached for.
    pub attach_type: Option<AttachType>,
    /// The one program that is meant, where it is not all of the section.
    pub program: Option<String>,
}

/// What happens at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceEvent {
    /// The place.
    pub place: Place,
    /// Fields of the context by name, as text.
    pub args: BTreeMap<String, String>,
}

/// What is given beside fields.
const MORE: [&str; 5] = ["data", "name", "value", "new", "ctx"];
const ETHERNET: usize = 14;
/// The section of programs that user space calls, each by itself.
const SYSCALL: &str = "syscall";
/// Offset of `size` in `struct sk_msg_md`.
const MESSAGE_SIZE: u64 = 68;

impl Place {
    /// The place of a section, if programs of it have no other event; `syscall:NAME` is that of one program.
    pub fn of_section(section: &str) -> Option<Place> {
        let (section, program) = match section.split_once(':') {
            Some((SYSCALL, program)) => (SYSCALL, Some(program)),
            Some(_) | None => (section, None),
        };
        let found = sections::parse(section)?;
        let place = Place {
            section: section.to_owned(),
            prog_type: found.prog_type,
            attach_type: found.attach_type,
            program: program.map(str::to_owned),
        };
        is_place(found.prog_type).then_some(place)
    }

    /// Whether the program of that name is meant.
    pub fn means(&self, program: &str) -> bool {
        self.program.as_ref().is_none_or(|one| one == program)
    }

    /// Names of the fields that an event may give.
    fn takes(&self) -> Vec<&'static str> {
        let Shape::Fields(fields) = self.context().shape else {
            return MORE.to_vec();
        };
        fields.iter().map(|field| field.name).chain(MORE).collect()
    }

    /// What a field is if nothing is said of it, where that is not 0.
    fn usual(&self, field: &str) -> Option<u64> {
        let is_family = matches!(field, "family" | "user_family");
        (is_family && self.section.ends_with("_unix")).then_some(AF_UNIX)
    }

    fn context(&self) -> context::Context {
        context::of_attached(self.prog_type, self.attach_type)
    }

    /// Whether programs there see a packet as a socket buffer.
    fn has_packet(&self) -> bool {
        matches!(
            self.prog_type,
            ProgType::LwtIn
                | ProgType::LwtOut
                | ProgType::LwtXmit
                | ProgType::LwtSeg6local
                | ProgType::SkSkb
        )
    }

    /// Whether 0 forbids what is under way, which then ends with `EPERM`.
    pub(super) fn denies(&self) -> bool {
        matches!(
            self.prog_type,
            ProgType::CgroupSock
                | ProgType::CgroupSockAddr
                | ProgType::CgroupSockopt
                | ProgType::CgroupSysctl
                | ProgType::CgroupDevice
        )
    }
}

/// Whether programs of a type are reached by the name of their section.
pub(super) fn is_place(prog_type: ProgType) -> bool {
    matches!(
        prog_type,
        ProgType::CgroupSock
            | ProgType::CgroupSockAddr
            | ProgType::CgroupSockopt
            | ProgType::CgroupSysctl
            | ProgType::CgroupDevice
            | ProgType::SockOps
            | ProgType::SkMsg
            | ProgType::SkReuseport
            | ProgType::SkLookup
            | ProgType::LircMode2
            | ProgType::PerfEvent
            | ProgType::Syscall
            | ProgType::LwtIn
            | ProgType::LwtOut
            | ProgType::LwtXmit
            | ProgType::LwtSeg6local
            | ProgType::SkSkb
    )
}

impl PlaceEvent {
    /// Checks that everything given has a place in the context.
    pub(super) fn check(&self) -> Result<(), EventError> {
        let known = self.place.takes();
        match self.args.keys().find(|arg| !known.contains(&arg.as_str())) {
            None => Ok(()),
            Some(arg) => Err(EventError::UnknownArg {
                event: self.place.section.clone(),
                arg: arg.clone(),
                known: known.join(", "),
            }),
        }
    }
}

/// The way of an event: the place alone.
pub(super) fn passage(event: &PlaceEvent, task: &Arc<Task>) -> Result<Passage, EventError> {
    event.check()?;
    let mut values = Values::default();
    for (name, text) in &event.args {
        values.add_text(name, text);
    }
    let mut passage = Passage::new(Arc::clone(task), values);
    passage.set_named();
    if event.place.has_packet() {
        passage.set_packet(packet(&passage.values));
    }
    passage.pass(Point::Place(event.place.clone()));
    if event.place.denies() {
        passage.set_result(0);
    }
    Ok(passage)
}

/// The packet with those bytes, which begin at the network header.
fn packet(values: &Values) -> Packet {
    let data = bytes_of(values.get("data"));
    let protocol: [u8; 2] = match data.first().map(|byte| byte >> 4) {
        Some(6) => [0x86, 0xdd],
        _ => [0x08, 0x00],
    };
    let mut bytes = vec![0; ETHERNET - 2];
    bytes.extend(protocol);
    bytes.extend(data);
    Packet {
        bytes,
        ifindex: 1,
        queue: 0,
        direction: Direction::Ingress,
        fields: SkbFields::default(),
        socket: PacketSocket::OfFlow,
    }
}

/// The bytes that a value stands for: hexadecimal after `hex:`, else its text.
fn bytes_of(value: Option<&Given>) -> Vec<u8> {
    let text = match value {
        Some(Given::Text(text)) => text.clone(),
        Some(Given::Number(number)) => number.to_string(),
        Some(Given::List(_)) | None => String::new(),
    };
    let Some(digits) = text.strip_prefix("hex:") else {
        return text.into_bytes();
    };
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2);
    pairs
        .filter_map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok())
        .collect()
}

impl Scene<'_> {
    /// The context of programs at a place.
    pub(super) fn place_context(&mut self, place: &Place) -> Result<Context, EventError> {
        if place.has_packet() {
            return self.packet_context(View::Network).map(Context::plain);
        }
        let context = place.context();
        let spec = ObjectSpec::new(ObjectKind::Context, context.name, Owner::Kernel);
        let at = self.allocate(u64::from(context.guest_size).max(8), &spec)?;
        match context.shape {
            Shape::Fields(fields) => {
                for field in fields {
                    self.fill_field(at, place, field)?;
                }
            }
            _ => {
                let bytes = bytes_of(self.values.get("ctx"));
                self.put_bytes(at, 0, &bytes);
            }
        }
        Ok(Context::plain(at))
    }

    fn fill_field(&mut self, at: Addr, place: &Place, field: &Field) -> Result<(), EventError> {
        let given = self.values.get(field.name).cloned();
        let off = u64::from(field.guest_off);
        match field.kind {
            FieldKind::Scalar => {
                let size = Size::from_bytes(field.guest_size);
                let number = match &given {
                    Some(Given::Number(number)) => Some(*number),
                    Some(Given::Text(_) | Given::List(_)) | None => place.usual(field.name),
                };
                if let (Some(number), Some(size)) = (number, size) {
                    self.put(at, off, size, number);
                }
            }
            FieldKind::Sock(_) | FieldKind::SockOrNull(_) => {
                let text = match &given {
                    Some(Given::Text(text)) => text.clone(),
                    _ if matches!(field.kind, FieldKind::Sock(_)) => ANY_SOCKET.to_owned(),
                    _ => return Ok(()),
                };
                let socket = self.socket(&place.section, field.name, &text)?;
                self.put(at, off, Size::DW, socket.0);
            }
            FieldKind::PacketData => {
                let name = if field.name == "optval" {
                    "optval"
                } else {
                    "data"
                };
                let (data, len) = self.payload(name)?;
                self.put(at, off, Size::DW, data.0);
                // So much is the message's, if nothing else is said.
                if field.name == "data" && place.prog_type == ProgType::SkMsg {
                    self.put(at, MESSAGE_SIZE, Size::W, u64::from(len));
                }
                // The field of the end follows at once in all of them.
                self.put(at, off + 8, Size::DW, data.offset(i64::from(len)).0);
            }
            FieldKind::PacketEnd
            | FieldKind::PacketMeta
            | FieldKind::FlowKeys
            | FieldKind::Btf(_)
            | FieldKind::Unsupported(_) => {}
        }
        Ok(())
    }

    /// A message's bytes in guest memory, and how many there are.
    fn payload(&mut self, name: &str) -> Result<(Addr, u32), EventError> {
        let bytes = bytes_of(self.values.get(name));
        let spec = ObjectSpec::new(ObjectKind::Packet, name, Owner::Kernel);
        let at = self.allocate((bytes.len() as u64).max(8), &spec)?;
        self.put_bytes(at, 0, &bytes);
        Ok((at, bytes.len() as u32))
    }

    /// The open socket with those ends; one that is not open is opened.
    pub(super) fn socket(
        &mut self,
        event: &str,
        arg: &str,
        text: &str,
    ) -> Result<Addr, EventError> {
        let spec: Result<SocketSpec, _> = text.parse();
        let spec = spec.map_err(|_| EventError::BadValue {
            event: event.to_owned(),
            arg: arg.to_owned(),
            value: text.to_owned(),
            wanted: "a socket such as tcp:10.0.0.1:80 or udp:[::1]:53-[::1]:1024",
        })?;
        let spec = SocketSpec {
            uid: self.user,
            ..spec
        };
        let open = self.machine.sockets.all();
        let known = open.iter().find(|open| {
            let SocketSpec {
                protocol,
                local,
                remote,
                ..
            } = open.spec;
            (protocol, local, remote) == (spec.protocol, spec.local, spec.remote)
        });
        match known {
            Some(open) => Ok(open.at),
            None => Ok(self.machine.open_socket(spec)?.at),
        }
    }

    /// The kernel parameter that the event is about, as far as it was given.
    pub fn sysctl(&self) -> Sysctl {
        let bytes = |name| {
            let value = self.values.get(name);
            value.map(|value| bytes_of(Some(value)))
        };
        let name = self.values.text("name");
        Sysctl::new(
            name.unwrap_or_else(|| "kernel/ostype".to_owned()),
            bytes("value").unwrap_or_default(),
            bytes("new"),
        )
    }
}

/// The socket of an event that names none.
const ANY_SOCKET: &str = "tcp:10.0.0.1:80";

/// What a program changed of its context: fields of numbers, by name, before and after.
pub fn changed(place: &Place, before: &[u8], after: &[u8]) -> Vec<(&'static str, u64, u64)> {
    let Shape::Fields(fields) = place.context().shape else {
        return Vec::new();
    };
    let number = |bytes: &[u8], field: &Field| {
        let at = field.guest_off as usize;
        let part = bytes.get(at..at + field.guest_size as usize)?;
        let wide = part.iter().take(8).rev();
        Some(wide.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let scalars = fields.iter().filter(|field| {
        field.kind == FieldKind::Scalar && field.write != context::FieldAccess::None
    });
    scalars
        .filter_map(|field| Some((field.name, number(before, field)?, number(after, field)?)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// A place that programs of the kernel's own iterators are read from.
pub(super) fn read_only(name: &str) -> ObjectSpec {
    ObjectSpec::new(ObjectKind::KernelObject, name, Owner::Kernel)
        .with_access(ProgramAccess::ReadOnly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hexadecimal_after_their_prefix() {
        let text = |text: &str| bytes_of(Some(&Given::Text(text.to_owned())));
        assert_eq!(text("hex:0aFF 1"), [0x0a, 0xff, 1]);
        assert_eq!(text("GET /"), b"GET /");
        assert_eq!(bytes_of(None), b"");
    }
}
