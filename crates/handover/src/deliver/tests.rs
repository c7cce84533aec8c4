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
}

impl Line {
    fn up(&self) -> Result<(), TransportError> {
        if self.cut.load(Ordering::Acquire) {
            return Err(TransportError::Later("the line is cut".to_owned()));
        }
        Ok(())
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
        self.up()?;
        self.store.missing(&self.owner, ask).await.map_err(|error| later(&error))
    }

    async fn chunks(&self, body: Bytes) -> Result<Stored, TransportError> {
        self.up()?;
        self.sent.fetch_add(body.len() as u64, Ordering::AcqRel);
        let chunks = frames(body).unwrap();
        self.store.put_chunks(&self.owner, chunks, self.now()).await.map_err(|error| later(&error))
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, TransportError> {
        self.up()?;
        self.store
            .commit(&self.owner, &self.node, commit.clone(), self.now())
            .await
            .map_err(|error| later(&error))
    }

    async fn browse(&self, browse: &Browse) -> Result<Page, TransportError> {
        self.up()?;
        self.store.browse(&self.owner, browse).await.map_err(|error| later(&error))
    }

    async fn fetch(&self, fetch: &Fetch) -> Result<Bytes, TransportError> {
        self.up()?;
        let body = self.store.fetch(&self.owner, fetch).await.map_err(|error| later(&error))?;
        body.map(Bytes::from).ok_or_else(|| TransportError::Answer("not there".to_owned()))
    }
}

struct World {
    _folder: tempfile::TempDir,
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
    };
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    World { _folder: folder, work, line }
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

#[tokio::test]
async fn what_a_person_does_all_day_is_at_headquarters() {
    let world = world().await;
    fs::write(world.work.join("before"), b"was there").unwrap();
    let mut day = world.day();
    during(&mut day, async {
        world.comes_to_hold(&[("before", b"was there")]).await;
        fs::create_dir_all(world.work.join("見積/2026")).unwrap();
        fs::write(world.work.join("見積/2026/a:b 🍣.txt"), b"one").unwrap();
        // The same letters composed and decomposed are two names.
        fs::write(world.work.join("\u{30ac}"), b"nfc").unwrap();
        fs::write(world.work.join("\u{30ab}\u{3099}"), b"nfd").unwrap();
        symlink("見積", world.work.join("link")).unwrap();
        let expected: [(&str, &[u8]); 5] = [
            ("before", b"was there"),
            ("見積/2026/a:b 🍣.txt", b"one"),
            ("\u{30ac}", b"nfc"),
            ("\u{30ab}\u{3099}", b"nfd"),
            ("link", "見積".as_bytes()),
        ];
        world.comes_to_hold(&expected).await;
        // Another case only, a folder's name, an empty file, a deletion.
        fs::rename(world.work.join("before"), world.work.join("Before")).unwrap();
        fs::rename(world.work.join("見積"), world.work.join("済")).unwrap();
        fs::write(world.work.join("\u{30ac}"), b"").unwrap();
        fs::remove_file(world.work.join("\u{30ab}\u{3099}")).unwrap();
        let expected: [(&str, &[u8]); 4] = [
            ("Before", b"was there"),
            ("済/2026/a:b 🍣.txt", b"one"),
            ("\u{30ac}", b""),
            ("link", "見積".as_bytes()),
        ];
        world.comes_to_hold(&expected).await;
    })
    .await;
    assert_eq!(day.progress().borrow().trouble, None);
}

#[tokio::test]
async fn a_rename_storm_ends_where_it_ended() {
    let world = world().await;
    let mut day = world.day();
    for n in 0..20 {
        fs::write(world.work.join(format!("f{n}")), format!("content {n}")).unwrap();
    }
    during(&mut day, async {
        for round in 0..200 {
            let (from, to) = (world.work.join(format!("f{}", round % 20)), world.work.join("swap"));
            let other = world.work.join(format!("f{}", (round * 7 + 3) % 20));
            if from != other {
                fs::rename(&from, &to).unwrap();
                fs::rename(&other, &from).unwrap();
                fs::rename(&to, &other).unwrap();
            }
            if round % 50 == 0 {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
        }
        let now: Vec<(String, Vec<u8>)> =
            (0..20).map(|n| (format!("f{n}"), fs::read(world.work.join(format!("f{n}"))).unwrap())).collect();
        let expected: Vec<(&str, &[u8])> =
            now.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        world.comes_to_hold(&expected).await;
    })
    .await;
}

#[tokio::test]
async fn a_sweep_finds_what_the_time_stamp_and_the_watch_hide() {
    let world = world().await;
    let file = world.work.join("sheet");
    fs::write(&file, b"AAAA").unwrap();
    fs::write(world.work.join("other"), b"same").unwrap();
    let mut day = world.day();
    day.finish().await.unwrap();
    // The same size, and the time put back.
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let handle = fs::OpenOptions::new().write(true).open(&file).unwrap();
    handle.write_all_at(b"BBBB", 0).unwrap();
    handle.set_modified(before).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
    let swept = day.finish().await.unwrap();
    assert_eq!((swept.unchanged, swept.changed.len()), (1, 0));
    world.comes_to_hold(&[("sheet", b"BBBB"), ("other", b"same")]).await;
    // What is absent in a sweep is only absent.
    fs::remove_file(&file).unwrap();
    let mut tomorrow = world.day();
    tomorrow.finish().await.unwrap();
    world.comes_to_hold(&[("sheet", b"BBBB"), ("other", b"same")]).await;
}

#[tokio::test]
async fn a_cut_line_loses_nothing_and_what_had_arrived_is_not_sent_twice() {
    let world = world().await;
    let large: Vec<u8> =
        (0..6_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).take(12 << 20).collect();
    let mut day = world.day();
    world.line.cut.store(true, Ordering::Release);
    during(&mut day, async {
        fs::write(world.work.join("large"), &large).unwrap();
        fs::write(world.work.join("small"), b"small").unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(world.entries().await, []);
        world.line.cut.store(false, Ordering::Release);
        let until = Instant::now() + Duration::from_secs(30);
        while world.line.sent.load(Ordering::Acquire) == 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.line.cut.store(true, Ordering::Release);
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.line.cut.store(false, Ordering::Release);
        world.comes_to_hold(&[("large", &large), ("small", b"small")]).await;
    })
    .await;
    let sent = world.line.sent.load(Ordering::Acquire);
    assert!(sent < large.len() as u64 + (5 << 20), "{sent} bytes for {}", large.len());
}

#[tokio::test]
async fn nothing_outside_is_read_through_a_link_or_a_pipe() {
    let world = world().await;
    let outside = world.work.parent().unwrap().join("secret");
    fs::write(&outside, b"not work").unwrap();
    symlink(outside.parent().unwrap(), world.work.join("folder")).unwrap();
    // The work volume's canaries, which must lie nowhere else.
    fs::create_dir(world.work.join(".hanare")).unwrap();
    fs::write(world.work.join(".hanare/token"), b"canary").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.work.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let tree = world.tree();
    let through = path("folder/secret");
    assert_eq!(tree.look(&through).unwrap(), None);
    assert!(tree.read(&through).is_err() && tree.read(&path("pipe")).is_err());
    // The attack works on who follows paths.
    assert_eq!(fs::read(world.work.join("folder/secret")).unwrap(), b"not work");
    let mut day = world.day();
    day.finish().await.unwrap();
    let held = world.held().await;
    assert_eq!(held.keys().map(Vec::as_slice).collect::<Vec<_>>(), [b"folder"]);
    assert_ne!(held[b"folder".as_slice()], b"not work");
}

#[tokio::test]
async fn the_morning_brings_everything_back_and_replaces_nothing() {
    let world = world().await;
    let large = vec![7u8; 3 << 20];
    fs::create_dir_all(world.work.join("a/b")).unwrap();
    fs::write(world.work.join("a/b/large"), &large).unwrap();
    fs::write(world.work.join("script"), b"#!/bin/sh").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(world.work.join("script"), mode).unwrap();
    symlink("script", world.work.join("run")).unwrap();
    fs::write(world.work.join("mine"), b"of yesterday").unwrap();
    world.day().finish().await.unwrap();

    fs::remove_dir_all(&world.work).unwrap();
    fs::create_dir(&world.work).unwrap();
    fs::write(world.work.join("mine"), b"of this morning").unwrap();
    let mut day = world.day();
    let restored = day.restore(None).await.unwrap();
    assert_eq!((restored.files, restored.other, restored.failed), (3, 1, 0), "{restored:?}");
    assert_eq!(fs::read(world.work.join("a/b/large")).unwrap(), large);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(world.work.join("script")).unwrap());
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(fs::read_link(world.work.join("run")).unwrap(), PathBuf::from("script"));
    assert_eq!(fs::read(world.work.join("mine")).unwrap(), b"of this morning");
    let sent = world.line.sent.load(Ordering::Acquire);
    let swept = day.finish().await.unwrap();
    assert_eq!(swept.unchanged, 3);
    assert!(world.line.sent.load(Ordering::Acquire) - sent < 100, "nothing that came is sent again");
    // Both versions of what differed are kept, and here the person's own lies beside.
    let names: Vec<String> =
        world.held().await.keys().map(|name| String::from_utf8(name.clone()).unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("mine")).count(), 2, "{names:?}");
    let mut left = fs::read_dir(&world.work).unwrap().flatten();
    assert!(left.all(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".hanare-part")));
}

