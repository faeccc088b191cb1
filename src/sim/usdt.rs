//! Attaching programs to static probes: telling them where arguments lie, as libbpf does.
//!
//! Programs that include `usdt.bpf.h` find a description of the probe in the map `__bpf_usdt_specs`, at the index that
//! is their attachment's cookie.
//!
//! Rules, after libbpf's `usdt.c` (1.5, used under its BSD-2-Clause licence):
//! - Each place of a probe has a description; places whose arguments are written alike share one.
//! - Numbers are given in order, one object's programs counting together.
//! - The kernel that is modelled has cookies, so that `__bpf_usdt_ip_to_spec_id` stays empty.

use std::collections::BTreeMap;

use crate::btf::{Btf, Type};
use crate::events::{EventError, UsdtEvent};
use crate::machine::{MapId, ProgId};
use crate::maps::{BPF_ANY, Map};
use crate::object::usdt::{Argument, ArgumentPlace};

use super::Sim;
use super::fire::Attached;

/// The map of descriptions.
const SPECS: &str = "__bpf_usdt_specs";
/// `BPF_USDT_ARG_…`.
const CONSTANT: u64 = 0;
const REGISTER: u64 = 1;
const MEMORY: u64 = 2;
const INDEXED: u64 = 3;

/// What programs were told of probes.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// The cookie of each place of a probe, by program and probe.
    cookies: BTreeMap<(ProgId, String), Vec<u64>>,
    /// The next free number in each map of descriptions.
    next: BTreeMap<MapId, u32>,
}

/// Members of a description, by name: where it starts in bits, and how many it has.
struct Layout {
    members: BTreeMap<String, (u32, u32)>,
    /// Bytes of one argument's.
    argument_size: u32,
}

impl Sim {
    /// Attaches what runs at a probe to it, where it is not yet.
    pub(super) fn attach_usdt(&mut self, event: &UsdtEvent) -> Result<(), EventError> {
        let point = super::fire::usdt_point(event);
        let named = crate::events::Named::Yes;
        let wanted = self
            .attached
            .iter()
            .filter(|one| one.attachment.runs_at(&point, named));
        let wanted: Vec<(ProgId, String)> = wanted.map(|one| (one.id, one.name())).collect();
        for (id, name) in wanted {
            let key = (id, point.to_string());
            if self.probes.cookies.contains_key(&key) {
                continue;
            }
            let cookies = self.describe(id, event).map_err(|error| match error {
                Failure::Event(error) => error,
                Failure::Reason(reason) => EventError::Attach {
                    program: name,
                    probe: point.to_string(),
                    reason,
                },
            })?;
            self.probes.cookies.insert(key, cookies);
        }
        Ok(())
    }

    /// The cookie with which a program runs at a probe.
    pub(super) fn usdt_cookie(&self, program: &Attached, event: &UsdtEvent) -> u64 {
        let key = (program.id, super::fire::usdt_point(event).to_string());
        let cookies = self.probes.cookies.get(&key);
        let cookie = cookies.and_then(|cookies| cookies.get(event.site));
        cookie.copied().unwrap_or(0)
    }

    /// Writes the descriptions of all places of a probe, and says which each has.
    fn describe(&mut self, id: ProgId, event: &UsdtEvent) -> Result<Vec<u64>, Failure> {
        let has_it = |load: &&std::sync::Arc<super::Load>| {
            load.programs.iter().any(|program| program.id == Some(id))
        };
        let load = self.loads.iter().find(has_it);
        let maps = load.into_iter().flat_map(|load| &load.maps);
        let mut maps = maps.filter_map(|id| self.maps.get(*id));
        let map = maps.find(|map| map.spec.name == SPECS);
        let btf = load.and_then(|load| load.object.as_ref()?.btf());
        let (Some(map), Some(btf)) = (map, btf) else {
            let reason = format!("its object has no map {SPECS}, which bpf/usdt.bpf.h declares");
            return Err(Failure::Reason(reason));
        };
        let layout = Layout::of(btf, map).ok_or_else(|| {
            Failure::Reason(format!("the values of map {SPECS} are not libbpf's"))
        })?;
        let sites = event.sites().map_err(EventError::from)?;
        let mut next = self.probes.next.get(&map.id).copied().unwrap_or(0);
        let mut known: BTreeMap<&str, u64> = BTreeMap::new();
        let mut cookies = Vec::new();
        for site in sites {
            if let Some(cookie) = known.get(site.arguments.as_str()) {
                cookies.push(*cookie);
                continue;
            }
            let places = site
                .places(event.executable.machine)
                .map_err(EventError::from)?;
            let value = layout.write(map.spec.value_size, &places)?;
            map.update_user(&next.to_le_bytes(), &value, BPF_ANY)
                .map_err(|_| Failure::Reason(format!("map {SPECS} is full")))?;
            known.insert(&site.arguments, u64::from(next));
            cookies.push(u64::from(next));
            next += 1;
        }
        self.probes.next.insert(map.id, next);
        Ok(cookies)
    }
}

