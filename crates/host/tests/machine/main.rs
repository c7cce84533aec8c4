//! The host crate on real machines: every test runs in network and mount namespaces of its own.
#![expect(unsafe_code, reason = "raw sockets and namespaces of single threads have no safe form")]

mod world;

mod hands;
mod kill_switch;
mod segmentation;
