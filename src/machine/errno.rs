//! The kernel's error numbers, as programs and callers of bpf(2) see them.
//!
//! Only those that something in the simulator returns.

use std::fmt;

/// An error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Errno = Errno($number);)*

            /// Its name: `ENOENT`.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "unknown error",
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such entry.";
    ESRCH = 3, "No such process.";
    E2BIG = 7, "Too large or full.";
    EBADF = 9, "Bad descriptor.";
    EAGAIN = 11, "Try again.";
    ENOMEM = 12, "Out of memory.";
    EACCES = 13, "Permission denied.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Busy.";
    EEXIST = 17, "Already exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left.";
    ERANGE = 34, "Out of range.";
    EDEADLK = 35, "It would wait for itself.";
    ENAMETOOLONG = 36, "Name too long.";
    ENOMSG = 42, "No such message.";
    ENODATA = 61, "No data available.";
    ENONET = 64, "Not on this network.";
    EPROTO = 71, "Protocol error.";
    EOVERFLOW = 75, "Value too large.";
    EBADFD = 77, "A descriptor in a bad state.";
    ENOTSOCK = 88, "Not a socket.";
    EMSGSIZE = 90, "Message too long.";
    EPROTOTYPE = 91, "Wrong protocol for a socket.";
    EPROTONOSUPPORT = 93, "Protocol not supported.";
    ESOCKTNOSUPPORT = 94, "Kind of socket not supported.";
    EOPNOTSUPP = 95, "Operation not supported on this object.";
    EAFNOSUPPORT = 97, "Address family not supported.";
    EALREADY = 114, "Already done.";
    ENOTSUPP = 524, "Operation not supported, as only the kernel spells it.";
}

impl Errno {
    /// The number, positive.
    pub fn number(self) -> i32 {
        self.0
    }

    /// What a helper returns: the number negated.
    pub fn as_return(self) -> u64 {
        i64::from(-self.0) as u64
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_as_return_is_the_negative_number() {
        assert_eq!(Errno::E2BIG.as_return(), 0xffff_ffff_ffff_fff9);
        assert_eq!(Errno::ENOTSUPP.to_string(), "ENOTSUPP");
    }
}
