//! What a kernel is asked and what it answers, as plain data.
//!
//! Numbers are the kernel's own, so that also what the simulator has no name for can be asked.
//! On the wire it is postcard: bytes stay bytes, which matters to a guest that is emulated.
//!
//! Rules:
//! - Maps and programs refer to each other by index into the job's lists.
//! - Error numbers are positive.
//! - What follows from a failure is said where it shows: a program whose map could not be made is
//!   [`Verdict::Unloadable`], its runs are [`RunError::NotLoaded`].

use serde::{Deserialize, Serialize};

use super::KernelError;

/// Maps, programs and runs, to be done together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The object's `.BTF`, which maps and programs refer to.
    pub btf: Option<Vec<u8>>,
    /// Maps to make, in order.
    pub maps: Vec<MapJob>,
    /// Capabilities that maps are made and programs loaded without, a bit for each by number.
    pub without: u64,
    /// Programs to load after them, in order.
    pub programs: Vec<ProgramJob>,
    /// Runs to do then, in order.
    pub runs: Vec<RunJob>,
    /// Programs to attach after the runs.
    pub attach: Vec<AttachJob>,
    /// A command, with its arguments, to start and wait for while they are attached. Where there is
    /// no such file, the executable of the process that asks is started.
    pub command: Vec<String>,
    /// Maps whose contents are wanted at the end.
    pub read_maps: Vec<u32>,
    /// Whether what programs print is wanted.
    pub trace: Trace,
}

/// Whether what programs print is read from `trace_pipe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trace {
    /// It is not.
    #[default]
    Ignore,
    /// It is, and fails with [`JobResult::trace`] where the kernel has no such pipe.
    Read,
}

/// A map to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapJob {
    /// Its name; the kernel keeps what fits.
    pub name: String,
    /// `enum bpf_map_type`.
    pub map_type: u32,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes.
    pub value_size: u32,
    /// Capacity. 0 for a perf event array stands for the number of CPUs.
    pub max_entries: u32,
    /// `BPF_F_…` creation flags.
    pub flags: u32,
    /// `map_extra`.
    pub extra: u64,
    /// Type of its keys in [`Job::btf`], 0 for none.
    pub key_type: u32,
    /// Type of its values in [`Job::btf`], 0 for none.
    pub value_type: u32,
    /// Type of its value in the kernel's BTF, for a structure of functions; 0 for none.
    pub kernel_value_type: u32,
    /// Template of the inner maps of a map of maps.
    pub inner: Option<Box<MapJob>>,
    /// Values to put in, by key. Of a per-CPU map each value is for every CPU.
    pub values: Vec<(Vec<u8>, Vec<u8>)>,
    /// Inner maps to put in, by key.
    pub inner_maps: Vec<(u32, u32)>,
    /// Programs to put in once they are loaded, by index.
    pub programs: Vec<(u32, u32)>,
    /// Whether it is frozen before programs are loaded.
    pub access: Access,
}

/// Whether user space may change a map once its values are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// It may.
    #[default]
    ReadWrite,
    /// It may not: `BPF_MAP_FREEZE`.
    Frozen,
}

/// A program to load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramJob {
    /// Its name; the kernel keeps what fits.
    pub name: String,
    /// `enum bpf_prog_type`.
    pub prog_type: u32,
    /// `enum bpf_attach_type`, 0 where there is none.
    pub attach_type: u32,
    /// What the running kernel's BTF calls that which it attaches to.
    pub attach: Option<AttachName>,
    /// The program that it attaches to instead, if it does to one.
    pub target: Option<TargetJob>,
    /// `BPF_F_…` load flags.
    pub flags: u32,
    /// Its licence.
    pub licence: String,
    /// Instructions, 8 little-endian bytes each. Where one refers to a map, its immediate is the
    /// map's index.
    pub insns: Vec<u8>,
    /// Where functions start, by rising slot.
    pub func_info: Vec<FuncInfo>,
    /// Where source lines start, by rising slot.
    pub line_info: Vec<LineInfo>,
    /// What the verifier logs: 0 nothing, 1 the refused path, 2 every path; plus 4 for statistics.
    pub log_level: u32,
}

