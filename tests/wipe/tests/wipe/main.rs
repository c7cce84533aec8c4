//! The eraser on real file systems in loop images: every case that it must survive, by name.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

mod bad_evenings;
mod busy;
mod by_policy;
mod confinement;
mod damaged;
mod devices;
mod filesystems;
mod held;
mod hindered;
mod in_memory;
mod interrupted;
mod making;
mod odd;
mod openings;
mod outside;
mod places;
mod records;
mod refused;
mod remnants;
mod room;
mod swap;
mod world;
