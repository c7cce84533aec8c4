//! What the machine says no to, as failures.

use hanare_host::error::reason;
use hanare_host::{Attempt, Deed, HostError};

use super::system::errno_reason;
use crate::durations;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A change to this machine that was not made.
pub(crate) fn host_error(error: HostError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        HostError::NoNetAdmin { what: _ } => impossible("no-net-admin"),
        HostError::NoTunDevice { text } => impossible("no-tun").reported("cause-no-tun", text),
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
            impossible("program").with("program", program).reported("cause-program", text)
        }
        HostError::Hangs { program, seconds } => {
            impossible("program-hangs").with("program", program).with("seconds", seconds)
        }
        HostError::Netlink { what, errno, text } => impossible("netlink")
            .with_phrase("what", attempt(&what))
            .with_phrase("cause", told(Some(errno), text)),
        HostError::Refused { why, .. } if why == reason::NO_CONTROL_GROUPS => impossible("no-control-groups"),
        HostError::Refused { verb, why } => Failure::new(Exit::Refused, "hands-refused")
            .with_phrase("verb", verb_phrase(&verb))
            .with_phrase("cause", refusal(&why).unwrap_or_else(|| Phrase::new("refused-bounds").detail(why))),
        HostError::UnlockTooLong { most } => {
            Failure::new(Exit::Refused, "unlock-beyond-policy").with("most", durations::short(most))
        }
        HostError::Busy { path } => impossible("busy").with("path", path),
        HostError::NetworkBusy { pid } => {
            impossible("busy").with_phrase("path", Phrase::new("busy-network").with("pid", pid))
        }
        HostError::OtherKillSwitch => impossible("other-kill-switch"),
        HostError::Resolver { text } => impossible("resolver").reported("cause-resolver", text),
        HostError::Io { what, errno, text } => {
            impossible("host-io").with_phrase("what", attempt(&what)).with_phrase("cause", told(errno, text))
        }
        HostError::Gone => impossible("host-gone"),
    }
}

/// The system's reason.
fn told(errno: Option<i32>, text: String) -> Phrase {
    match errno.and_then(errno_reason) {
        Some(phrase) => phrase,
        None => match errno {
            Some(errno) => Phrase::new("os-other").with("errno", errno).detail(text),
            None => Phrase::new("cause-other").detail(text),
        },
    }
}

/// What was tried, in words.
pub(super) fn attempt(attempt: &Attempt) -> Phrase {
    Phrase::new(deed(attempt.deed)).with("object", &attempt.object)
}

const fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Read => "deed-read",
        Deed::Write => "deed-write",
        Deed::Remove => "deed-remove",
        Deed::Open => "deed-open",
        Deed::Lock => "deed-lock",
        Deed::Run => "deed-run",
        Deed::Mount => "deed-mount",
        Deed::Unmount => "deed-unmount",
        Deed::Connect => "deed-connect",
        Deed::Socket => "deed-socket",
        Deed::Interface => "deed-interface",
        Deed::Message => "deed-message",
        Deed::HostProcess => "deed-host-process",
        Deed::Worker => "deed-worker",
        Deed::Watch => "deed-watch",
        Deed::Privileges => "deed-privileges",
        Deed::Confine => "deed-confine",
        Deed::DeviceMapper => "deed-device-mapper",
        Deed::LoopDevice => "deed-loop-device",
        Deed::Encrypt => "deed-encrypt",
        Deed::SwapOn => "deed-swap-on",
        Deed::SwapOff => "deed-swap-off",
        Deed::MakeSwap => "deed-make-swap",
        Deed::ListNetwork => "deed-list-network",
        Deed::SetLink => "deed-set-link",
        Deed::AddAddress => "deed-add-address",
        Deed::RemoveAddress => "deed-remove-address",
        Deed::AddRoute => "deed-add-route",
        Deed::RemoveRoute => "deed-remove-route",
        Deed::AddRule => "deed-add-rule",
        Deed::RemoveRule => "deed-remove-rule",
        Deed::Random => "deed-random",
        Deed::KernelKey => "deed-kernel-key",
        Deed::DataPlane => "deed-data-plane",
        Deed::Signals => "deed-signals",
        Deed::Streams => "deed-streams",
        Deed::Create => "deed-create",
        Deed::Overwrite => "deed-overwrite",
    }
}

/// What a worker asked for, in words.
fn verb_phrase(verb: &str) -> Phrase {
    Phrase::new(match verb {
        "addresses" => "verb-addresses",
        "api-socket" => "verb-api-socket",
        "dns" => "verb-dns",
        "kill-switch" => "verb-kill-switch",
        "lan" => "verb-lan",
        "lease" => "verb-lease",
        "leave" => "verb-leave",
        "mtu" => "verb-mtu",
        "routes" => "verb-routes",
        "segment" => "verb-segment",
        "sysctl" => "verb-sysctl",
        "tunnel" | "udp" => "verb-tunnel",
        "unlock" => "verb-unlock",
        "worker" => "verb-worker",
        _ => "verb-message",
    })
}

/// What people are told when the host process refuses; its other refusals are about programs, not people.
fn refusal(why: &str) -> Option<Phrase> {
    Some(Phrase::new(match why {
        reason::ADMINS_ONLY => "refused-admins",
        reason::NOT_ALL => "refused-all",
        reason::NOT_YOU => "refused-unlock",
        reason::NO_REASON => "refused-reason",
        reason::TIME => "refused-time",
        reason::NOT_CLOSED => "refused-not-closed",
        _ => return None,
    }))
}
