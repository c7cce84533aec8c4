use std::os::unix::fs::PermissionsExt as _;

use super::bucket::fake::Fake;
use super::*;
use crate::chunk::cut;
use crate::path::WorkPath;
use crate::protocol::{Class, Content, Entry, NewVersion, Placed, VersionId, frames};

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) clock: i64,
    /// Where its objects are, if not on the disk.
    pub(super) away: Option<(Fake, Arc<Bucket>)>,
}

pub(super) fn owner(company: &str, person: &str) -> Owner {
    Owner { company: company.parse().unwrap(), person: person.parse().unwrap() }
}

pub(super) fn hanako() -> Owner {
    owner("acme", "hanako")
}

fn at(path: &str) -> WorkPath {
    WorkPath::new(path.as_bytes()).unwrap()
}

pub(super) fn file(bytes: &[u8]) -> (Content, Vec<Chunk>) {
    let mut chunks = Vec::new();
    let whole = cut::<std::io::Error>(bytes, |chunk| {
        chunks.push(chunk);
        Ok(())
    })
    .unwrap();
    let content = Content::File {
        digest: whole.digest,
        size: whole.size,
        chunks: chunks.iter().map(|chunk| chunk.digest).collect(),
        mode: 0o640,
        modified: Timestamp::from_seconds(7),
        torn: false,
    };
    (content, chunks)
}

