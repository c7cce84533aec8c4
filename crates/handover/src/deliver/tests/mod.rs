//! The endpoint's end against headquarters' real store, in one process.

mod asked;
mod changes;
mod classes;
mod days;
mod faults;
mod hostile;
mod items;
mod moving;
mod put_back;
mod sealing;

use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hanare_model::{NodeName, Timestamp};

use super::*;
use crate::path::WorkPath;
use crate::protocol::{Ask, Browse, Commit, Committed, Content, Entry, Fetch, Page, Stored, Wanted, frames};
use crate::store;
use crate::store::Store;

/// Headquarters' real store, without a line between; the line can be cut.
#[derive(Clone)]
struct Line {
    store: Arc<Store>,
    owner: store::Owner,
    node: NodeName,
    clock: Arc<AtomicU64>,
    cut: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    /// Headquarters is putting more there.
    coming: Arc<AtomicBool>,
    /// It knows the session no longer.
    ended: Arc<AtomicBool>,
    /// It knows nobody who works here.
    strange: Arc<AtomicBool>,
}

/// A file of this name makes headquarters' answer nonsense.
const POISON: &str = "poison";

impl Line {
    fn up(&self) -> Result<(), TransportError> {
        if self.cut.load(Ordering::Acquire) {
            return Err(TransportError::Later("the line is cut".to_owned()));
        }
        Ok(())
    }

    fn open(&self) -> Result<(), TransportError> {
        if self.ended.load(Ordering::Acquire) {
            return Err(TransportError::Ended("nobody knows it".to_owned()));
        }
        self.up()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.clock.fetch_add(1, Ordering::AcqRel).cast_signed())
    }
}

fn later(error: &store::StoreError) -> TransportError {
    TransportError::Later(error.to_string())
}

impl Transport for Line {
    async fn ask(&self, ask: &Ask) -> Result<Wanted, TransportError> {
        self.open()?;
        self.store.missing(&self.owner, ask).await.map_err(|error| later(&error))
    }

    async fn chunks(&self, body: Bytes) -> Result<Stored, TransportError> {
        self.open()?;
        self.sent.fetch_add(body.len() as u64, Ordering::AcqRel);
        let chunks = frames(body).unwrap();
        self.store.put_chunks(&self.owner, chunks, self.now()).await.map_err(|error| later(&error))
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, TransportError> {
        self.open()?;
        if commit.versions.iter().any(|version| version.path == path(POISON)) {
            return Err(TransportError::Answer("no document".to_owned()));
        }
        self.store
            .commit(&self.owner, &self.node, commit.clone(), self.now())
            .await
            .map_err(|error| later(&error))
    }

    async fn browse(&self, browse: &Browse) -> Result<Page, TransportError> {
        self.open()?;
        let coming = self.coming.load(Ordering::Acquire);
        let page = self.store.browse(&self.owner, browse).await.map_err(|error| later(&error))?;
        Ok(Page { coming, ..page })
    }

    async fn fetch(&self, fetch: &Fetch) -> Result<Bytes, TransportError> {
        self.open()?;
        match self.store.fetch(&self.owner, fetch).await {
            Ok(body) => Ok(Bytes::from(body.unwrap_or_default())),
            // As the node API has it.
            Err(store::StoreError::Damaged { .. }) => Ok(Bytes::new()),
            Err(error) => Err(later(&error)),
        }
    }
}

struct World {
    folder: tempfile::TempDir,
    work: PathBuf,
    line: Line,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let hq = folder.path().join("hq");
    store::prepare(&hq).unwrap();
    let store = Arc::new(Store::open(&hq).await.unwrap());
    let owner = store::Owner { company: "acme".parse().unwrap(), person: "hanako".parse().unwrap() };
    let line = Line {
        store,
        owner,
        node: "pc-1".parse().unwrap(),
        clock: Arc::new(AtomicU64::new(1_000_000)),
        cut: Arc::default(),
        sent: Arc::default(),
        coming: Arc::default(),
        ended: Arc::default(),
        strange: Arc::default(),
    };
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    World { folder, work, line }
}

impl World {
    fn tree(&self) -> Tree {
        Tree::open(&self.work).unwrap()
    }

    fn day(&self) -> Day<Line> {
        Day::begin(self.tree(), self.line.clone()).unwrap()
    }

    async fn entries(&self) -> Vec<Entry> {
        self.line.store.browse(&self.line.owner, &Browse::default()).await.unwrap().entries
    }

    /// What headquarters holds: every file's content and the targets of links.
    async fn held(&self) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = std::collections::BTreeMap::new();
        for entry in self.entries().await {
            let content = match &entry.content {
                Content::Link { target } => target.clone(),
                Content::Deleted => continue,
                Content::File { chunks, digest, .. } => {
                    let mut bytes = Vec::new();
                    for chunk in chunks {
                        let body = self.line.fetch(&Fetch { chunks: vec![*chunk] }).await.unwrap();
                        frames(body).unwrap().iter().for_each(|part| bytes.extend_from_slice(part));
                    }
                    assert_eq!(crate::Digest::of(&bytes), *digest);
                    bytes
                }
            };
            all.insert(entry.path.as_bytes().to_vec(), content);
        }
        all
    }

    /// Whether headquarters comes to hold just this, while a day is at work.
    async fn comes_to_hold(&self, expected: &[(&str, &[u8])]) {
        let expected: std::collections::BTreeMap<Vec<u8>, Vec<u8>> =
            expected.iter().map(|(path, bytes)| (path.as_bytes().to_vec(), bytes.to_vec())).collect();
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let held = self.held().await;
            if held == expected {
                return;
            }
            assert!(Instant::now() < until, "{:?} instead of {:?}", held.keys(), expected.keys());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Runs a day beside what a test does; both end with the test.
async fn during<T>(day: &mut Day<Line>, test: impl Future<Output = T>) -> T {
    let (done, stop) = tokio::sync::oneshot::channel::<()>();
    let (result, ()) = tokio::join!(
        async {
            let result = test.await;
            let _ = done.send(());
            result
        },
        day.work(async {
            let _ = stop.await;
        })
    );
    result
}

fn path(text: &str) -> WorkPath {
    WorkPath::new(text.as_bytes()).unwrap()
}