#[tokio::test]
async fn a_file_that_is_written_without_end_goes_torn_and_whole_when_it_is_closed() {
    let world = world().await;
    let tree = world.tree();
    fs::write(world.work.join("log"), b"line\n").unwrap();
    let courier = Courier::new(world.line.clone());
    let mut known = Known::default();
    let open = Ready { path: path("log"), open: true };
    let delivered = courier.deliver(&tree, &mut known, vec![open]).await.unwrap();
    assert_eq!(delivered.files, 1);
    let torn = |entry: &Entry| matches!(entry.content, Content::File { torn, .. } if torn);
    assert!(world.entries().await.iter().all(torn));
    fs::write(world.work.join("log"), b"line\nend\n").unwrap();
    let closed = Ready { path: path("log"), open: false };
    courier.deliver(&tree, &mut known, vec![closed]).await.unwrap();
    assert!(!world.entries().await.iter().any(torn));
}

#[tokio::test]
async fn two_pcs_edit_one_file_and_both_versions_stay() {
    let world = world().await;
    fs::write(world.work.join("plan.txt"), b"one").unwrap();
    let mut here = world.day();
    here.finish().await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let line = Line { node: "pc-2".parse().unwrap(), ..world.line.clone() };
    let mut there = Day::begin(Tree::open(elsewhere.path()).unwrap(), line).unwrap();
    there.restore(None).await.unwrap();
    fs::write(world.work.join("plan.txt"), b"here").unwrap();
    fs::write(elsewhere.path().join("plan.txt"), b"there").unwrap();
    there.finish().await.unwrap();
    here.finish().await.unwrap();
    let held = world.held().await;
    assert_eq!(held[b"plan.txt".as_slice()], b"there");
    let beside: Vec<_> =
        held.iter().filter(|(path, _)| path.starts_with(b"plan (conflict hanako ")).collect();
    assert_eq!(beside.len(), 1, "{:?}", held.keys());
    assert_eq!(beside[0].1, b"here");
    assert_eq!(here.progress().borrow().conflicts, 1);
}