/// A program that another attaches to, which is loaded before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetJob {
    /// Its types and maps, and itself alone.
    pub job: Box<Job>,
    /// The BTF function in its types.
    pub function: u32,
}

/// The name of something in the kernel's BTF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachName {
    /// A function.
    Function(String),
    /// A type definition, as tracepoints have.
    Typedef(String),
    /// A structure of functions.
    Structure(String),
}

/// `struct bpf_func_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct FuncInfo {
    /// First slot.
    pub insn: u32,
    /// Its BTF function.
    pub func: u32,
}

/// `struct bpf_line_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct LineInfo {
    /// First slot.
    pub insn: u32,
    /// The file's name in the BTF's strings.
    pub file: u32,
    /// The line's text in the BTF's strings.
    pub text: u32,
    /// Line number, shifted by 10, and column.
    pub line_column: u32,
}

/// A run with `BPF_PROG_TEST_RUN`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunJob {
    /// The program.
    pub program: u32,
    /// The packet, or other input.
    pub data: Option<Vec<u8>>,
    /// The context.
    pub ctx: Option<Vec<u8>>,
    /// How often it runs; 0 counts as once. Types that take no such number ignore it.
    pub repeat: u32,
    /// The CPU to run on, with the flag for it.
    pub cpu: u32,
    /// `BPF_F_TEST_…` flags: 1 run on [`RunJob::cpu`], 2 live frames.
    pub flags: u32,
    /// Size of the batches of live frames, 0 for the kernel's own.
    pub batch_size: u32,
}

/// A program to attach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachJob {
    /// The program.
    pub program: u32,
    /// Where.
    pub point: AttachPoint,
}

/// Where a program is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachPoint {
    /// To what it was loaded for: fentry, fexit, LSM, typed tracepoints.
    Loaded,
    /// To a raw tracepoint.
    RawTracepoint {
        /// Its name.
        name: String,
    },
    /// To a tracepoint.
    Tracepoint {
        /// The folder of its event.
        category: String,
        /// The event.
        name: String,
    },
    /// To a function of the kernel.
    Kprobe {
        /// Its name.
        function: String,
        /// Bytes into it.
        offset: u64,
        /// Whether when it returns.
        returns: bool,
    },
}

/// What became of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// The kernel that did it.
    pub kernel: KernelInfo,
    /// Whether the kernel took the BTF.
    pub btf: BtfResult,
    /// For each map whether it was made.
    pub maps: Vec<Result<(), MapFailure>>,
    /// For each program its verdict.
    pub programs: Vec<ProgramResult>,
    /// For each run what came of it.
    pub runs: Vec<Result<RunResult, RunError>>,
    /// For each of [`Job::attach`] whether it was, or why not.
    pub attached: Vec<Result<(), String>>,
    /// What the command ended with, or why it was not started.
    pub command: Option<Result<i32, String>>,
    /// For each map of [`Job::read_maps`] what is in it, or the error number.
    pub contents: Vec<Result<MapContents, i32>>,
    /// What programs printed, a line each without the header, if it was asked for; or why it
    /// cannot be read.
    pub trace: Option<Result<Vec<String>, String>>,
}

/// Which kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelInfo {
    /// `uname -r`.
    pub release: String,
    /// `uname -m`.
    pub machine: String,
    /// How many CPUs are possible: values of per-CPU maps have a part for each.
    pub cpus: u32,
}

/// What the kernel said of the BTF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BtfResult {
    /// There was none.
    #[default]
    None,
    /// It took it as it is.
    Loaded,
    /// It took it with kinds replaced that it does not know.
    Simplified,
    /// It refused it: maps and programs went without.
    Refused {
        /// The error number.
        errno: i32,
        /// The end of its log.
        log: String,
    },
}

/// Why a map could not be made or filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFailure {
    /// What failed: `create`, `fill`, `freeze`.
    pub step: String,
    /// The error number.
    pub errno: i32,
}

