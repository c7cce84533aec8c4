//! The host crate on real machines: every test runs in network and mount namespaces of its own.
#![expect(
    clippy::cast_possible_truncation,
    clippy::large_stack_arrays,
    clippy::exit,
    reason = "sizes of C structures; one capture buffer; a worker that is a test binary must not go on as one"
)]
#![expect(unsafe_code, reason = "raw sockets and namespaces of single threads have no safe form")]

#[cfg(test)]
mod world;

#[cfg(test)]
mod confinement;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod hands;
mod headquarters;
#[cfg(test)]
mod kill_switch;
#[cfg(test)]
mod restless;
#[cfg(test)]
mod segmentation;
#[cfg(test)]
mod worker;
