//! What happens in a run: events by name and packets from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use ebpf_sim::abi::sections::usdt_target;
use ebpf_sim::events::{Direction, Event, EventError, UsdtEvent};
use ebpf_sim::object::usdt::Executable;

use super::pcap;
use crate::cli::input;

/// What happens.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// What happens: execve, another system call, one hook such as kprobe:do_unlinkat, or a static probe
    /// as usdt:FILE:PROVIDER:NAME (arguments arg0 to arg11, site, and file where FILE is to be found elsewhere).
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// An argument of the events.
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = name_and_value)]
    args: Vec<(String, String)>,
    /// A packet as raw bytes; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The packets of a pcap or pcapng file.
    #[arg(long, value_name = "FILE")]
    pcap: Vec<PathBuf>,
    /// Which way packets go.
    #[arg(long, value_name = "WAY", default_value = "ingress")]
    direction: Way,
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// Into the machine.
    Ingress,
    /// Out of it.
    Egress,
}

/// Something that happens, and what it is called.
#[derive(Debug)]
pub(super) struct Cue {
    /// `execve`, `packet.bin`, `traffic.pcap packet 3`.
    pub(super) title: String,
    /// What the library is told.
    pub(super) event: Event,
}

impl Cue {
    /// The packet, if it is one.
    pub(super) fn packet(&self) -> Option<&[u8]> {
        match &self.event {
            Event::Packet(packet) => Some(&packet.bytes),
            Event::Execve(_)
            | Event::Syscall(_)
            | Event::Usdt(_)
            | Event::Hook(_)
            | Event::Sleep(_)
            | Event::Place(_)
            | Event::Iterate(_) => None,
        }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("want NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Args {
    /// Events first, then packets.
    pub(super) fn cues(&self) -> anyhow::Result<Vec<Cue>> {
        let mut cues = self.events()?;
        for path in &self.data {
            let title = path.display().to_string();
            let bytes = input::read(path).with_context(|| title.clone())?;
            cues.push(self.packet(title, bytes));
        }
        for path in &self.pcap {
            let file = path.display().to_string();
            let bytes = input::read(path).with_context(|| file.clone())?;
            let packets = pcap::packets(&bytes).with_context(|| file.clone())?;
            for (number, packet) in (1u64..).zip(packets) {
                cues.push(self.packet(format!("{file} packet {number}"), packet));
            }
        }
        Ok(cues)
    }

    fn packet(&self, title: String, bytes: Vec<u8>) -> Cue {
        let mut event = Event::packet(bytes);
        if let (Event::Packet(packet), Way::Egress) = (&mut event, self.direction) {
            packet.direction = Direction::Egress;
        }
        Cue { title, event }
    }

    /// The named events. An argument goes to every event that takes it, and one must.
    fn events(&self) -> anyhow::Result<Vec<Cue>> {
        let names: Vec<&str> = self.args.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(
            names.is_empty() || !self.events.is_empty(),
            "--arg {} needs the --event that takes it",
            names.join(", ")
        );
        let mut cues = Vec::new();
        let mut refusals: Vec<(String, EventError)> = Vec::new();
        for name in &self.events {
            let (event, refused) = match name.strip_prefix(USDT) {
                Some(probe) => usdt(probe, &self.args).with_context(|| name.clone())?,
                None => parse(name, &self.args)?,
            };
            refusals.extend(refused);
            cues.push(Cue {
                title: name.clone(),
                event,
            });
        }
        for name in names {
            let mut refused = refusals.iter().filter(|(arg, _)| arg == name);
            if let (Some((_, error)), true) = (refused.next(), refused.count() + 1 == cues.len()) {
                return Err(error.clone().into());
            }
        }
        Ok(cues)
    }
}

/// What names of static probes begin with.
const USDT: &str = "usdt:";
/// The argument that names the file, where programs name it otherwise.
const FILE: &str = "file";

/// An event, and what it said of the arguments that it does not take.
type Parsed = (Event, Vec<(String, EventError)>);

/// A static probe, as `PATH:PROVIDER:NAME`.
fn usdt(probe: &str, args: &[(String, String)]) -> anyhow::Result<Parsed> {
    let (path, provider, name) = usdt_target(probe).context("want usdt:FILE:PROVIDER:NAME")?;
    let file = args.iter().find(|(arg, _)| arg == FILE);
    let file = file.map_or(path, |(_, file)| file);
    let bytes = input::read(Path::new(file)).with_context(|| file.to_owned())?;
    let executable = Executable::parse(path, &bytes).with_context(|| file.to_owned())?;
    let executable = Arc::new(executable);
    let args: Vec<_> = args
        .iter()
        .filter(|(arg, _)| arg != FILE)
        .cloned()
        .collect();
    Ok(offer(&args, |args| {
        let event = UsdtEvent::new(Arc::clone(&executable), provider, name, args);
        event.map(Event::Usdt)
    })?)
}

/// The event of that name with the arguments it takes, and what it said of the others.
fn parse(name: &str, args: &[(String, String)]) -> Result<Parsed, EventError> {
    offer(args, |args| Event::parse(name, args))
}

/// An event with those of the arguments that it takes.
fn offer(
    args: &[(String, String)],
    make: impl Fn(&[(String, String)]) -> Result<Event, EventError>,
) -> Result<Parsed, EventError> {
    let mut offered = args.to_vec();
    let mut refused = Vec::new();
    loop {
        let error = match make(&offered) {
            Ok(event) => return Ok((event, refused)),
            Err(error) => error,
        };
        let EventError::UnknownArg { arg, .. } = &error else {
            return Err(error);
        };
        let before = offered.len();
        offered.retain(|(name, _)| name != arg);
        if offered.len() == before {
            return Err(error);
        }
        refused.push((arg.clone(), error));
    }
}
