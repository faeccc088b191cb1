//! What stands for `oracle` where the library is built without real kernels: nothing can be asked.

use std::sync::Arc;

use ebpf_sim::abi::privilege::Loader;
use ebpf_sim::btf::Btf;
use ebpf_sim::object::Program;

use super::output::Output;
use super::verify::Answer;

/// No option.
#[derive(Debug, clap::Args)]
pub(super) struct Choice {}

impl Choice {
    /// No kernel's name.
    #[expect(clippy::unused_self, reason = "the same as where there are kernels")]
    pub(super) fn target(&self) -> Option<&str> {
        None
    }

    /// No kernel.
    #[expect(clippy::unused_self, reason = "the same as where there are kernels")]
    pub(super) fn open(&self, _output: &mut Output) -> anyhow::Result<Option<Oracle>> {
        Ok(None)
    }
}

/// There is none.
pub(super) enum Oracle {}

impl Oracle {
    /// Refuses: there is no kernel to open.
    pub(super) fn open(target: &str, _output: &mut Output) -> anyhow::Result<Oracle> {
        anyhow::bail!("cannot ask the kernel {target}: this build asks no real kernels")
    }

    /// Never called.
    pub(super) fn btf(&mut self) -> Option<Arc<Btf>> {
        match *self {}
    }

    /// Never called.
    pub(super) fn config(&mut self) -> Option<Vec<u8>> {
        match *self {}
    }

    /// Never called.
    pub(super) fn symbols(&mut self) -> Option<String> {
        match *self {}
    }

    /// Never called.
    pub(super) fn release(&self) -> String {
        match *self {}
    }

    /// Never called.
    pub(super) fn judge(
        &mut self,
        _program: &Program,
        _level: u32,
        _loader: Loader,
    ) -> anyhow::Result<Answer> {
        match *self {}
    }
}
