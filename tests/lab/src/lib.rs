//! Network namespaces, processes and captures for the demo, the end-to-end tests and the bench.
//!
//! A laboratory is a tree of processes in namespaces of its own ([`enter`]): a tmpfs on `/run`, a private `/proc`, hosts that
//! are network namespaces joined by bridges. When its first process ends, by whatever signal, the kernel takes everything
//! else away: no namespace, process or file stays. It needs no root where user namespaces are allowed.

mod authenticator;
mod capture;
mod daemon;
mod error;
mod headquarters;
mod host;
mod lan;
mod network;
mod node;
mod output;
mod packet;
mod program;
mod random;
mod reenter;
mod settings;
mod shifted;
mod tool;
mod transfer;
mod wait;

pub use authenticator::Authenticator;
pub use capture::{Capture, Captured};
pub use daemon::Daemon;
pub use error::Error;
pub use headquarters::Headquarters;
pub use host::{Host, Link};
pub use lan::Guest;
pub use network::{Lab, Segment};
pub use node::Node;
pub use output::{Output, run};
pub use packet::{Kind, Message, Ports, classify};
pub use program::Program;
pub use random::Random;
pub use reenter::{enter, inside, inside_alone, is_inside};
pub use settings::{SETTINGS, Settings};
pub use shifted::Shifted;
pub use tool::{
    AUDITORS, BENCH, BROWSER, CARRIERS, ERASERS, LABORATORY, MACHINES, TESTS, Tool, WIPE, install, is_root,
    line_to_paste, missing, search_path,
};
pub use transfer::{Transferred, receive_once, send};
pub use wait::{until, until_some};

/// What can go wrong here.
pub type Result<T> = std::result::Result<T, Error>;
