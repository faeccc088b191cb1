//! Tests of the ways of events and of what they lay out.
