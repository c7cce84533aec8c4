//! The core under virtual time: `cargo test -p hanare-wire --features mock-instant`, in a cargo invocation of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "a test fails by panicking, and the lints know only functions marked as tests"
)]

mod attacks;
mod changes;
mod outages;
mod weather;
mod world;
