//! The node's daemon.

mod candidates;
mod clock;
mod health;
mod term;
