//! Why a check within the verifier failed: the sentence, the number, what to do.

use super::outcome::Errno;

/// The result of a check.
pub(super) type Check<T = ()> = Result<T, Fail>;

/// A refusal on its way to becoming a [`super::Rejection`].
#[derive(Debug)]
pub(super) struct Fail {
    /// What bpf(2) would return.
    pub(super) errno: Errno,
    /// The kernel's sentence.
    pub(super) message: String,
    /// A sentence that the kernel prints before it.
    pub(super) detail: Option<String>,
    /// What the kernel's log has after it.
    pub(super) appendix: Option<String>,
    /// Whether the kernel might accept it.
    pub(super) unsupported: bool,
}

impl Fail {
    /// A refusal in the kernel's words.
    pub(super) fn new(errno: Errno, message: impl Into<String>) -> Fail {
        Fail {
            errno,
            message: message.into(),
            detail: None,
            appendix: None,
            unsupported: false,
        }
    }

    /// The same, for what is `EACCES`.
    pub(super) fn access(message: impl Into<String>) -> Fail {
        Fail::new(Errno::Access, message)
    }

    /// The same, for what is `EINVAL`.
    pub(super) fn invalid(message: impl Into<String>) -> Fail {
        Fail::new(Errno::Invalid, message)
    }

    /// A refusal of what cannot be judged yet.
    pub(super) fn unsupported(what: impl std::fmt::Display) -> Fail {
        Fail {
            errno: Errno::NotSupported,
            message: format!("not supported yet: {what}"),
            detail: None,
            appendix: None,
            unsupported: true,
        }
    }

    /// Adds the sentence that says which register's range was at fault, as the kernel does after
    /// it has said which access.
    pub(super) fn then(self, message: impl Into<String>) -> Fail {
        let before = self.detail.map(|detail| detail + "\n").unwrap_or_default();
        Fail {
            detail: Some(before + &self.message),
            message: message.into(),
            ..self
        }
    }
}
