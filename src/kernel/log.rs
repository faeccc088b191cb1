//! What a verifier's log says at its end: the reason of a refusal, and the instruction.
//!
//! Wording differs between kernels; nothing here depends on it but for the lines of states and statistics.

/// What the lines begin with that come after the reason: the states of an endless loop, and statistics.
const AFTER: [&str; 5] = [
    "cur state:",
    "old state:",
    "processed ",
    "verification time ",
    "stack depth ",
];

/// The kernel's last sentence, without what follows it.
pub fn reason(log: &str) -> Option<&str> {
    let is_after = |line: &str| AFTER.iter().any(|start| line.starts_with(start));
    let mut lines = log.lines().rev().map(str::trim_end);
    lines.find(|line| !line.is_empty() && !is_after(line))
}

/// How long the kernel says it took to judge, in nanoseconds.
pub fn verification_time(log: &str) -> Option<u64> {
    let mut lines = log.lines().rev();
    let micros = lines.find_map(|line| {
        line.strip_prefix("verification time ")?
            .strip_suffix(" usec")
    })?;
    micros.parse::<u64>().ok()?.checked_mul(1000)
}

/// The last instruction that the log shows, which is the one at fault where the log has the refused
/// path (level 1 or 2).
pub fn last_pc(log: &str) -> Option<u32> {
    log.lines().rev().find_map(instruction)
}

/// The number of an instruction's line: `7: (79) r1 = *(u64 *)(r0 +0)`.
fn instruction(line: &str) -> Option<u32> {
    let (number, rest) = line.split_once(": (")?;
    let hex = |c: char| c.is_ascii_hexdigit();
    let is_code = rest.get(..3).is_some_and(|code| {
        code.ends_with(')')
            && code.starts_with(hex)
            && code.get(1..2).is_some_and(|c| c.starts_with(hex))
    });
    is_code.then(|| number.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
func#0 @0
0: R1=ctx() R10=fp0
; *count += 1; @ a.c:21
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
verification time 40 usec
stack depth 4
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
";

    #[test]
    fn reason_is_the_last_line_before_the_statistics() {
        assert_eq!(
            reason(LOG),
            Some("R0 invalid mem access 'map_value_or_null'")
        );
        let endless =
            "infinite loop detected at insn 1\ncur state: R0=0 R10=fp0\nold state: R0=0\n";
        assert_eq!(reason(endless), Some("infinite loop detected at insn 1"));
        assert_eq!(reason("processed 2 insns\n"), None);
        assert_eq!(reason(""), None);
    }

    #[test]
    fn verification_time_is_in_nanoseconds() {
        assert_eq!(verification_time(LOG), Some(40_000));
        assert_eq!(verification_time("verification time never usec\n"), None);
    }

    #[test]
    fn last_pc_is_that_of_the_last_instruction_shown() {
        assert_eq!(last_pc(LOG), Some(7));
        assert_eq!(last_pc("0: R1=ctx()\nR0 !read_ok\n"), None);
    }
}
