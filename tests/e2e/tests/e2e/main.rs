//! End-to-end tests: the shipped `hanare` on real TUN devices, in network namespaces.

#![cfg(test)]

mod enrolment;
mod interop;
mod isolation;
mod outage;
mod revocation;
mod thin_path;
