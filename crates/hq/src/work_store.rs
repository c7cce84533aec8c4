//! Work data at headquarters: the store, opened when the first of it comes, and how much of it may be on its way at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hanare_handover::store::{self, Bucket, Owner, Removed, Store, StoreError};
use hanare_model::{NodeName, Timestamp};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::round::Rounds;

/// The store's folder in the state directory.
pub(crate) const FOLDER: &str = "work";
/// Bodies on their way to the store, in KiB together: who comes later waits before sending, which is the back-pressure.
const MAX_BODIES_KIB: usize = 64 * 1024;
/// Of those, from one endpoint. Places are given in the order in which they were asked for, so that forty rooms which begin at
/// nine have equal shares, and who opens more connections has no more than others.
const BODIES_OF_ONE: usize = 2;

/// Where the store is.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// The store of one running headquarters. A headquarters that nobody hands work to pays nothing for it.
#[derive(Debug)]
pub(crate) struct WorkStore {
    folder: PathBuf,
    store: OnceCell<Store>,
    /// Where the objects are, if not in the folder.
    bucket: Option<Arc<Bucket>>,
    bodies: Arc<Semaphore>,
    turns: Mutex<BTreeMap<NodeName, Arc<Semaphore>>>,
    rounds: Rounds,
    /// For whom sealed items are being released, how many times over.
    releasing: Counted,
    /// Whose last work is about to pass to somebody else.
    passing: Counted,
}

type Counted = Arc<Mutex<BTreeMap<Owner, usize>>>;

/// Something is being done for a person, until this is dropped.
#[derive(Debug)]
pub(crate) struct Doing(Counted, Owner);

impl Drop for Doing {
    fn drop(&mut self) {
        let mut doing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = doing.get_mut(&self.1) {
            *count = count.saturating_sub(1);
        }
        doing.retain(|_, count| *count > 0);
    }
}