/// What the kernel said of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramResult {
    /// Its verdict.
    pub verdict: Verdict,
    /// The verifier's log.
    pub log: String,
    /// How much work the verdict was, where the kernel said so.
    pub stats: Option<Stats>,
    /// How long it took, in nanoseconds: by the kernel's own clock where its log tells, else all of
    /// `BPF_PROG_LOAD`.
    pub duration: u64,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is loaded.
    Accepted,
    /// The kernel refuses it.
    Refused {
        /// With this error number.
        errno: i32,
    },
    /// The kernel could not be asked.
    Unloadable {
        /// Why not.
        reason: String,
    },
}

/// The numbers at the end of a verifier's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Instructions processed over all paths.
    pub insns: u64,
    /// States kept.
    pub total_states: u64,
    /// The most states kept at once.
    pub peak_states: u64,
    /// The most states kept at one instruction.
    pub max_states_per_insn: u64,
    /// How many checkpoints the longest walk back marked for one read.
    pub longest_mark_read: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// What the program returned.
    pub retval: u32,
    /// The packet afterwards, empty where the type gives none.
    pub data: Vec<u8>,
    /// The context afterwards, empty where the type gives none.
    pub ctx: Vec<u8>,
    /// How long one run took on average, in nanoseconds.
    pub duration: u32,
}

/// Why there was no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunError {
    /// The program was not loaded.
    NotLoaded,
    /// The kernel refuses with this error number; 524 (`ENOTSUPP`) for types it cannot test-run.
    Errno(i32),
}

/// What is in a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapContents {
    /// Keys and values in the map's order; values of per-CPU maps have a part for each possible
    /// CPU, padded to 8 bytes. Maps of maps and of programs have ids as values. The values of
    /// queues and stacks, which are taken out, have empty keys.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Records of a ring buffer or perf event array, which are taken out.
    pub records: Vec<Vec<u8>>,
}

impl Job {
    /// Its bytes on the wire.
    ///
    /// # Errors
    /// None that data of this shape gives.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KernelError> {
        postcard::to_stdvec(self).map_err(|source| KernelError::Wire {
            what: "job",
            source,
        })
    }

    /// A job from the wire.
    ///
    /// # Errors
    /// The bytes are no job.
    pub fn from_bytes(bytes: &[u8]) -> Result<Job, KernelError> {
        postcard::from_bytes(bytes).map_err(|source| KernelError::Wire {
            what: "job",
            source,
        })
    }
}

impl JobResult {
    /// Its bytes on the wire.
    ///
    /// # Errors
    /// None that data of this shape gives.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KernelError> {
        postcard::to_stdvec(self).map_err(|source| KernelError::Wire {
            what: "result",
            source,
        })
    }

    /// A result from the wire.
    ///
    /// # Errors
    /// The bytes are no result.
    pub fn from_bytes(bytes: &[u8]) -> Result<JobResult, KernelError> {
        postcard::from_bytes(bytes).map_err(|source| KernelError::Wire {
            what: "result",
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_survives_the_wire() {
        let map = MapJob {
            name: "outer".to_owned(),
            inner: Some(Box::default()),
            values: vec![(vec![0; 4], vec![0xff; 300])],
            access: Access::Frozen,
            ..MapJob::default()
        };
        let program = ProgramJob {
            attach: Some(AttachName::Typedef("btf_trace_x".to_owned())),
            insns: (0..=255).collect(),
            ..ProgramJob::default()
        };
        let job = Job {
            btf: Some(vec![1, 2, 3]),
            without: 1 << 39,
            maps: vec![map],
            programs: vec![program],
            runs: vec![RunJob::default()],
            attach: vec![AttachJob {
                program: 0,
                point: AttachPoint::Loaded,
            }],
            command: vec!["/bin/true".to_owned()],
            read_maps: vec![0],
            trace: Trace::Read,
        };
        let bytes = job.to_bytes().expect("a job encodes");
        assert_eq!(Job::from_bytes(&bytes).expect("it decodes"), job);
    }

    #[test]
    fn truncated_result_is_refused() {
        let result = JobResult {
            runs: vec![Err(RunError::Errno(524))],
            ..JobResult::default()
        };
        let bytes = result.to_bytes().expect("a result encodes");
        assert_eq!(JobResult::from_bytes(&bytes).expect("it decodes"), result);
        let cut = bytes.get(..bytes.len() - 1).expect("it is not empty");
        assert!(JobResult::from_bytes(cut).is_err());
    }
}
