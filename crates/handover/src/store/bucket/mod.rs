//! A bucket of an S3 server, where a local folder for objects is outgrown. What is in it is sealed as on the disk: its server
//! learns sizes and times.

mod answer;
mod direct;
#[cfg(test)]
pub(super) mod fake;
mod health;
mod http;
mod seats;
mod settings;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hanare_model::Secret;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Location;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use self::answer::Said;
use self::health::{Health, Work};
use self::http::{Patience, Server};
use super::error::StoreError;

pub use direct::Direct;
pub use health::Trouble;
pub use http::Dial;
pub use settings::{BUCKET_VERSION, BucketFault, BucketFileError, BucketSettings, MAX_BUCKET_LEN};

/// The file in the store's folder that says that its objects are in a bucket.
pub const BUCKET_FILE: &str = "bucket.toml";

/// What is tried again at once: a server that is starting anew, or a line that stumbled. No longer than [`RETRY`], so that who
/// waits gets an answer in time.
const RETRIES: usize = 2;
const RETRY: Duration = Duration::from_secs(1);
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// Who moves all objects tries again for as long as a server may take to start, and after one request that hung.
const MOVE_RETRIES: usize = 100;
const MOVE_RETRY: Duration = Duration::from_mins(9);
const MOVE_BACKOFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// The name of what is written and removed only to see whether that can be done.
const PROBE: &str = "hanare-probe";
/// The longest probe in bytes: few objects are longer, and what is good for so many is good for more.
pub(super) const MAX_PROBE: usize = 5 * 1024 * 1024;
/// The name of what says whose objects these are.
const MARK: &str = "hanare";
/// What it begins with.
const MARK_HEAD: &str = "hanare work objects, version 1\n";

/// A bucket, and as whom it is asked.
pub struct Bucket {
    settings: BucketSettings,
    store: Arc<dyn ObjectStore>,
    health: Arc<Health>,
    mark: String,
}