/// Why a program cannot be told of a probe.
enum Failure {
    Event(EventError),
    Reason(String),
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Failure {
        Failure::Event(error)
    }
}

impl Layout {
    /// How the object lays out descriptions: `struct __bpf_usdt_spec` and its arguments.
    fn of(btf: &Btf, map: &Map) -> Option<Layout> {
        let spec = btf.resolved(map.spec.value_type?).composite()?;
        let mut members = BTreeMap::new();
        let mut argument_size = 0;
        for member in spec.members.iter() {
            if let Type::Array { elem, .. } = btf.resolved(member.ty) {
                let argument = btf.resolved(elem).composite()?;
                argument_size = argument.size;
                add_members(btf, argument.members.iter(), &mut members);
            }
        }
        add_members(btf, spec.members.iter(), &mut members);
        let has_all = [
            "val_off",
            "arg_type",
            "reg_off",
            "arg_signed",
            "arg_bitshift",
            "arg_cnt",
        ];
        let complete = has_all.iter().all(|name| members.contains_key(*name));
        complete.then_some(Layout {
            members,
            argument_size,
        })
    }

    fn write(&self, size: u32, places: &[Argument]) -> Result<Vec<u8>, Failure> {
        let mut value = vec![0; size as usize];
        for (index, place) in (0..).zip(places) {
            let base = self.argument_size.saturating_mul(index).saturating_mul(8);
            for (member, number) in description(place) {
                let Some((bit, bits)) = self.members.get(member) else {
                    let reason = format!(
                        "its usdt.bpf.h does not know `{member}`, which argument {index} needs"
                    );
                    return Err(Failure::Reason(reason));
                };
                put_bits(&mut value, base.saturating_add(*bit), *bits, number);
            }
        }
        if let Some((bit, bits)) = self.members.get("arg_cnt") {
            put_bits(&mut value, *bit, *bits, places.len() as u64);
        }
        Ok(value)
    }
}

fn add_members<'a>(
    btf: &Btf,
    members: impl Iterator<Item = crate::btf::Member<'a>>,
    found: &mut BTreeMap<String, (u32, u32)>,
) {
    for member in members {
        let bytes = btf
            .size_of(member.ty)
            .and_then(|size| u32::try_from(size).ok());
        let bits = member
            .bitfield_size
            .or(bytes.map(|bytes| bytes.saturating_mul(8)));
        let place = (member.bit_offset, bits.unwrap_or(0));
        found.insert(member.name.to_owned(), place);
    }
}

/// The members of an argument's description that are not 0.
fn description(argument: &Argument) -> Vec<(&'static str, u64)> {
    let shift = 64 - u64::from(argument.size) * 8;
    let mut members = vec![
        ("arg_signed", u64::from(argument.signed)),
        ("arg_bitshift", shift),
    ];
    members.extend(match argument.place {
        ArgumentPlace::Constant(number) => {
            vec![("arg_type", CONSTANT), ("val_off", number.cast_unsigned())]
        }
        ArgumentPlace::Register(register) => {
            vec![("arg_type", REGISTER), ("reg_off", u64::from(register))]
        }
        ArgumentPlace::Memory { register, off } => vec![
            ("arg_type", MEMORY),
            ("reg_off", u64::from(register)),
            ("val_off", off.cast_unsigned()),
        ],
        ArgumentPlace::Indexed {
            register,
            index,
            shift,
            off,
        } => vec![
            ("arg_type", INDEXED),
            ("reg_off", u64::from(register)),
            ("val_off", off.cast_unsigned()),
            ("idx_reg_off", u64::from(index)),
            ("scale_bitshift", u64::from(shift)),
        ],
    });
    members
}

/// Puts the lowest bits of a number at a place in bytes, as far as it is in them.
fn put_bits(bytes: &mut [u8], bit: u32, bits: u32, number: u64) {
    for index in 0..bits.min(64) {
        let at = bit.saturating_add(index);
        if let Some(byte) = bytes.get_mut(at as usize / 8) {
            let mask = 1 << (at % 8);
            *byte = match number >> index & 1 {
                1 => *byte | mask,
                _ => *byte & !mask,
            };
        }
    }
}
