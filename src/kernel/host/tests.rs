//! Against the kernel underneath, where it may be asked.

use std::io::{self, Write as _};

use super::*;
use crate::kernel::job::{Access, RunError, RunJob, Verdict};
use crate::kernel::log;
use crate::object::Program;

/// The kernel underneath, or a line that says that the test was skipped.
fn host() -> Option<Host> {
    match Host::open() {
        Ok(host) => Some(host),
        Err(error) => {
            // Not by a macro, whose output is shown of failed tests only.
            let said = writeln!(io::stderr(), "skipped: {error}");
            said.expect("standard error is open");
            None
        }
    }
}

fn job(text: &str) -> Job {
    let program = Program::from_assembly("test.s", text).expect("the text is a program");
    let mut job = Job::of_program(&program);
    for program in &mut job.programs {
        program.log_level = 4;
    }
    job.read_maps = (0..).take(job.maps.len()).collect();
    job
}

const COUNTER: &str = "\
.type xdp
.map table array 4 8 2
r2 = 1
*(u32 *)(r10 -4) = r2
r2 = r10
r2 += -4
r1 = map[table] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = 5
lock *(u64 *)(r0 +0) += r1
out:
r0 = 2
exit
";

#[test]
fn possible_cpus_are_counted_up_to_the_last() {
    assert_eq!(possible_cpus("0"), 1);
    assert_eq!(possible_cpus("0-3"), 4);
    assert_eq!(possible_cpus("0-1,6"), 7);
    assert!(possible_cpus("") >= 1);
}

#[test]
fn program_runs_and_leaves_its_trace_in_the_map() {
    let Some(mut host) = host() else { return };
    let mut job = job(COUNTER);
    job.maps[0].values = vec![(vec![1, 0, 0, 0], vec![7, 0, 0, 0, 0, 0, 0, 0])];
    job.runs = vec![RunJob {
        data: Some(vec![0xab; 64]),
        repeat: 3,
        ..RunJob::default()
    }];
    let result = host.execute(&job).expect("the kernel can be asked");
    assert_eq!(result.maps, [Ok(())]);
    assert_eq!(result.programs[0].verdict, Verdict::Accepted);
    assert!(
        result.programs[0]
            .stats
            .is_some_and(|stats| stats.insns > 5)
    );
    let run = result.runs[0].as_ref().expect("it runs");
    assert_eq!(
        (run.retval, run.data.as_slice()),
        (2, [0xab; 64].as_slice())
    );
    let entries = &result.contents[0].as_ref().expect("it is read").entries;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].1, [22, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn frozen_map_keeps_programs_from_nothing_but_user_space() {
    let Some(mut host) = host() else { return };
    let mut job = job(COUNTER);
    job.maps[0].access = Access::Frozen;
    let result = host.execute(&job).expect("the kernel can be asked");
    assert_eq!(result.maps, [Ok(())]);
    assert_eq!(result.programs[0].verdict, Verdict::Accepted);
}

#[test]
fn refused_program_has_its_reason_and_cannot_run() {
    let Some(mut host) = host() else { return };
    let mut job = job(".type xdp\nr0 = r3\nexit\n");
    job.runs = vec![RunJob::default()];
    let result = host.execute(&job).expect("the kernel can be asked");
    let errno = libc::EACCES;
    assert_eq!(result.programs[0].verdict, Verdict::Refused { errno });
    assert_eq!(log::reason(&result.programs[0].log), Some("R3 !read_ok"));
    assert_eq!(result.runs, [Err(RunError::NotLoaded)]);
}

#[test]
fn map_that_is_too_large_keeps_its_program_from_loading() {
    let Some(mut host) = host() else { return };
    let mut job = job(COUNTER);
    job.maps[0].max_entries = u32::MAX;
    let result = host.execute(&job).expect("the kernel can be asked");
    let failure = result.maps[0].as_ref().expect_err("it is refused");
    assert_eq!(failure.errno, libc::E2BIG);
    let Verdict::Unloadable { reason } = &result.programs[0].verdict else {
        panic!("{:?}", result.programs[0].verdict);
    };
    assert_eq!(reason, "map `table`: cannot create beyond 64 MiB: E2BIG");
}

#[test]
fn broken_job_is_refused_without_a_panic() {
    let Some(mut host) = host() else { return };
    let mut job = job(COUNTER);
    job.btf = Some(vec![0xff; 40]);
    job.programs[0].insns.truncate(13);
    job.maps[0].inner_maps = vec![(0, 99)];
    job.maps[0].values = vec![(vec![1], vec![2])];
    job.read_maps = vec![0, 7];
    job.runs = vec![RunJob {
        program: 5,
        ..RunJob::default()
    }];
    let result = host.execute(&job).expect("the kernel can be asked");
    assert_eq!(
        result.maps[0].as_ref().expect_err("no key fits").step,
        "fill"
    );
    assert!(result.contents.iter().all(Result::is_err));
    assert_eq!(result.runs, [Err(RunError::NotLoaded)]);
}

#[test]
fn records_of_a_ring_buffer_are_taken_out() {
    let Some(mut host) = host() else { return };
    let mut job = job("\
.type syscall
.map events ringbuf 0 0 4096
r6 = 77
*(u64 *)(r10 -8) = r6
r1 = map[events] ll
r2 = r10
r2 += -8
r3 = 8
r4 = 0
call bpf_ringbuf_output
r0 = 0
exit
");
    job.runs = vec![RunJob::default(), RunJob::default()];
    let result = host.execute(&job).expect("the kernel can be asked");
    assert_eq!(
        result.programs[0].verdict,
        Verdict::Accepted,
        "{}",
        result.programs[0].log
    );
    let records = &result.contents[0].as_ref().expect("it is read").records;
    assert_eq!(*records, vec![77_u64.to_le_bytes().to_vec(); 2]);
}
