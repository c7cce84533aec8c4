//! What keeps a headquarters from being made or served, as failures.

use std::path::Path;

use hanare_hq::{
    ApiError, InitError, KeysError, LockError, NoRandomness, ServeError, SocketError, StoreError, WorkError,
};
use hanare_model::plan::PlanError;

use super::library::reason;
use super::reasons::unfit;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// No new headquarters.
pub(crate) fn init_error(error: InitError) -> Failure {
    let exit = Exit::from_code(error.exit_status());
    match error {
        InitError::Exists { path } => Failure::new(exit, "hq-exists").with("path", path.display()),
        InitError::NoEndpoint => Failure::new(exit, "no-endpoint"),
        InitError::Resolver(address) => Failure::new(exit, "resolver-unreachable").with("address", address),
        InitError::Network(network) => Failure::new(exit, "network").with("network", network),
        InitError::Plan(error) => plan_error(&error),
        InitError::Io { path, source } => {
            Failure::new(exit, "unwritable").with("path", path.display()).because(&source)
        }
        InitError::Lock(error) => lock_error(error),
        InitError::Keys(error) => keys_error(error),
        InitError::Store(error) => store_error(error),
        InitError::Randomness(error) => randomness(error),
    }
}

/// No running headquarters.
pub(crate) fn serve_error(error: ServeError) -> Failure {
    match error {
        ServeError::Lock(error) => lock_error(error),
        ServeError::Store(error) => store_error(error),
        ServeError::Work(error) => work_store_error(error),
        ServeError::Keys(error) => keys_error(error),
        ServeError::Api(ApiError::Bind { address, source }) | ServeError::Inside { address, source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Failure::new(Exit::Impossible, "api-port").with("address", address)
        }
        ServeError::Api(ApiError::Bind { address, source }) => {
            Failure::new(Exit::Impossible, "api-bind").with("address", address).because(&source)
        }
        ServeError::Inside { address, kept, source } => Failure::new(Exit::Impossible, "api-inside")
            .with("address", address)
            .with("path", kept.display())
            .because(&source),
        ServeError::Api(ApiError::Tls(source)) => Failure::new(Exit::Impossible, "hq-keys").because(&source),
        ServeError::Socket(SocketError::Taken { path }) => {
            Failure::new(Exit::Impossible, "hq-runs").with("path", path.display())
        }
        ServeError::Socket(SocketError::Io { path, source }) => {
            Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(&source)
        }
    }
}

pub(super) fn lock_error(error: LockError) -> Failure {
    match error {
        LockError::Taken { path } => Failure::new(Exit::Impossible, "hq-runs").with("path", path.display()),
        LockError::Io { path, source } => {
            Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(&source)
        }
    }
}

pub(super) fn keys_error(error: KeysError) -> Failure {
    let keys = Failure::new(Exit::Impossible, "hq-keys");
    let sealing = Failure::new(Exit::Input, "hq-sealing-key");
    match error {
        KeysError::Io { path, source } => keys.with_phrase("cause", reason(&source).about(&path)),
        KeysError::Content { path, what } => {
            keys.with_phrase("cause", Phrase::new("keys-content").detail(what).about(&path))
        }
        KeysError::Certificate(source) => keys.reported("keys-certificate", source),
        KeysError::SealingGone { path } => {
            sealing.with_phrase("cause", Phrase::new("keys-sealing-gone").about(&path))
        }
        KeysError::SealingOther { path } => {
            sealing.with_phrase("cause", Phrase::new("keys-sealing-other").about(&path))
        }
        KeysError::Randomness(error) => randomness(error),
    }
}

fn store_error(error: StoreError) -> Failure {
    let exit = Exit::from_code(error.exit_status());
    match error {
        StoreError::Absent { path } => Failure::new(exit, "hq-absent").with("path", path.display()),
        StoreError::Newer { path, found, known } => Failure::new(exit, "hq-newer")
            .with("path", path.display())
            .with("found", found)
            .with("known", known),
        StoreError::Locked { .. } => Failure::new(exit, "database-locked"),
        StoreError::DiskFull { .. } => Failure::new(exit, "disk-full"),
        StoreError::Damaged { path, text } => {
            Failure::new(exit, "database-damaged").with_phrase("cause", database(text, &path))
        }
        StoreError::Access { path, text } => Failure::new(exit, "unwritable")
            .with("path", path.display())
            .reported("cause-database-access", text),
        StoreError::Other { path, source } => Failure::new(exit, "bug")
            .with_phrase("cause", Phrase::new("cause-other").detail(source).about(&path)),
    }
}

fn database(text: String, path: &Path) -> Phrase {
    Phrase::new("cause-database").detail(text).about(path)
}

/// The store of work data, at its start.
pub(super) fn work_store_error(error: WorkError) -> Failure {
    let failure = |code| Failure::new(Exit::Impossible, code);
    match error {
        WorkError::Full { .. } => failure("disk-full"),
        WorkError::Newer { path, found, known } => {
            failure("hq-newer").with("path", path.display()).with("found", found).with("known", known)
        }
        WorkError::Damaged { path, text } => {
            failure("database-damaged").with_phrase("cause", database(text, &path))
        }
        WorkError::Access { path, text } => {
            failure("unwritable").with("path", path.display()).reported("cause-database-access", text)
        }
        WorkError::Bucket { bucket, refused, text } => super::objects::bucket_failure(bucket, refused, text),
        error @ (WorkError::Older { .. } | WorkError::NoRandomness | WorkError::Closing) => {
            Failure::new(Exit::Bug, "bug").because(&error)
        }
    }
}

fn plan_error(error: &PlanError) -> Failure {
    match error {
        PlanError::Overlap { prefix, with } => {
            Failure::new(Exit::Input, "plan-overlap").with("prefix", prefix).with("other", with)
        }
        PlanError::Unusable { prefix, reason } => Failure::new(Exit::Input, "plan-unusable")
            .with("prefix", prefix)
            .with_phrase("cause", unfit(*reason)),
        PlanError::Full(prefix) => Failure::new(Exit::Impossible, "full").with("place", prefix),
    }
}

fn randomness(error: NoRandomness) -> Failure {
    Failure::new(Exit::Impossible, "runtime").because(&error)
}