pub(super) fn version(path: &str, parent: Option<VersionId>, content: Content) -> NewVersion {
    NewVersion { path: at(path), parent, class: Class::Work, again: false, moved: false, content }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(None).await
    }

    pub(super) async fn with(away: Option<(Fake, Arc<Bucket>)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("work");
        prepare(&root).unwrap();
        let bucket = away.as_ref().map(|(_, bucket)| bucket);
        let store = Store::open_with(&root, bucket).await.unwrap();
        Self { folder, store, clock: 1_000_000, away }
    }

    /// As after `kill -9`: nothing is closed.
    pub(super) async fn killed(&mut self) {
        let bucket = self.away.as_ref().map(|(_, bucket)| bucket);
        let reopened = Store::open_with(&self.root(), bucket).await.unwrap();
        std::mem::forget(std::mem::replace(&mut self.store, reopened));
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.clock)
    }

    pub(super) async fn place(&mut self, owner: &Owner, versions: Vec<NewVersion>) -> Vec<Placed> {
        self.clock += 1;
        let commit = Commit { versions, ..Commit::default() };
        self.store.commit(owner, &"pc-1".parse().unwrap(), commit, self.now()).await.unwrap().placed
    }

    pub(super) async fn send(&self, owner: &Owner, chunks: Vec<Chunk>) -> Stored {
        let chunks = chunks.into_iter().map(Bytes::from).collect();
        self.store.put_chunks(owner, chunks, self.now()).await.unwrap()
    }

    /// Sends and places a file at a path.
    pub(super) async fn hand_over(
        &mut self,
        owner: &Owner,
        path: &str,
        parent: Option<VersionId>,
        bytes: &[u8],
    ) -> Placed {
        let (content, chunks) = file(bytes);
        if !chunks.is_empty() {
            self.send(owner, chunks).await;
        }
        self.place(owner, vec![version(path, parent, content)]).await.remove(0)
    }

    pub(super) async fn kept(
        &mut self,
        owner: &Owner,
        path: &str,
        parent: Option<VersionId>,
        bytes: &[u8],
    ) -> VersionId {
        let placed = self.hand_over(owner, path, parent, bytes).await;
        let Placed::Kept { version } = placed else { panic!("{placed:?}") };
        version
    }

    pub(super) async fn entry(&self, owner: &Owner, path: &str) -> Entry {
        self.list(owner).await.into_iter().find(|entry| entry.path == at(path)).unwrap()
    }

    pub(super) async fn delete(&mut self, owner: &Owner, path: &str, parent: VersionId) {
        let placed = self.place(owner, vec![version(path, Some(parent), Content::Deleted)]).await;
        assert!(matches!(placed[..], [Placed::Kept { .. }]), "{placed:?}");
    }

    pub(super) async fn list(&self, owner: &Owner) -> Vec<Entry> {
        self.store.browse(owner, &Browse::default()).await.unwrap().entries
    }

    pub(super) async fn content(&self, owner: &Owner, path: &str) -> Option<Vec<u8>> {
        let entry = self.list(owner).await.into_iter().find(|entry| entry.path == at(path))?;
        let Content::File { chunks, digest, .. } = entry.content else { return None };
        let mut bytes = Vec::new();
        for digest in chunks {
            let body = self.store.fetch(owner, &Fetch { chunks: vec![digest] }).await.unwrap().unwrap();
            frames(Bytes::from(body)).unwrap().iter().for_each(|chunk| bytes.extend_from_slice(chunk));
        }
        assert_eq!(Digest::of(&bytes), digest);
        Some(bytes)
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn every_statement_is_accepted_by_the_database() {
    use sqlx::{Executor as _, SqlSafeStr as _};
    let world = World::new().await;
    let mut reader = world.store.reader.lock().await;
    for statement in sql::ALL {
        let prepared = (&mut *reader).prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill_bit_for_bit() {
    for mut world in World::both().await {
        let (large, small) = (noise(5_000_000), b"a day's work".to_vec());
        world.kept(&hanako(), "見積/第1版.xlsx", None, &large).await;
        world.kept(&hanako(), "memo.txt", None, &small).await;
        world.kept(&hanako(), "empty", None, b"").await;
        world.killed().await;
        assert_eq!(world.content(&hanako(), "見積/第1版.xlsx").await.as_ref(), Some(&large));
        assert_eq!(world.content(&hanako(), "memo.txt").await.as_ref(), Some(&small));
        assert_eq!(world.content(&hanako(), "empty").await, Some(Vec::new()));
        let paths: Vec<WorkPath> = world.list(&hanako()).await.into_iter().map(|entry| entry.path).collect();
        assert_eq!(paths, [at("empty"), at("memo.txt"), at("見積/第1版.xlsx")], "newest first");
        let (content, chunks) = file(&large);
        let digests: Vec<Digest> = chunks.iter().map(|chunk| chunk.digest).collect();
        let wanted = world.store.missing(&hanako(), &Ask { chunks: digests }).await.unwrap();
        assert_eq!(wanted.missing, Vec::<u32>::new());
        assert!(matches!(content, Content::File { .. }));
    }
}

#[tokio::test]
async fn nobody_reads_or_names_a_chunk_that_they_did_not_send() {
    for mut world in World::both().await {
        let secret = noise(300_000);
        world.kept(&hanako(), "secret", None, &secret).await;
        let (content, chunks) = file(&secret);
        let digests: Vec<Digest> = chunks.iter().map(|chunk| chunk.digest).collect();
        for stranger in [owner("acme", "taro"), owner("globex", "hanako")] {
            let asked = world.store.missing(&stranger, &Ask { chunks: digests.clone() }).await.unwrap();
            assert_eq!(asked.missing.len(), digests.len(), "not even whether it is there");
            let placed = world.place(&stranger, vec![version("mine", None, content.clone())]).await;
            assert_eq!(placed, [Placed::Incomplete]);
            let fetched = world.store.fetch(&stranger, &Fetch { chunks: digests.clone() }).await.unwrap();
            assert_eq!(fetched, None);
            assert_eq!(world.list(&stranger).await, []);
        }
        // Who has it too may send it; the company stores it once, another company for itself.
        let stored = |totals: &BTreeMap<String, Totals>, company: &str| totals[company].stored_bytes;
        let before = world.store.totals().await.unwrap();
        let again = world.send(&owner("acme", "taro"), chunks.clone()).await;
        assert_eq!(stored(&world.store.totals().await.unwrap(), "acme"), stored(&before, "acme"));
        let other = world.send(&owner("globex", "hanako"), chunks).await;
        assert!(stored(&world.store.totals().await.unwrap(), "globex") > secret.len() as u64);
        // The answers do not tell which of the two it was.
        let [again, other] = [again, other].map(|stored| serde_json::to_string(&stored).unwrap());
        assert_eq!(again, other);
    }
}

#[tokio::test]
async fn the_disk_holds_no_content_and_no_name_of_a_file() {
    let mut world = World::new().await;
    let canary = b"CANARY-7f3a-of-the-content".repeat(40);
    world.kept(&hanako(), "CANARY-name.txt", None, &canary).await;
    let mode = std::fs::metadata(world.root()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else gets to what is inside");
    let mut seen = 0;
    let mut folders = vec![world.root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            seen += bytes.len();
            assert!(!bytes.windows(6).any(|window| window == b"CANARY"), "{path:?}");
            let digest = Digest::of(&canary);
            assert!(!bytes.windows(32).any(|window| window == digest.as_bytes()), "{path:?}");
        }
    }
    assert!(seen > canary.len());
}

#[tokio::test]
async fn two_children_of_one_version_both_stay_and_a_retry_makes_no_third() {
    for mut world in World::both().await {
        let first = world.kept(&hanako(), "plan.txt", None, b"one").await;
        let left = world.kept(&hanako(), "plan.txt", Some(first), b"left").await;
        let right = world.hand_over(&hanako(), "plan.txt", Some(first), b"right").await;
        let Placed::Conflict { version, path, head } = right.clone() else { panic!("{right:?}") };
        assert_eq!(head, left);
        let name = String::from_utf8(path.as_bytes().to_vec()).unwrap();
        assert_eq!(name, format!("plan (conflict hanako {}).txt", world.now()));
        // The answer was lost, and the endpoint asks again, later.
        world.clock += 100;
        let again = world.hand_over(&hanako(), "plan.txt", Some(first), b"right").await;
        assert_eq!(again, Placed::Conflict { version, path, head });
        let same = world.hand_over(&hanako(), "plan.txt", Some(first), b"left").await;
        assert_eq!(same, Placed::Known { version: left });
        assert_eq!(world.content(&hanako(), "plan.txt").await.as_deref(), Some(b"left".as_slice()));
        assert_eq!(world.content(&hanako(), &name).await.as_deref(), Some(b"right".as_slice()));
        assert_eq!(world.list(&hanako()).await.len(), 2);
    }
}

#[tokio::test]
async fn an_edit_outlives_a_deletion_whichever_comes_first() {
    let mut world = World::new().await;
    let one = world.kept(&hanako(), "a", None, b"one").await;
    let two = world.kept(&hanako(), "a", Some(one), b"two").await;
    let placed = world.place(&hanako(), vec![version("a", Some(one), Content::Deleted)]).await;
    assert_eq!(placed, [Placed::Stays { head: Some(two) }]);
    let three = world.kept(&hanako(), "b", None, b"three").await;
    let placed = world.place(&hanako(), vec![version("b", Some(three), Content::Deleted)]).await;
    assert!(matches!(placed[..], [Placed::Kept { .. }]));
    assert_eq!(world.content(&hanako(), "b").await, None);
    world.kept(&hanako(), "b", Some(three), b"edited elsewhere").await;
    assert_eq!(world.content(&hanako(), "b").await.as_deref(), Some(b"edited elsewhere".as_slice()));
    let never = world.place(&hanako(), vec![version("never", None, Content::Deleted)]).await;
    assert_eq!(never, [Placed::Stays { head: None }]);
}

#[tokio::test]
async fn a_third_of_all_files_does_not_vanish_unasked() {
    let mut world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..100 {
        let name = format!("f{n}");
        let version = world.kept(&hanako(), &name, None, name.as_bytes()).await;
        ids.push((name, version));
    }
    let gone: Vec<NewVersion> =
        ids.iter().take(31).map(|(name, id)| version(name, Some(*id), Content::Deleted)).collect();
    let placed = world.place(&hanako(), gone.clone()).await;
    assert!(placed.iter().all(|placed| *placed == Placed::Held) && placed.len() == 31);
    assert_eq!(world.list(&hanako()).await.len(), 100);
    let few = world.place(&hanako(), gone[..30].to_vec()).await;
    assert!(few.iter().all(|placed| matches!(placed, Placed::Kept { .. })));
    let one_more = world.place(&hanako(), gone[30..].to_vec()).await;
    assert_eq!(one_more, [Placed::Held], "nor in two steps");
    let commit = Commit { versions: gone[30..].to_vec(), confirmed: true, ..Commit::default() };
    let asked = world.store.commit(&hanako(), &"pc-1".parse().unwrap(), commit, world.now()).await.unwrap();
    assert!(matches!(asked.placed[..], [Placed::Kept { .. }]));
    assert_eq!(world.list(&hanako()).await.len(), 69);
    let shown = Browse { deleted: true, ..Browse::default() };
    assert_eq!(world.store.browse(&hanako(), &shown).await.unwrap().entries.len(), 100);
}

#[tokio::test]
async fn the_past_is_as_it_was_and_pages_are_the_whole() {
    let mut world = World::new().await;
    let one = world.kept(&hanako(), "a", None, b"one").await;
    let then = world.now();
    world.kept(&hanako(), "a", Some(one), b"two").await;
    for n in 0..5 {
        world.kept(&hanako(), &format!("f{n}"), None, b"x").await;
    }
    let past = Browse { at: Some(then), ..Browse::default() };
    let page = world.store.browse(&hanako(), &past).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [one]);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let browse = Browse { after, limit: Some(2), ..Browse::default() };
        let page = world.store.browse(&hanako(), &browse).await.unwrap();
        all.extend(page.entries);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, world.list(&hanako()).await);
    assert_eq!(all.len(), 6);
}

#[tokio::test]
async fn what_contradicts_itself_or_has_no_room_is_refused_and_the_rest_is_kept() {
    let mut world = World::new().await;
    world.store.limit(&hanako(), Some(10)).await.unwrap();
    world.kept(&hanako(), "five", None, b"12345").await;
    let full = world.hand_over(&hanako(), "six", None, b"123456").await;
    assert_eq!(full, Placed::Full { quota: 10, used: 5 });
    world.store.limit(&hanako(), None).await.unwrap();
    world.kept(&hanako(), "six", None, b"123456").await;
    let (content, chunks) = file(b"truth");
    world.send(&hanako(), chunks).await;
    let Content::File { digest, chunks, mode, modified, .. } = content.clone() else { panic!() };
    let lie = Content::File { digest, size: 6, chunks, mode, modified, torn: false };
    let placed =
        world.place(&hanako(), vec![version("lie", None, lie), version("truth", None, content)]).await;
    assert!(matches!(placed[..], [Placed::Malformed, Placed::Kept { .. }]), "{placed:?}");
}

#[tokio::test]
async fn a_flipped_bit_in_an_object_is_an_error_and_never_content() {
    let mut world = World::new().await;
    world.kept(&hanako(), "a", None, b"content").await;
    let (_, chunks) = file(b"content");
    let objects = world.root().join(OBJECTS);
    let files = std::fs::read_dir(objects).unwrap().flatten();
    let pack = files.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten()).next().unwrap();
    let mut bytes = std::fs::read(pack.path()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(pack.path(), bytes).unwrap();
    let fetched = world.store.fetch(&hanako(), &Fetch { chunks: vec![chunks[0].digest] }).await;
    assert!(matches!(fetched, Err(StoreError::Damaged { .. })), "{fetched:?}");
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let mut world = World::new().await;
    world.clock += 1;
    let now = world.now();
    let store = Arc::new(world.store);
    let mut tasks = Vec::new();
    for n in 0..40 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let person = owner("acme", &format!("p{}", n % 8));
            let (content, chunks) = file(format!("content {n}").as_bytes());
            let chunks = chunks.into_iter().map(Bytes::from).collect();
            store.put_chunks(&person, chunks, now).await.unwrap();
            let versions = vec![version(&format!("f{n}"), None, content)];
            let commit = Commit { versions, ..Commit::default() };
            store.commit(&person, &"pc-1".parse().unwrap(), commit, now).await.unwrap().placed
        }));
    }
    for task in tasks {
        assert!(matches!(task.await.unwrap()[..], [Placed::Kept { .. }]));
    }
    for n in 0..8 {
        let person = owner("acme", &format!("p{n}"));
        assert_eq!(store.browse(&person, &Browse::default()).await.unwrap().entries.len(), 5);
    }
}

