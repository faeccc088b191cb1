//! What a program's declaration tags say of it: the annotations of the kernel's own tests.
//!
//! They are attached to the program's function as `comment:test_…` (`progs/bpf_misc.h` and
//! `test_loader.c` of the selftests of Linux 6.12). It judges nothing.

use anyhow::{Context as _, bail};
use ebpf_sim::abi::privilege::{Capabilities, LoadFlags, Loader};
use ebpf_sim::btf::{Btf, KindFilter};
use ebpf_sim::object::Sleepable;
use regex::Regex;

/// What all annotations start with.
const PREFIX: &str = "comment:test_";

/// What ends the name of an annotation for those without privileges.
const UNPRIVILEGED: &str = "_unpriv";

/// What a program is annotated with.
#[derive(Debug, Default)]
pub(super) struct Annotations {
    /// What is expected of it when it is loaded with all privileges.
    pub(super) privileged: Expected,
    /// What is expected without.
    pub(super) unprivileged: Expected,
    /// How much is to be logged: as `log_level` of bpf(2).
    pub(super) log_level: u32,
    /// Load flags, beside those that the kernel's tests always set.
    pub(super) flags: Flags,
    /// The architectures that it is for; all if there are none.
    pub(super) architectures: Vec<String>,
    /// Whether it only helps others.
    pub(super) auxiliary: bool,
}

/// Load flags.
#[derive(Debug)]
pub(super) struct Flags {
    /// Those that are set.
    pub(super) set: LoadFlags,
    /// Whether the program may sleep, whatever its section says.
    pub(super) sleepable: Sleepable,
    /// Names or numbers of others, which are not modelled.
    pub(super) others: Vec<String>,
}

impl Default for Flags {
    /// What the kernel's tests set unless they are told not to.
    fn default() -> Flags {
        Flags {
            set: LoadFlags::TEST_RND_HI32 | LoadFlags::TEST_REG_INVARIANTS,
            sleepable: Sleepable::No,
            others: Vec::new(),
        }
    }
}

impl Flags {
    /// Sets a flag of that name, or clears it where it begins with `!`.
    fn add(&mut self, name: &str) {
        let (name, is_set) = match name.strip_prefix('!') {
            Some(name) => (name, false),
            None => (name, true),
        };
        match (LoadFlags::by_name(name), name) {
            (Some(flag), _) if is_set => self.set = self.set | flag,
            (Some(flag), _) => self.set = self.set.without(flag),
            (None, "BPF_F_SLEEPABLE") if is_set => self.sleepable = Sleepable::Yes,
            (None, _) => self.others.push(name.to_owned()),
        }
    }
}

/// Who loads a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Root.
    Privileged,
    /// Somebody without capabilities.
    Unprivileged,
}

/// One test of a program: who loads it, and what is expected then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) who: Who,
    pub(super) loader: Loader,
    pub(super) verdict: Verdict,
    pub(super) messages: &'a [Message],
    pub(super) retval: Option<Retval>,
}

/// What is expected.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The verdict.
    pub(super) verdict: Option<Verdict>,
    /// What the log has, in order.
    pub(super) messages: Vec<Message>,
    /// What a run returns.
    pub(super) retval: Option<Retval>,
    /// What is expected of instructions after the verifier or the JIT, which is not looked at.
    pub(super) other: Vec<String>,
}

/// What a run returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retval {
    /// This number.
    Number(u32),
    /// The address of something.
    Pointer,
}

/// An expected verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
}

/// Text that a log has.
#[derive(Debug)]
pub(super) struct Message {
    /// As it is annotated.
    pub(super) text: String,
    pattern: Regex,
}

impl Annotations {
    /// Those of the program's function, if it has any.
    pub(super) fn of(btf: &Btf, program: &str) -> anyhow::Result<Option<Annotations>> {
        let Some(function) = btf.find(program, KindFilter::FUNC) else {
            return Ok(None);
        };
        let tags = btf.decl_tags(function);
        let tags = tags.filter(|(component, _)| component.is_none());
        let mut tags: Vec<&str> = tags
            .filter_map(|(_, tag)| tag.strip_prefix(PREFIX))
            .collect();
        // Messages are numbered in the order of the source; tags need not be in it.
        tags.sort_by_key(|tag| number_of(tag));
        let mut annotations = Annotations::default();
        for tag in &tags {
            annotations
                .add(tag)
                .with_context(|| format!("annotation `{tag}`"))?;
        }
        Ok((!tags.is_empty()).then_some(annotations))
    }

    /// The tests of the program. What is not said of the unprivileged is as for root.
    pub(super) fn cases(&self) -> Vec<Case<'_>> {
        let (root, other) = (&self.privileged, &self.unprivileged);
        let loader = |capabilities| Loader {
            capabilities,
            flags: self.flags.set,
        };
        let privileged = Case {
            who: Who::Privileged,
            loader: loader(Capabilities::ALL),
            verdict: root.verdict.unwrap_or(Verdict::Success),
            messages: &root.messages,
            retval: root.retval,
        };
        let messages = match other.messages.as_slice() {
            [] => &root.messages,
            messages => messages,
        };
        let unprivileged = Case {
            who: Who::Unprivileged,
            loader: loader(Capabilities::NONE),
            verdict: other.verdict.unwrap_or(privileged.verdict),
            messages,
            retval: other.retval.or(root.retval),
        };
        let cases = [(root, privileged), (other, unprivileged)].into_iter();
        let wanted = cases.filter(|(expected, _)| expected.is_something());
        wanted.map(|(_, case)| case).collect()
    }

    fn add(&mut self, tag: &str) -> anyhow::Result<()> {
        let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
        let (key, expected) = match key.strip_suffix(UNPRIVILEGED) {
            Some(key) => (key, &mut self.unprivileged),
            None => (key, &mut self.privileged),
        };
        match key {
            "expect_success" => expected.verdict = Some(Verdict::Success),
            "expect_failure" => expected.verdict = Some(Verdict::Failure),
            "expect_msg" => expected.messages.push(Message::parse(numbered(value)?)?),
            "expect_regex" => expected.messages.push(Message::regex(numbered(value)?)?),
            "retval" => expected.retval = Some(retval(value)?),
            "expect_xlated" | "jited" => expected.other.push(value.to_owned()),
            "log_level" => self.log_level = value.parse().context("it is no number")?,
            "prog_flags" => self.flags.add(value),
            "arch" => self.architectures.push(value.to_owned()),
            "auxiliary" => self.auxiliary = true,
            "description" | "btf_path" => {}
            _ => bail!("it is not known"),
        }
        Ok(())
    }
}

