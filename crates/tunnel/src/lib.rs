//! The data plane and the node's daemon.

pub mod device;
pub mod plane;
pub mod uapi;
