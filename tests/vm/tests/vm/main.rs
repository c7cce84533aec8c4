//! What needs a kernel, a power switch, a failing disk or a systemd of its own.

#![cfg(test)]

mod attacks;
mod by_policy;
mod canaries;
mod cut_store;
mod day;
mod desk;
mod disk_errors;
mod hanging;
mod last_moment;
mod log_out;
mod long;
mod polkit;
mod power;
mod power_cuts;
mod preload;
mod scan;
mod sealed;
mod stowaways;
mod swap;
mod systemd;
mod tear_down;
mod usb;
mod without_ipv6;
