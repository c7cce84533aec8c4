//! The data plane and the node's daemon.

mod api;
pub mod control;
pub mod device;
pub mod join;
mod line;
mod marked;
pub mod node;
mod paced;
pub mod plane;
pub mod state;
pub mod uapi;

pub use api::ApiError;
pub use line::Line;
