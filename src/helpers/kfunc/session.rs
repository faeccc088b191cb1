//! Probes that are a session: one program at the entry of a function and at its return, with a word that is its own.

use super::{Call, Entry, Reply};
use crate::helpers::{HelperError, Returned, Session};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_session_is_return", 0, is_return),
    Entry::new("bpf_session_cookie", 0, cookie),
];

fn session(call: &Call<'_>) -> Result<Session, HelperError> {
    let none = HelperError::Refused("this run is not of a session");
    call.world.hook.session.ok_or(none)
}

/// `bool bpf_session_is_return(void)`
fn is_return(call: &mut Call<'_>) -> Reply {
    Ok(match session(call)?.returned {
        Returned::Yes => 1,
        Returned::No => 0,
    })
}

/// `u64 *bpf_session_cookie(void)`: the same at entry and return, zero at first.
fn cookie(call: &mut Call<'_>) -> Reply {
    Ok(session(call)?.cookie.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::tests::bench::Bench;
    use crate::machine::Addr;

    #[test]
    fn session_tells_entry_from_return_and_has_a_cookie() {
        let mut bench = Bench::new();
        assert!(bench.kfunc_reply("bpf_session_is_return", []).is_err());
        for (returned, wanted) in [(Returned::No, 0), (Returned::Yes, 1)] {
            let cookie = Addr(bench.data(&[0; 8]));
            bench.hook.session = Some(Session { returned, cookie });
            assert_eq!(bench.kfunc("bpf_session_is_return", []), wanted);
            assert_eq!(bench.kfunc("bpf_session_cookie", []), cookie.0 as i64);
        }
    }
}
