//! What needs a kernel, a power switch, a failing disk or a systemd of its own.

#![cfg(test)]

mod by_policy;
mod canaries;
mod cut_store;
mod day;
mod disk_errors;
mod last_moment;
mod long;
mod power;
mod power_cuts;
mod scan;
mod swap;
mod systemd;
mod tear_down;
mod without_ipv6;