#[tokio::test]
async fn an_admin_sees_what_came_from_a_node_and_how_much_there_is() {
    let mut world = World::new().await;
    let one = world.kept(&hanako(), "a", None, b"one").await;
    let then = world.now();
    world.kept(&hanako(), "a", Some(one), b"again").await;
    world.kept(&owner("acme", "taro"), "b", None, b"one").await;
    world.kept(&owner("globex", "john"), "c", None, b"one").await;
    let (acme, node) = ("acme".parse().unwrap(), "pc-1".parse().unwrap());
    let (entries, next) = world.store.browse_node(&acme, &node, None, None).await.unwrap();
    let seen: Vec<(String, WorkPath)> =
        entries.into_iter().map(|(person, entry)| (person.to_string(), entry.path)).collect();
    assert_eq!(seen, [("taro".to_owned(), at("b")), ("hanako".to_owned(), at("a"))]);
    assert_eq!(next, None);
    let (past, _) = world.store.browse_node(&acme, &node, Some(then), None).await.unwrap();
    assert_eq!(past.iter().map(|(_, entry)| entry.version).collect::<Vec<_>>(), [one]);
    let other = "pc-2".parse().unwrap();
    assert_eq!(world.store.browse_node(&acme, &other, None, None).await.unwrap().0, []);
    let totals = world.store.totals().await.unwrap();
    let acme = totals["acme"];
    assert_eq!((acme.persons, acme.files, acme.versions, acme.bytes), (2, 2, 3, 11));
    assert!(acme.stored_bytes > 8 && acme.latest == Some(Timestamp::from_seconds(1_000_003)), "{acme:?}");
    assert_eq!(totals["globex"].files, 1);
}
