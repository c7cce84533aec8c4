//! What needs a kernel, a power switch, a failing disk or a systemd of its own.

#![cfg(test)]

mod disk_errors;
mod power;
mod scan;
mod swap;
mod systemd;
mod tear_down;
