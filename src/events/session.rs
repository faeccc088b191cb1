//! Probes that are sessions: what is theirs from the entry of a function to its return.
//!
//! What the program at the entry returns decides whether it runs at the return, too: that is asked here, and told by
//! whoever runs programs.

use crate::helpers::{Returned, Session};
use crate::machine::{ObjectKind, ObjectSpec, Owner, ProgId};

use super::{Attachment, EventError, Point, Scene, Stop};

/// Bytes of a session's cookie.
const COOKIE: u64 = 8;

/// The name of a session among the objects of a scene: which program, at which function.
type Key = (String, String);

fn key(program: ProgId, stop: &Stop, attachment: &Attachment) -> Option<(Key, Returned)> {
    let Attachment::KprobeSession(_) = attachment else {
        return None;
    };
    let (function, returned) = match &stop.point {
        Point::Entry(function) => (function, Returned::No),
        Point::Return(function) => (function, Returned::Yes),
        _ => return None,
    };
    let name = format!("session of program {program}");
    Some(((name, function.name.clone()), returned))
}

impl Scene<'_> {
    /// The session that a program runs in at a hook, if it is attached as one.
    ///
    /// # Errors
    /// There is no memory.
    pub fn session(
        &mut self,
        program: ProgId,
        stop: &Stop,
        attachment: &Attachment,
    ) -> Result<Option<Session>, EventError> {
        let Some((key, returned)) = key(program, stop, attachment) else {
            return Ok(None);
        };
        let known = self.objects.get(&key).copied();
        // A function that is entered again begins another session.
        let cookie = match (known, returned) {
            (Some(cookie), Returned::Yes) => cookie,
            (Some(_) | None, _) => {
                let spec = ObjectSpec::new(ObjectKind::Data, "session cookie", Owner::Kernel);
                let cookie = self.allocate(COOKIE, &spec)?;
                self.objects.insert(key, cookie);
                cookie
            }
        };
        Ok(Some(Session { returned, cookie }))
    }

    /// Whether a program that is attached as a session runs at a hook: not at the return of a function at whose entry
    /// it asked not to.
    pub fn runs_in_session(&self, program: ProgId, stop: &Stop, attachment: &Attachment) -> bool {
        match key(program, stop, attachment) {
            Some((key, Returned::Yes)) => !self.declined.contains(&key),
            Some((_, Returned::No)) | None => true,
        }
    }

    /// Notes what a program returned at the entry of a function.
    pub fn end_in_session(
        &mut self,
        program: ProgId,
        stop: &Stop,
        attachment: &Attachment,
        result: Option<u64>,
    ) {
        let Some((key, Returned::No)) = key(program, stop, attachment) else {
            return;
        };
        match result {
            Some(0) => self.declined.remove(&key),
            Some(_) | None => self.declined.insert(key),
        };
    }
}
