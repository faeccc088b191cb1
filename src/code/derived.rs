//! What an engine makes of code at its first run, and keeps with it.
//!
//! `code` knows nothing of engines: whatever it is, it is made once and dropped with the code.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::OnceLock;

/// A place for what one engine derives.
#[derive(Default)]
pub struct Derived(OnceLock<Box<dyn Any + Send + Sync>>);

impl Derived {
    /// What was derived, made now if it is asked for the first time; nothing if another engine was here before.
    #[inline]
    pub fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.0.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

impl Clone for Derived {
    /// Nothing: the clone may be changed before it runs.
    fn clone(&self) -> Derived {
        Derived::default()
    }
}

impl Debug for Derived {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = match self.0.get() {
            Some(_) => "made",
            None => "not yet",
        };
        f.debug_tuple("Derived").field(&state).finish()
    }
}