impl Expected {
    /// Whether it says what is to come of the program.
    fn is_something(&self) -> bool {
        self.verdict.is_some() || self.retval.is_some() || !self.messages.is_empty()
    }
}

impl Message {
    /// Text in which `{{…}}` stands for a regular expression.
    fn parse(text: &str) -> anyhow::Result<Message> {
        let mut pattern = String::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (expression, after) = after.split_once("}}").context("`{{` has no `}}`")?;
            pattern += &regex::escape(literal);
            pattern += &format!("(?:{expression})");
            rest = after;
        }
        pattern += &regex::escape(rest);
        Message::of(text, &pattern)
    }

    fn regex(text: &str) -> anyhow::Result<Message> {
        Message::of(text, text)
    }

    fn of(text: &str, pattern: &str) -> anyhow::Result<Message> {
        Ok(Message {
            text: text.to_owned(),
            pattern: Regex::new(pattern)?,
        })
    }

    /// What follows it in the log, if the log has it.
    pub(super) fn after<'log>(&self, log: &'log str) -> Option<&'log str> {
        let found = self.pattern.find(log)?;
        log.get(found.end()..)
    }
}

/// The number that a message has in the source.
fn number_of(tag: &str) -> u32 {
    let number = tag.split('=').nth(1);
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// What follows the number.
fn numbered(value: &str) -> anyhow::Result<&str> {
    let (number, text) = value.split_once('=').context("it has no number")?;
    number.parse::<u32>().context("it has no number")?;
    Ok(text)
}

/// A return value: decimal or hexadecimal, negative, or one of the names that the tests use.
fn retval(text: &str) -> anyhow::Result<Retval> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match (digits, digits.strip_prefix("0x")) {
        ("POINTER_VALUE", _) => return Ok(Retval::Pointer),
        ("INT_MIN", _) => i32::MIN.into(),
        ("TEST_DATA_LEN", _) => 64,
        (_, Some(digits)) => i64::from_str_radix(digits, 16)?,
        (_, None) => digits.parse::<i64>()?,
    };
    Ok(Retval::Number((sign * number) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(tags: &[&str]) -> Annotations {
        let mut annotations = Annotations::default();
        for tag in tags {
            annotations.add(tag).expect("it is one");
        }
        annotations
    }

    #[test]
    fn tags_say_what_is_expected_with_and_without_privileges() {
        let all = annotated(&[
            "expect_success",
            "expect_failure_unpriv",
            "retval=-1",
            "retval_unpriv=POINTER_VALUE",
            "log_level=2",
        ]);
        assert_eq!(all.privileged.verdict, Some(Verdict::Success));
        assert_eq!(all.unprivileged.verdict, Some(Verdict::Failure));
        assert_eq!(all.privileged.retval, Some(Retval::Number(u32::MAX)));
        assert_eq!(all.unprivileged.retval, Some(Retval::Pointer));
        assert_eq!(all.log_level, 2);
    }

    #[test]
    fn what_is_not_said_of_the_unprivileged_is_as_for_root() {
        let all = annotated(&[
            "expect_failure",
            "expect_msg=0=text",
            "expect_success_unpriv",
        ]);
        let cases = all.cases();
        let verdicts: Vec<_> = cases.iter().map(|case| (case.who, case.verdict)).collect();
        assert_eq!(
            verdicts,
            [
                (Who::Privileged, Verdict::Failure),
                (Who::Unprivileged, Verdict::Success)
            ]
        );
        assert_eq!(cases[1].messages.len(), 1);
        assert_eq!(annotated(&["retval_unpriv=1"]).cases().len(), 1);
        assert!(annotated(&["log_level=2"]).cases().is_empty());
    }

    #[test]
    fn flags_are_set_and_cleared_by_name() {
        let flags = annotated(&[
            "prog_flags=BPF_F_TEST_STATE_FREQ",
            "prog_flags=!BPF_F_TEST_REG_INVARIANTS",
            "prog_flags=64",
        ])
        .flags;
        let set = LoadFlags::TEST_RND_HI32 | LoadFlags::TEST_STATE_FREQ;
        assert_eq!(flags.set, set);
        assert_eq!(flags.others, ["64"]);
    }

    #[test]
    fn message_holds_regular_expressions_in_braces() {
        let message = Message::parse("R{{[0-9]+}} (x) = 1").expect("it is one");
        assert_eq!(message.after("a R12 (x) = 1 b"), Some(" b"));
        assert_eq!(message.after("R (x) = 1"), None);
        assert!(Message::parse("{{a").is_err());
    }

    #[test]
    fn annotation_that_is_none_is_refused() {
        let mut annotations = Annotations::default();
        assert!(annotations.add("expect_msg=text").is_err());
        assert!(annotations.add("retval=many").is_err());
        assert!(annotations.add("nonsense").is_err());
    }
}
