//! `ebpf-sim fuzz`: random programs against what must hold, and against a real kernel.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ebpf_sim::fuzz::{Campaign, Caution, Disagreement, Finding, Referee, Totals, text};

use super::Exit;
use super::oracle::{Choice, Oracle};
use super::output::Output;

/// How many programs go to a kernel at once.
const BATCH: usize = 64;

/// Try random programs, valid and slightly broken, and write down every disagreement
///
/// Programs that are known to crash some kernel are withheld from this host's, and counted.
///
/// Without `--kernel` it looks for accepted programs that trap, and for such as do something else with what the
/// verifier learnt than without. With it, verdicts, return values, packets and maps must be the kernel's too.
///
/// A seed always gives the same programs. With `--shard K/N` only every Nth of them is tried, from the Kth on, so
/// that N machines can share one seed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    kernel: Choice,
    /// Ask this kernel, too, about what the first disagrees with: where it says what we say, the kernels differ and we
    /// are not wrong.
    #[arg(long, value_name = "KERNEL", requires = "kernel")]
    confirm: Option<String>,
    /// How long to try; shrinking what is found may take longer.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// How many programs to try at most.
    #[arg(long, value_name = "N")]
    programs: Option<u64>,
    /// Which programs.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// The part of them to try, `K/N` with K from 1.
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// The folder that reproducers are written to.
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
}

/// Every `count`th case from `first`, counted from 0.
#[derive(Clone, Copy, Debug)]
struct Shard {
    first: u64,
    count: u64,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').map(|(k, n)| (k.parse(), n.parse()));
        match parts {
            Some((Ok(k), Ok(n))) if (1..=n).contains(&k) => Ok(Shard {
                first: k - 1,
                count: n,
            }),
            _ => Err("it is K/N with K from 1 to N, such as 1/4".to_owned()),
        }
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    make_folder(&args.out)?;
    let mut first = args.kernel.open(output)?;
    let mut second = args
        .confirm
        .as_deref()
        .map(|target| Oracle::open(target, output))
        .transpose()?;
    let first = first
        .as_mut()
        .map(|oracle| referee(oracle, caution(args.kernel.target())));
    let second = second
        .as_mut()
        .map(|oracle| referee(oracle, caution(args.confirm.as_deref())));
    search(
        args,
        Campaign::new(args.seed, first)?.with_second(second),
        output,
    )
}

/// What may be asked of the kernel of that name.
fn caution(target: Option<&str>) -> Caution {
    match target {
        Some("host") => Caution::High,
        Some(_) | None => Caution::None,
    }
}

#[cfg(all(feature = "kernel", target_os = "linux"))]
fn referee(oracle: &mut Oracle, caution: Caution) -> Referee<'_> {
    Referee::new(oracle.kernel(), caution)
}

#[cfg(not(all(feature = "kernel", target_os = "linux")))]
fn referee(oracle: &mut Oracle, _caution: Caution) -> Referee<'_> {
    match *oracle {}
}

/// Makes the folder for findings now, rather than find out later that it cannot be made.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

fn search(args: &Args, mut campaign: Campaign<'_>, output: &mut Output) -> anyhow::Result<Exit> {
    let limit = Duration::from_secs(args.seconds);
    let (start, mut shrinking) = (Instant::now(), Duration::ZERO);
    let mut numbers = (args.shard.first..)
        .step_by(usize::try_from(args.shard.count).context("the shard's N is too large")?)
        .take(args.programs.map_or(usize::MAX, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        }));
    while start.elapsed() < limit {
        let batch: Vec<u64> = numbers.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let found = campaign.batch(&batch)?;
        for finding in &found {
            let path = write(&args.out, args.seed, &mut campaign, finding)?;
            writeln!(
                output,
                "{}: {}",
                path.display(),
                first_line(&finding.disagreement)
            )?;
        }
        shrinking = campaign.shrinking();
    }
    // It stays if something is in it.
    let _ = std::fs::remove_dir(&args.out);
    let spent = start.elapsed().saturating_sub(shrinking);
    summary(output, &campaign, spent)?;
    Ok(match campaign.kinds().is_empty() {
        true => Exit::Ok,
        false => Exit::Refused,
    })
}

fn first_line(disagreement: &Disagreement) -> String {
    let text = disagreement.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Writes a reproducer, and gives its path.
fn write(
    folder: &Path,
    seed: u64,
    campaign: &mut Campaign<'_>,
    finding: &Finding,
) -> anyhow::Result<PathBuf> {
    let theirs = campaign.theirs(&finding.case)?;
    let text = text(finding, seed, campaign.release(), theirs.as_ref());
    let path = folder.join(format!("seed{seed}_case{}.s", finding.number));
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn summary(output: &mut Output, campaign: &Campaign<'_>, spent: Duration) -> anyhow::Result<()> {
    let Totals {
        programs,
        accepted,
        rejected,
        unsupported,
        withheld,
        agreed,
        disagreed,
        known,
        steps,
    } = campaign.totals;
    let against = campaign
        .release()
        .map_or("no kernel".to_owned(), |release| format!("Linux {release}"));
    let seconds = spent.as_secs_f64().max(f64::EPSILON);
    let rate = programs as f64 / seconds;
    writeln!(
        output,
        "{programs} programs against {against}, {rate:.0} a second"
    )?;
    writeln!(
        output,
        "{accepted} accepted, {rejected} rejected, {unsupported} not supported yet"
    )?;
    writeln!(
        output,
        "{steps} steps run, each within what the verifier held of registers and stack"
    )?;
    if withheld > 0 {
        writeln!(
            output,
            "{withheld} withheld from the kernel, which they might crash"
        )?;
    }
    writeln!(
        output,
        "{agreed} agreed, {disagreed} disagreed, {known} of them for known reasons"
    )?;
    for (reason, count) in campaign.reasons() {
        writeln!(output, "{count:6} {reason}")?;
    }
    for (kind, count) in campaign.kinds() {
        writeln!(output, "{count:6} {kind}")?;
    }
    Ok(())
}