#[tokio::test]
async fn deleting_a_third_at_once_is_held_and_said() {
    let world = world().await;
    for n in 0..40 {
        fs::write(world.work.join(format!("f{n}")), b"x").unwrap();
    }
    let mut day = world.day();
    day.finish().await.unwrap();
    during(&mut day, async {
        fs::create_dir(world.work.join("keep")).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        for n in 0..20 {
            fs::remove_file(world.work.join(format!("f{n}"))).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
    })
    .await;
    assert_eq!(day.progress().borrow().deletions_held, 20);
    assert_eq!(world.entries().await.len(), 40);
}

#[tokio::test]
async fn an_agent_that_was_killed_takes_the_next_edit_for_what_it_is() {
    let world = world().await;
    fs::write(world.work.join("plan"), b"one").unwrap();
    let mut day = world.day();
    day.finish().await.unwrap();
    std::mem::forget(day);
    fs::write(world.work.join("plan"), b"two").unwrap();
    let mut again = world.day();
    again.finish().await.unwrap();
    world.comes_to_hold(&[("plan", b"two")]).await;
    assert_eq!(again.progress().borrow().conflicts, 0);
    // Without what was known the same edit comes to lie beside.
    fs::remove_file(world.work.join(".hanare-known")).unwrap();
    fs::write(world.work.join("plan"), b"three").unwrap();
    let mut forgetful = world.day();
    forgetful.finish().await.unwrap();
    assert_eq!(forgetful.progress().borrow().conflicts, 1);
}
