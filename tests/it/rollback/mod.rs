//! The way back: the latch, the guard that sets it, and the program's one action.

mod admin;
mod cli;
mod drill;
mod guard;
mod process;
mod replicas;
mod table;
