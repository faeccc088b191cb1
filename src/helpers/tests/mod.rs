//! Every family through its rows, without an engine.

mod bench;
mod print;
mod probe;
mod strings;
mod table;
mod task;
mod time;
mod trace;
