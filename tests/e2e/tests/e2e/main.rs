//! End-to-end tests: the shipped `hanare` on real TUN devices, in network namespaces.

#![cfg(test)]

mod interop;
mod thin_path;