/// A body's place on its way to the store; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _turn: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl WorkStore {
    pub(crate) fn new(state: &Path, bucket: Option<Arc<Bucket>>) -> Self {
        let bodies = Arc::new(Semaphore::new(MAX_BODIES_KIB));
        let (folder, turns) = (folder(state), Mutex::default());
        let rounds = Rounds::new(&folder);
        Self {
            folder,
            store: OnceCell::new(),
            bucket,
            bodies,
            turns,
            rounds,
            releasing: Arc::default(),
            passing: Arc::default(),
        }
    }

    /// Whether there is something in it; looks without opening it.
    pub(crate) fn is_used(&self) -> bool {
        self.store.initialized() || store::is_used(&self.folder)
    }

    /// The store, opened now if it was not.
    pub(crate) async fn open(&self) -> Result<&Store, StoreError> {
        self.store.get_or_try_init(|| Store::open_with(&self.folder, self.bucket.as_ref())).await
    }

    /// The bucket with the objects, if they are in one.
    pub(crate) const fn bucket(&self) -> Option<&Arc<Bucket>> {
        self.bucket.as_ref()
    }

    /// A file of this name in the store's folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes what is kept no longer; `None` if there was nothing. A store that nobody ever handed work to stays closed.
    pub(crate) async fn retain(&self, now: Timestamp) -> Result<Option<Removed>, StoreError> {
        if self.store.get().is_none() && !store::is_used(&self.folder) {
            return Ok(None);
        }
        let store = self.open().await?;
        let time = self.rounds.next(now, Instant::now());
        let failed =
            |error: std::io::Error| StoreError::Access { path: self.folder.clone(), text: error.to_string() };
        let Some(time) = time.map_err(failed)? else { return Ok(None) };
        let removed = store.retain(time).await?;
        Ok((removed != Removed::default()).then_some(removed))
    }

    /// Says that sealed items are being released for a person.
    pub(crate) fn releases(&self, owner: Owner) -> Doing {
        let mut releasing = self.releasing.lock().unwrap_or_else(PoisonError::into_inner);
        *releasing.entry(owner.clone()).or_default() += 1;
        Doing(Arc::clone(&self.releasing), owner)
    }

    /// Whether sealed items are being released for a person.
    pub(crate) fn is_releasing(&self, owner: &Owner) -> bool {
        self.releasing.lock().unwrap_or_else(PoisonError::into_inner).contains_key(owner)
    }

    /// Says that a person's last work is about to pass to somebody else; `None` if it is already.
    pub(crate) fn passes(&self, owner: &Owner) -> Option<Doing> {
        let mut passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        passing.insert(owner.clone(), 1).is_none().then(|| Doing(Arc::clone(&self.passing), owner.clone()))
    }

    /// A place for a body of so many bytes from an endpoint; waits until there is one.
    pub(crate) async fn place(&self, node: &NodeName, bytes: usize) -> Option<Place> {
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        let turn = self.turns_of(node).acquire_owned().await.ok()?;
        let bytes = Arc::clone(&self.bodies).acquire_many_owned(kib).await.ok()?;
        Some(Place { _turn: turn, _bytes: bytes })
    }

    fn turns_of(&self, node: &NodeName) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has no body on its way and waits for none is forgotten.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        let turn = turns.entry(node.clone()).or_insert_with(|| Arc::new(Semaphore::new(BODIES_OF_ONE)));
        Arc::clone(turn)
    }

    /// Finishes what was asked before and closes it.
    pub(crate) async fn close(&self) {
        if let Some(store) = self.store.get() {
            store.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const BODY: usize = 4 << 20;

    /// How many bodies each endpoint gets through while all of them want as many as they can; the last of `endpoints` on 30
    /// connections, the others on one.
    async fn shares(endpoints: usize) -> Vec<usize> {
        let store = Arc::new(WorkStore::new(Path::new("/nonexistent"), None));
        let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..endpoints).map(|_| AtomicUsize::new(0)).collect());
        let mut tasks = tokio::task::JoinSet::new();
        for endpoint in 0..endpoints {
            let connections = if endpoint + 1 == endpoints { 30 } else { 1 };
            for _ in 0..connections {
                let (store, counts) = (Arc::clone(&store), Arc::clone(&counts));
                let node: NodeName = format!("pc-{endpoint}").parse().unwrap();
                tasks.spawn(async move {
                    for round in 0.. {
                        let place = store.place(&node, BODY).await.unwrap();
                        // Bodies take their time, each another one: in step, who comes to a place would be an accident.
                        for _ in 0..=(round * 7 + endpoint * 13) % 11 {
                            tokio::task::yield_now().await;
                        }
                        drop(place);
                        counts[endpoint].fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
        while counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<usize>() < 40 * 200 {
            tokio::task::yield_now().await;
        }
        tasks.abort_all();
        counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    #[tokio::test]
    async fn forty_rooms_that_begin_at_nine_have_equal_shares_and_a_greedy_one_has_two() {
        let counts = shares(40).await;
        let (greedy, others) = counts.split_last().unwrap();
        let (least, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
        assert!(*least > 100 && most - least <= least / 5, "{counts:?}");
        assert!(*greedy <= 2 * most + most / 5, "{counts:?}");
    }

    #[tokio::test]
    async fn a_clock_that_jumps_takes_no_history_along() {
        use hanare_handover::WorkPath;
        use hanare_handover::protocol::{Browse, Class, Commit, Content, NewVersion, Placed};
        let state = tempfile::tempdir().unwrap();
        store::prepare(&folder(state.path())).unwrap();
        let store = WorkStore::new(state.path(), None);
        let owner = Owner { company: "acme".parse().unwrap(), person: "hanako".parse().unwrap() };
        let made = Timestamp::from_seconds(1_800_000_000);
        let mut parent = None;
        for (seconds, content) in [(0, Content::Link { target: b"x".to_vec() }), (60, Content::Deleted)] {
            let path = WorkPath::new(b"plan".as_slice()).unwrap();
            let versions =
                vec![NewVersion { path, parent, class: Class::Work, again: false, moved: false, content }];
            let at = Timestamp::from_seconds(made.seconds() + seconds);
            let commit = Commit { versions, ..Commit::default() };
            let placed =
                store.open().await.unwrap().commit(&owner, &"pc-1".parse().unwrap(), commit, at).await;
            let Placed::Kept { version } = placed.unwrap().placed.remove(0) else { panic!("not kept") };
            parent = Some(version);
        }
        assert_eq!(store.retain(Timestamp::from_seconds(made.seconds() + 3600)).await.unwrap(), None);
        let jumped: Timestamp = "2096-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(store.retain(jumped).await.unwrap(), None);
        let then = Browse { at: Some(made), ..Browse::default() };
        let page = store.open().await.unwrap().browse(&owner, &then).await.unwrap();
        assert_eq!(page.entries.len(), 1, "what was deleted a moment ago can be had back");
        store.close().await;
    }

    #[tokio::test]
    async fn who_has_nothing_on_its_way_is_forgotten() {
        let store = WorkStore::new(Path::new("/nonexistent"), None);
        for number in 0..100 {
            let node = format!("pc-{number}").parse().unwrap();
            drop(store.place(&node, BODY).await.unwrap());
        }
        assert_eq!(store.turns.lock().unwrap().len(), 1);
    }
}
