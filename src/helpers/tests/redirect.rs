//! Sending packets where maps lead.

use super::super::{Redirect, Way};
use super::bench::{Bench, Owned};
use crate::abi::ProgType;
use crate::machine::{Device, XdpFrame, XdpQueue};

const REDIRECT_MAP: i32 = 51;
const XDP_REDIRECT: i64 = 4;
const BROADCAST: u64 = 1 << 3;
const EXCLUDE_INGRESS: u64 = 1 << 4;

fn xdp() -> Bench {
    let mut bench = Bench::new();
    bench.prog_type = ProgType::Xdp;
    let frame = XdpFrame::new(&bench.machine.memory, &[0; 60], XdpQueue::default());
    bench.packet = Some(Owned::Xdp(frame.expect("memory")));
    bench
}

/// Adds devices of these numbers.
fn plug_in(bench: &Bench, numbers: &[u32]) {
    let network = &bench.machine.network;
    let own = network.device(1).expect("there is always one");
    for index in numbers {
        let index = *index;
        network.add_device(Device {
            index,
            ..own.clone()
        });
    }
}

fn put(map: &crate::maps::Map, key: u32, value: u32) {
    map.update_user(&key.to_le_bytes(), &value.to_le_bytes(), 0)
        .expect("has room");
}

#[test]
fn redirect_to_a_device_is_taken_back_by_one_that_finds_nothing() {
    let mut bench = xdp();
    plug_in(&bench, &[7]);
    let map = bench.map("devices devmap 4 4 4");
    let handle = map.handle.0;
    assert_eq!(bench.call(REDIRECT_MAP, [handle, 1, 2]), 2, "there is none");
    put(&map, 1, 7);
    assert_eq!(bench.call(REDIRECT_MAP, [handle, 1, 2]), XDP_REDIRECT);
    let device = Redirect::Device {
        ifindex: 7,
        way: Way::Egress,
    };
    assert_eq!(bench.engine.state.redirect, Some(device));
    assert_eq!(bench.call(REDIRECT_MAP, [handle, 9, 1]), 1);
    assert_eq!(bench.engine.state.redirect, None);
    assert_eq!(
        bench.call(REDIRECT_MAP, [handle, 1, 4]),
        0,
        "4 is no action and no flag"
    );
}

#[test]
fn redirect_to_all_devices_may_leave_out_the_one_it_came_from() {
    let mut bench = xdp();
    plug_in(&bench, &[5, 9]);
    let map = bench.map("devices devmap_hash 4 4 4");
    let handle = map.handle.0;
    for ifindex in [1, 5, 9] {
        put(&map, ifindex * 100, ifindex);
    }
    assert_eq!(
        bench.call(REDIRECT_MAP, [handle, 0, BROADCAST]),
        XDP_REDIRECT
    );
    let ifindexes = vec![1, 5, 9];
    assert_eq!(
        bench.engine.state.redirect,
        Some(Redirect::Devices { ifindexes })
    );
    let flags = BROADCAST | EXCLUDE_INGRESS;
    assert_eq!(bench.call(REDIRECT_MAP, [handle, 0, flags]), XDP_REDIRECT);
    let ifindexes = vec![5, 9];
    assert_eq!(
        bench.engine.state.redirect,
        Some(Redirect::Devices { ifindexes })
    );
}

#[test]
fn redirect_to_a_cpu_and_a_socket_knows_which() {
    let mut bench = xdp();
    let (cpus, sockets) = (
        bench.map("cpus cpumap 4 4 2"),
        bench.map("sockets xskmap 4 4 2"),
    );
    put(&cpus, 1, 192);
    put(&sockets, 0, 33);
    assert_eq!(
        bench.call(REDIRECT_MAP, [cpus.handle.0, 1, 0]),
        XDP_REDIRECT
    );
    assert_eq!(bench.engine.state.redirect, Some(Redirect::Cpu { cpu: 1 }));
    assert_eq!(
        bench.call(REDIRECT_MAP, [cpus.handle.0, 1, BROADCAST]),
        0,
        "a device's flag"
    );
    assert_eq!(
        bench.call(REDIRECT_MAP, [sockets.handle.0, 0, 0]),
        XDP_REDIRECT
    );
    let socket = Redirect::Socket {
        map: sockets.id,
        index: 0,
    };
    assert_eq!(bench.engine.state.redirect, Some(socket));
}

#[test]
fn redirect_is_told_in_words() {
    let device = |way| Redirect::Device { ifindex: 3, way }.to_string();
    assert_eq!(device(Way::Egress), "device 3");
    assert_eq!(device(Way::Ingress), "device 3, on its way in");
    let devices = |ifindexes| Redirect::Devices { ifindexes }.to_string();
    assert_eq!(devices(vec![1, 5]), "devices 1, 5");
    assert_eq!(devices(Vec::new()), "no device");
    assert_eq!(Redirect::Cpu { cpu: 1 }.to_string(), "CPU 1");
}
