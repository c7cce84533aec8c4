//! The work volume of kind `dm-crypt` on a real kernel, with a real power switch.

#![cfg(test)]

mod power;
mod scan;
mod tear_down;
