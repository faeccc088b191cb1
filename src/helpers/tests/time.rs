use super::bench::Bench;

const KTIME_GET_NS: i32 = 5;
const JIFFIES64: i32 = 118;
const KTIME_GET_BOOT_NS: i32 = 125;
const KTIME_GET_COARSE_NS: i32 = 160;
const KTIME_GET_TAI_NS: i32 = 208;

#[test]
fn clocks_show_the_machines_time() {
    let mut bench = Bench::new();
    bench.machine.clock.set(10_000_001);
    let now = bench.call(KTIME_GET_NS, []);
    assert_eq!(now, 10_000_001);
    assert!(bench.call(KTIME_GET_BOOT_NS, []) > now, "time goes on");
    assert_eq!(bench.call(KTIME_GET_COARSE_NS, []), 8_000_000);
    assert_eq!(bench.call(JIFFIES64, []), 4_294_892_296 + 2);
    bench.machine.clock.set(0);
    let tai = bench.call(KTIME_GET_TAI_NS, []);
    assert_eq!(tai, 1_735_689_637_000_000_000);
}
