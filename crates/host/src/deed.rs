//! What was tried on the machine: a kind that the command has words for in every language, and what it was tried on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of act. The English word of each is for logs; people hear the catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the English word of each is right below")]
pub enum Deed {
    Read,
    Write,
    Remove,
    Open,
    Lock,
    Run,
    Mount,
    Unmount,
    Connect,
    Socket,
    Interface,
    Message,
    HostProcess,
    Worker,
    Watch,
    Privileges,
    Confine,
    DeviceMapper,
    LoopDevice,
    Encrypt,
    SwapOn,
    SwapOff,
    MakeSwap,
    ListNetwork,
    SetLink,
    AddAddress,
    RemoveAddress,
    AddRoute,
    RemoveRoute,
    AddRule,
    RemoveRule,
    Random,
    KernelKey,
    DataPlane,
    Signals,
    Streams,
    Create,
    Overwrite,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 38] = [
        Self::Read,
        Self::Write,
        Self::Remove,
        Self::Open,
        Self::Lock,
        Self::Run,
        Self::Mount,
        Self::Unmount,
        Self::Connect,
        Self::Socket,
        Self::Interface,
        Self::Message,
        Self::HostProcess,
        Self::Worker,
        Self::Watch,
        Self::Privileges,
        Self::Confine,
        Self::DeviceMapper,
        Self::LoopDevice,
        Self::Encrypt,
        Self::SwapOn,
        Self::SwapOff,
        Self::MakeSwap,
        Self::ListNetwork,
        Self::SetLink,
        Self::AddAddress,
        Self::RemoveAddress,
        Self::AddRoute,
        Self::RemoveRoute,
        Self::AddRule,
        Self::RemoveRule,
        Self::Random,
        Self::KernelKey,
        Self::DataPlane,
        Self::Signals,
        Self::Streams,
        Self::Create,
        Self::Overwrite,
    ];

    /// This, on something that has a name: a path, an address, an interface, a system call.
    #[must_use]
    pub fn of(self, object: impl fmt::Display) -> Attempt {
        Attempt { deed: self, object: object.to_string() }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Remove => "removing",
            Self::Open => "opening",
            Self::Lock => "locking",
            Self::Run => "running",
            Self::Mount => "mounting on",
            Self::Unmount => "unmounting",
            Self::Connect => "connecting to",
            Self::Socket => "a socket for",
            Self::Interface => "the interface",
            Self::Message => "messages between host process and worker,",
            Self::HostProcess => "the host process",
            Self::Worker => "the worker",
            Self::Watch => "watching",
            Self::Privileges => "giving up privileges,",
            Self::Confine => "confining this process,",
            Self::DeviceMapper => "device mapper,",
            Self::LoopDevice => "a loop device for",
            Self::Encrypt => "encryption of",
            Self::SwapOn => "putting swap into use:",
            Self::SwapOff => "taking swap out of use:",
            Self::MakeSwap => "making swap of",
            Self::ListNetwork => "listing",
            Self::SetLink => "setting up the link",
            Self::AddAddress => "adding address",
            Self::RemoveAddress => "removing address",
            Self::AddRoute => "adding the route to",
            Self::RemoveRoute => "removing the route to",
            Self::AddRule => "adding rule",
            Self::RemoveRule => "removing rule",
            Self::Random => "drawing random bytes",
            Self::KernelKey => "giving the kernel a key",
            Self::DataPlane => "starting the data plane",
            Self::Signals => "signals",
            Self::Streams => "standard streams",
            Self::Create => "creating",
            Self::Overwrite => "overwriting",
        })
    }
}

/// An act and what it was tried on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The kind.
    pub deed: Deed,
    /// A name, never a sentence: it is said as it is in every language.
    pub object: String,
}

impl From<Deed> for Attempt {
    fn from(deed: Deed) -> Self {
        Self { deed, object: String::new() }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.deed, self.object)
    }
}
