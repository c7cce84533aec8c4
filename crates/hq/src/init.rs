//! `hq init`: a new headquarters, complete or not there at all.

use std::fs::DirBuilder;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hanare_model::lease::DEFAULT_MTU;
use hanare_model::plan::{Overlay, PlanError};
use hanare_model::{CompanyId, Endpoint, Internet, PublicKey, VerifyKey};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;

use crate::keys::{Keys, KeysError, sync_directory};
use crate::lock::{LockError, StateLock};
use crate::overlay;
use crate::random::{self, NoRandomness};
use crate::registry::{Change, CompanyRow};
use crate::settings::Settings;
use crate::store::{FILE_NAME, Store, StoreError};

/// The overlay unless an admin says otherwise (`INTERFACE`: overlay /16).
pub const DEFAULT_OVERLAY: &str = "10.88.0.0/16";
/// The directory of keys inside the state directory.
pub(crate) const KEYS_DIRECTORY: &str = "hq";

/// What `hq init` is told.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// The state directory; made if absent.
    pub state: PathBuf,
    /// The first tenant.
    pub company: CompanyId,
    /// Where nodes find `WireGuard`, the best first.
    pub endpoints: Vec<Endpoint>,
    /// The IPv4 overlay; [`DEFAULT_OVERLAY`] if absent.
    pub overlay: Option<Ipv4Net>,
    /// The IPv6 overlay; a random unique local /48 if absent.
    pub overlay6: Option<Ipv6Net>,
    /// Networks behind the server.
    pub networks: Vec<IpNet>,
    /// Whether rooms reach the internet.
    pub internet: Internet,
    /// Resolvers for nodes; none leaves their own.
    pub dns: Vec<IpAddr>,
    /// Who runs this, for the ledger.
    pub uid: u32,
}

/// What `hq init` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    /// Headquarters' `WireGuard` key.
    pub public_key: PublicKey,
    /// The key that signs leases and the ledger: what an auditor takes home.
    pub signing_key: VerifyKey,
    /// SHA-256 of the certificate's SPKI.
    pub pin: [u8; 32],
    /// Both overlays.
    pub overlay: Vec<IpNet>,
    /// Headquarters' addresses inside the tunnel.
    pub addresses: Vec<IpAddr>,
}

/// Why there is no new headquarters. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is one already.
    #[error("there is a headquarters in {path} already")]
    Exists {
        /// The state directory.
        path: PathBuf,
    },
    /// No endpoint was given.
    #[error("name at least one endpoint: nodes could not find headquarters")]
    NoEndpoint,
    /// A network with bits behind its prefix length.
    #[error("{0} has bits set behind its prefix length")]
    Network(IpNet),
    /// A resolver that no room could ask.
    #[error(
        "{0} is neither headquarters' own address, nor in one of its networks, nor reached through the internet"
    )]
    Resolver(IpAddr),
    /// The overlay cannot be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another process works on this state.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The keys cannot be made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl InitError {
    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::NoEndpoint | Self::Network(_) | Self::Resolver(_) | Self::Plan(_) => 3,
            Self::Exists { .. } => 6,
            Self::Store(error) => error.exit_status(),
            Self::Io { .. } | Self::Lock(_) | Self::Keys(_) | Self::Randomness(_) => 4,
        }
    }
}

/// Makes a headquarters. The database gets its name last, so that a state is a headquarters or is not.
///
/// # Errors
/// See [`InitError`].
pub async fn init(options: InitOptions) -> Result<Initialised, InitError> {
    let settings = settings(&options)?;
    let state = options.state.clone();
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| InitError::Io { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&state).map_err(io(&state))?;
    let _lock = StateLock::take(&state)?;
    let database = state.join(FILE_NAME);
    if database.exists() {
        return Err(InitError::Exists { path: state });
    }
    let (draft, keys_directory) = (state.join("hq.sqlite3.draft"), state.join(KEYS_DIRECTORY));
    // An init that was killed left these; without the database's name they are nobody's.
    discard(&draft, &keys_directory).map_err(io(&state))?;
    let made = build(&options, settings, &draft, &keys_directory).await;
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            let _ = discard(&draft, &keys_directory);
            return Err(error);
        }
    };
    std::fs::rename(&draft, &database).map_err(io(&database))?;
    sync_directory(&state)?;
    Ok(made)
}

fn settings(options: &InitOptions) -> Result<Settings, InitError> {
    if options.endpoints.is_empty() {
        return Err(InitError::NoEndpoint);
    }
    if let Some(bad) = options.networks.iter().find(|net| net.trunc() != **net) {
        return Err(InitError::Network(*bad));
    }
    let v4 = match options.overlay {
        Some(prefix) => prefix,
        None => Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 88, 0, 0), 16),
    };
    let v6 = match options.overlay6 {
        Some(prefix) => prefix,
        None => Overlay::unique_local(*random::bytes()?),
    };
    let overlay = Overlay::new(v4, v6, &options.networks)?;
    let reached = |address: &&IpAddr| {
        let inside = overlay.prefixes().iter().any(|prefix| prefix.contains(*address));
        overlay.hq().contains(*address)
            || options.networks.iter().any(|net| net.contains(*address))
            || (options.internet == Internet::ViaHq && !inside)
    };
    if let Some(bad) = options.dns.iter().find(|address| !reached(address)) {
        return Err(InitError::Resolver(*bad));
    }
    Ok(Settings {
        overlay,
        endpoints: options.endpoints.clone(),
        networks: options.networks.clone(),
        internet: options.internet,
        dns: options.dns.clone(),
        mtu: DEFAULT_MTU,
        created_at: random::now(),
    })
}

async fn build(
    options: &InitOptions,
    settings: Settings,
    draft: &Path,
    keys_directory: &Path,
) -> Result<Initialised, InitError> {
    Keys::create(keys_directory)?;
    overlay::write(keys_directory, &settings.overlay)?;
    let keys = Keys::load(keys_directory, None)?;
    let now = settings.created_at;
    let name = options.company.to_string();
    let company = CompanyRow { id: options.company.clone(), name: name.clone(), created_at: now };
    let entry = |kind: &str, subject: &str, data| hanare_ledger::Entry {
        at: now,
        actor: format!("uid {}", options.uid),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        data,
    };
    let public_key = keys.wireguard.public();
    let entries = vec![
        entry(
            "hq.initialised",
            "hq",
            json!({ "public_key": public_key, "overlay": settings.overlay.prefixes(), "networks": settings.networks,
                    "internet": settings.internet, "endpoints": settings.endpoints }),
        ),
        entry("company.added", &name, json!({ "name": name })),
    ];
    let made = Initialised {
        public_key,
        signing_key: keys.signing.verify_key(),
        pin: keys.pin,
        overlay: settings.overlay.prefixes().to_vec(),
        addresses: settings.overlay.hq().to_vec(),
    };
    let mut store = Store::create(draft).await?;
    store.commit(Some(&settings), &[Change::Company(company)], entries, &keys.signing).await?;
    store.close().await?;
    Ok(made)
}

fn discard(draft: &Path, keys_directory: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = draft.as_os_str().to_owned();
        name.push(suffix);
        gone(std::fs::remove_file(PathBuf::from(name)))?;
    }
    let sealing = [crate::keys::SEALING, crate::keys::SEALING_MARK];
    for name in
        ["wireguard.key", "signing.key", "tls.key", "tls.crt", overlay::FILE_NAME].into_iter().chain(sealing)
    {
        gone(std::fs::remove_file(keys_directory.join(name)))?;
    }
    gone(std::fs::remove_dir(keys_directory))
}
