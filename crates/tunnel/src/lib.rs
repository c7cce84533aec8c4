//! The data plane and the node's daemon.

pub mod plane;
