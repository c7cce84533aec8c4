//! The work volume of kind `dm-crypt` on a real kernel, with a real power switch.
//!
//! `HANARE_VM=all` runs every way to power off; without it one orderly cycle and one power cut are proof enough.

#![cfg(test)]

mod power;
mod scan;
mod tear_down;
