//! The way back: the latch, the guard that sets it, and the program's one action.

mod guard;
mod replicas;
mod table;