/// Why a bucket cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Nobody there vouches for a server.
    #[error("{path} holds no certificates: {text}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What was found.
        text: String,
    },
    /// The library does not take it.
    #[error("the bucket cannot be asked: {text}")]
    Setup {
        /// In its words.
        text: String,
    },
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client knows the secret.
        f.debug_struct("Bucket").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Nothing is asked yet. `owner` names the headquarters whose objects these are, and `dial` connects to the server.
    ///
    /// # Errors
    /// [`BucketError`]
    pub fn new(
        settings: BucketSettings,
        secret: &Secret,
        owner: &str,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, BucketError> {
        let retry = retry(RETRIES, RETRY, BACKOFF);
        Self::build(settings, secret, owner, dial, (Patience::ENDPOINT, retry))
    }

    /// The same for who moves all objects, while no endpoint waits.
    ///
    /// # Errors
    /// [`BucketError`]
    pub fn patient(
        settings: BucketSettings,
        secret: &Secret,
        owner: &str,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, BucketError> {
        let retry = retry(MOVE_RETRIES, MOVE_RETRY, MOVE_BACKOFF);
        Self::build(settings, secret, owner, dial, (Patience::MOVE, retry))
    }

    fn build(
        settings: BucketSettings,
        secret: &Secret,
        owner: &str,
        dial: Arc<dyn Dial>,
        (patience, retry): (Patience, RetryConfig),
    ) -> Result<Self, BucketError> {
        let health = Arc::new(Health::default());
        let tls = settings.tls.then(|| tls(&settings)).transpose()?;
        let store = AmazonS3Builder::new()
            .with_endpoint(settings.endpoint())
            .with_allow_http(!settings.tls)
            .with_virtual_hosted_style_request(false)
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(secret.expose())
            // Not every server knows the other way, and a round removes few.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            .with_http_connector(Server::new(dial, tls, Arc::clone(&health), patience))
            .build()
            .map_err(|error| BucketError::Setup { text: error.to_string() })?;
        let mark = format!("{MARK_HEAD}{owner}\n");
        Ok(Self { settings, store: Arc::new(store), health, mark })
    }

    /// Where it is.
    #[must_use]
    pub const fn settings(&self) -> &BucketSettings {
        &self.settings
    }

    /// That it does not do its work, if the last of what it is asked for was in vain: reading, writing or removing.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.health.trouble()
    }

    /// Whether it answers and holds this headquarters' objects: an empty bucket must never look like one that has lost them.
    ///
    /// # Errors
    /// [`StoreError::Bucket`]
    pub async fn check(&self) -> Result<(), StoreError> {
        match self.marked().await? {
            Some(mark) if mark == self.mark.as_bytes() => {
                self.health.ours();
                Ok(())
            }
            Some(_) => Err(self.refuse("these are the objects of another headquarters")),
            None => Err(self.refuse("the objects of this headquarters were never put there")),
        }
    }

    /// Makes it this headquarters', unless it is another one's.
    ///
    /// # Errors
    /// [`StoreError::Bucket`]
    pub async fn claim(&self) -> Result<(), StoreError> {
        if self.marked().await?.is_none() {
            let put = self.store.put(&self.location(MARK), self.mark.clone().into_bytes().into()).await;
            put.map_err(|error| self.failed(&error))?;
        }
        self.probe().await
    }

    /// Whether it does what it is asked for: what was last in vain, or never tried, is tried.
    ///
    /// # Errors
    /// [`StoreError::Bucket`]
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.check().await?;
        let probe = self.location(PROBE);
        let is_open = [Work::Writing, Work::Removing].map(|work| self.health.is_open(work));
        if self.health.is_open(Work::Writing) {
            // As long as what was sent in vain: one that is nearly full takes a few bytes.
            let len = self.health.longest(Work::Writing).clamp(1, MAX_PROBE);
            let put = self.store.put(&probe, vec![0; len].into()).await;
            put.map_err(|error| self.failed(&error))?;
        }
        // Who may not remove keeps what is outdated, and does all else.
        if is_open.contains(&true)
            && let Err(error) = self.store.delete(&probe).await
        {
            tracing::debug!(%error, "nothing can be removed from the bucket");
        }
        Ok(())
    }

    async fn marked(&self) -> Result<Option<bytes::Bytes>, StoreError> {
        let read = async { self.store.get(&self.location(MARK)).await?.bytes().await };
        match read.await {
            Ok(mark) => Ok(Some(mark)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn refuse(&self, text: &str) -> StoreError {
        self.health.not_ours(text);
        StoreError::Bucket { bucket: self.settings.to_string(), refused: true, text: text.to_owned() }
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Where something of this name is.
    pub(super) fn location(&self, name: &str) -> Location {
        let prefix = &self.settings.prefix;
        if prefix.is_empty() { Location::from(name) } else { Location::from(format!("{prefix}/{name}")) }
    }

    /// What the server said, or that it said nothing: never a word about an object.
    pub(super) fn failed(&self, error: &object_store::Error) -> StoreError {
        let said = said(error);
        let refused = matches!(said, Some(Said::No { .. }));
        let text = said.map(ToString::to_string);
        let text = text.or_else(|| self.health.silence());
        let text = text.unwrap_or_else(|| error.to_string());
        StoreError::Bucket { bucket: self.settings.to_string(), refused, text }
    }
}

fn retry(max_retries: usize, retry_timeout: Duration, backoff: [Duration; 2]) -> RetryConfig {
    let [init_backoff, max_backoff] = backoff;
    RetryConfig { backoff: BackoffConfig { init_backoff, max_backoff, base: 2. }, max_retries, retry_timeout }
}

/// Whether an object is not there, or shorter than it was.
pub(super) fn is_gone(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) || matches!(said(error), Some(Said::Short))
}

fn said(error: &object_store::Error) -> Option<&Said> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(said) = error.downcast_ref() {
            return Some(said);
        }
        next = error.source();
    }
    None
}

fn tls(settings: &BucketSettings) -> Result<(TlsConnector, ServerName<'static>), BucketError> {
    let setup = |text: String| BucketError::Setup { text };
    let roots = roots(&settings.ca)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(settings.host.clone()).map_err(|error| setup(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn roots(path: &Path) -> Result<RootCertStore, BucketError> {
    let failed = |text: String| BucketError::Ca { path: path.to_owned(), text };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // Some of a system's are of kinds that nobody uses any more.
    let (added, _) = roots.add_parsable_certificates(found.filter_map(Result::ok));
    if added == 0 {
        return Err(failed("none of them can be read".to_owned()));
    }
    Ok(roots)
}
