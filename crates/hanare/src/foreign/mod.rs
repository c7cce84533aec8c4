//! Errors of the library crates as failures of this program: every variant gets its code and its facts here.

mod checklist;
mod device;
mod erase;
mod host;
mod hq;
mod library;
mod node;
mod objects;
mod reasons;
mod serve;
mod site;
mod system;
#[cfg(test)]
mod tests;
mod toml;
mod values;
mod volume;
mod wipe;
mod wipe_policy;
mod work;

pub(crate) use checklist::checklist_error;
pub(crate) use device::{device_error, tun_error, uapi_error, udp_error};
pub(crate) use erase::{pending_error, refused, run_error, tree_error};
pub(crate) use host::host_error;
pub(crate) use hq::{client_error, policy_error, text_failure};
pub(crate) use library::reason;
pub(crate) use node::{
    control_error, invite_error, join_error, leave_error, state_error, up_error, worker_error,
};
pub(crate) use objects::{bucket_cause, objects_error};
pub(crate) use serve::{init_error, serve_error};
pub(crate) use site::{site_error, site_fault};
pub(crate) use values::value_reason;
pub(crate) use volume::volume_error;
pub(crate) use wipe::receipt_error;
pub(crate) use wipe_policy::wipe_policy_error;
