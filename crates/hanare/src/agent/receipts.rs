//! Tells headquarters of this machine's wipes: the receipts that it does not hold yet, and how the work volume is. Beside the
//! day's work, and also while nobody's work is open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hanare_handover::seal::Spool;
use hanare_model::SigningKey;
use hanare_model::report::{NodeReport, ReportTaken, SignedReceipt, VolumeTold};
use hanare_tunnel::Line;
use hanare_tunnel::control::Client;
use hanare_tunnel::state::NodeState;
use hanare_wipe::receipt::{self, Listing, signature_path};
use hanare_wipe::volume::{self, Places, State};
use hanare_wipe::{BootId, receipt::MAX_LEN};
use tokio::time::sleep;

use crate::failure::chain;

/// How often it is looked whether there is something new.
const LOOK: Duration = Duration::from_secs(2);
/// The same for the volume, which takes longer to look at, while nothing else is new.
const LOOK_CLOSELY: Duration = Duration::from_secs(10);
/// How often headquarters hears that there is not.
const ALIVE: Duration = Duration::from_mins(10);
/// After a report that did not arrive.
const AGAIN: Duration = Duration::from_secs(20);
/// The longest answer.
const MAX_ANSWER: usize = 4096;

/// What a report is made of changes with these.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marks {
    session: Option<String>,
    receipts: Vec<(PathBuf, Option<SystemTime>)>,
    is_open: Option<bool>,
    sealed: u64,
}

impl Marks {
    /// Whether nothing but the volume may be different.
    fn is_of_same(&self, before: &Self) -> bool {
        Self { is_open: before.is_open, ..self.clone() } == *before
    }
}

/// Where this machine's records are, and its daemon.
#[derive(Debug)]
pub(super) struct Reporter {
    state: PathBuf,
    runtime: PathBuf,
    client: Client,
    spool: Arc<Spool>,
}

impl Reporter {
    pub(super) fn new(state: &Path, runtime: &Path, spool: Arc<Spool>) -> Self {
        Self { state: state.to_owned(), runtime: runtime.to_owned(), client: Client::new(runtime), spool }
    }

    /// Reports whenever something is new, for ever.
    pub(super) async fn run(self) {
        let mut last: Option<(Marks, Instant)> = None;
        let mut looked: Option<(Marks, Instant)> = None;
        loop {
            let mut marks = self.marks().await;
            match &looked {
                Some((before, at)) if marks.is_of_same(before) && at.elapsed() < LOOK_CLOSELY => {
                    marks.is_open = before.is_open;
                }
                Some(_) | None => {
                    marks.is_open = volume::is_in_use(self.places()).ok().flatten();
                    looked = Some((marks.clone(), Instant::now()));
                }
            }
            let is_due = last.as_ref().is_none_or(|(told, at)| *told != marks || at.elapsed() >= ALIVE);
            if is_due {
                match self.report(&marks).await {
                    Ok(()) => last = Some((marks, Instant::now())),
                    Err(why) => {
                        tracing::debug!(why, "headquarters was not told of receipts");
                        sleep(AGAIN).await;
                    }
                }
            }
            sleep(LOOK).await;
        }
    }

    /// All but the volume.
    async fn marks(&self) -> Marks {
        let client = self.client.clone();
        let today = tokio::task::spawn_blocking(move || client.work_today()).await;
        let session = today.ok().and_then(Result::ok).and_then(|today| today.open);
        let session = session.map(|session| session.fingerprint);
        let folder = self.state.join("wipe/receipts");
        let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut receipts: Vec<_> = folders
            .map(|entry| (entry.path(), entry.metadata().and_then(|meta| meta.modified()).ok()))
            .collect();
        receipts.sort();
        Marks { session, receipts, is_open: None, sealed: self.spool.count() }
    }

    fn places(&self) -> Places<'_> {
        Places { state: &self.state, runtime: &self.runtime }
    }

    fn volume(&self) -> Option<VolumeTold> {
        let status = volume::status(self.places()).ok()?;
        let swap = serde_json::to_value(status.swap).ok()?;
        Some(VolumeTold {
            kind: status.kind?.to_string(),
            open: status.state == State::Open,
            swap: swap.as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Says how it stands, hears which receipts are wanted, and sends them one by one.
    async fn report(&self, marks: &Marks) -> Result<(), String> {
        let node = NodeState::new(&self.state);
        let text = |error: hanare_tunnel::state::StateError| chain(&error);
        let (Some(keys), Some(enrolment), Some(lease)) =
            (node.keys().map_err(text)?, node.enrolment().map_err(text)?, node.lease().map_err(text)?)
        else {
            return Err("this machine is not enrolled".to_owned());
        };
        let line = Line::new(&keys, &enrolment, &lease.lease, None).map_err(|error| chain(&error))?;
        let listing = self.listing(&keys.signing).await?;
        let boot_id = BootId::current().map_err(|error| chain(&error))?.to_string();
        let report = |receipts| NodeReport {
            boot_id: boot_id.clone(),
            session: marks.session.clone(),
            head: listing.head().seq,
            whole: listing.is_whole(),
            sealed: Some(marks.sealed),
            volume: self.volume(),
            receipts,
        };
        let held = tell(&line, &report(Vec::new())).await?.head;
        for entry in listing.entries.iter().filter(|entry| entry.receipt.counter > held) {
            let signed = SignedReceipt {
                document: read(&entry.path).await?,
                signature: read(&signature_path(&entry.path)).await?,
            };
            tell(&line, &report(vec![signed])).await?;
        }
        Ok(())
    }

    async fn listing(&self, key: &SigningKey) -> Result<Listing, String> {
        let (state, key) = (self.state.clone(), key.verify_key());
        let listed = tokio::task::spawn_blocking(move || receipt::list(&state, &key)).await;
        listed.map_err(|error| error.to_string())?.map_err(|error| chain(&error))
    }
}

async fn tell(line: &Line, report: &NodeReport) -> Result<ReportTaken, String> {
    let body = serde_json::to_vec(report).map(Bytes::from).map_err(|error| error.to_string())?;
    let answer = line.exchange("/v1/report", body, MAX_ANSWER).await.map_err(|error| chain(&error))?;
    serde_json::from_slice(&answer).map_err(|error| error.to_string())
}

async fn read(path: &Path) -> Result<String, String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut text = String::new();
        std::fs::File::open(path)?.take(MAX_LEN).read_to_string(&mut text).map(|_| text)
    });
    read.await.map_err(|error| error.to_string())?.map_err(|error| chain(&error))
}
