//! Every family through its rows, without an engine.

pub(crate) mod bench;
mod kernel;
mod map;
mod network;
mod packet;
mod packet_cases;
mod print;
mod probe;
mod recorded;
mod redirect;
mod socket;
mod storage;
mod strings;
mod sys;
mod table;
mod task;
mod time;
mod trace;
