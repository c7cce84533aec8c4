//! What the machine says no to, as failures.

use hanare_host::HostError;
use hanare_host::error::reason;

use super::system::errno_reason;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A change to this machine that was not made.
pub(crate) fn host_error(error: HostError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        HostError::NoNetAdmin { what: _ } => impossible("no-net-admin"),
        HostError::NoTunDevice { text } => impossible("no-tun").with("cause", text),
        HostError::BadName { name } => Failure::new(Exit::Input, "interface-name").with("name", name),
        HostError::NameTaken { name } => impossible("interface-taken").with("name", name),
        HostError::NoSuchInterface { name } => impossible("interface-missing").with("name", name),
        // An overlap is bad input wherever it is found: somebody has to choose other prefixes.
        HostError::Collision { prefix, route, interface } => Failure::new(Exit::Input, "collision")
            .with("prefix", prefix)
            .with("route", route)
            .with("interface", interface),
        HostError::PortInUse { port } => impossible("port-in-use").with("port", port),
        HostError::ProgramMissing { program, package } => {
            impossible("program-missing").with("program", program).with("package", package)
        }
        HostError::Program { program, text } => {
            impossible("program").with("program", program).with("cause", text)
        }
        HostError::Hangs { program, seconds } => {
            impossible("program-hangs").with("program", program).with("seconds", seconds)
        }
        HostError::Netlink { what, errno, text } => {
            let words = format!("{text} (errno {errno})");
            impossible("netlink").with("what", what).because_of(errno_reason(errno), words)
        }
        HostError::Refused { why, .. } if why == reason::NO_CONTROL_GROUPS => impossible("no-control-groups"),
        HostError::Refused { verb, why } => {
            Failure::new(Exit::Refused, "hands-refused").with("verb", verb).because_of(refusal(&why), why)
        }
        HostError::Busy { path } => impossible("busy").with("path", path),
        HostError::NetworkBusy { pid } => {
            impossible("busy").with_phrase("path", Phrase::new("busy-network").with("pid", pid))
        }
        HostError::OtherKillSwitch => impossible("other-kill-switch"),
        HostError::Resolver { text } => impossible("resolver").with("cause", text),
        HostError::Io { what, errno, text } => {
            impossible("host-io").with("what", what).because_of(errno.and_then(errno_reason), text)
        }
        HostError::Gone => impossible("host-gone"),
    }
}

/// What people are told when the host process refuses; its other refusals are about programs, not people.
fn refusal(why: &str) -> Option<Phrase> {
    Some(Phrase::new(match why {
        reason::ADMINS_ONLY => "refused-admins",
        reason::NOT_ALL => "refused-all",
        reason::NO_REASON => "refused-reason",
        reason::TIME => "refused-time",
        reason::NOT_CLOSED => "refused-not-closed",
        _ => return None,
    }))
}
