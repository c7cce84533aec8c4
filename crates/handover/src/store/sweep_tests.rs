//! The daily round against a store on the disk: what is named stays, whatever else goes, also if it is killed.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use super::tests::{World, file, hanako, owner, version};
use super::*;
use crate::protocol::{Content, Entry, Placed, VersionId};

const DAY: i64 = 24 * 3600;
/// The store that the child of a test is to sweep, and when.
const CHILD: &str = "HANARE_SWEEP_CHILD";

pub(super) fn objects(root: &Path) -> usize {
    let folders = std::fs::read_dir(root.join(OBJECTS)).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

fn noise(seed: u8) -> Vec<u8> {
    let word = Digest::of(&[seed]);
    word.as_bytes().iter().copied().cycle().take(3000).collect()
}

#[tokio::test]
async fn versions_of_old_days_go_and_their_objects_with_them_and_what_is_named_stays() {
    for mut world in World::both().await {
        let start = world.clock;
        let mut parent = None;
        let mut versions = Vec::new();
        // Four versions an evening for three evenings, and one much later.
        for (number, day) in (0u8..).zip([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 20]) {
            world.clock = world.clock.max(start + day * DAY);
            let version = world.kept(&hanako(), "memo", parent, &noise(number)).await;
            (parent, versions) = (Some(version), [versions, vec![version]].concat());
        }
        // Another person has one of the old contents, and the first one again under another name.
        let taro = owner("acme", "taro");
        world.kept(&taro, "copy", None, &noise(1)).await;
        let before = world.objects();
        let removed = world.store.retain(world.now()).await.unwrap();
        assert_eq!((removed.versions, removed.files), (9, 0));
        assert_eq!(world.store.retain(world.now()).await.unwrap(), Removed::default(), "once is enough");
        // Chunks that were sent lately are waited for.
        assert_eq!((removed.chunks, world.objects()), (9 - 1, before - 8), "{removed:?}");
        for (number, version) in (0u8..).zip(&versions) {
            let stays = [3, 7, 11, 12].contains(&number);
            let found = world.store.version(&hanako(), version).await.unwrap();
            assert_eq!(found.is_some(), stays, "{number}");
            if let Some(Entry { content: Content::File { chunks, .. }, .. }) = found {
                assert!(world.store.fetch(&hanako(), &Fetch { chunks }).await.unwrap().is_some());
            }
        }
        assert_eq!(world.content(&hanako(), "memo").await, Some(noise(12)));
        assert_eq!(world.content(&taro, "copy").await, Some(noise(1)));
        assert_eq!(world.store.totals().await.unwrap()["acme"].bytes, 5 * 3000);
        // What was forgotten is sent anew.
        let (_, chunks) = file(&noise(2));
        let ask = Ask { chunks: chunks.iter().map(|chunk| chunk.digest).collect() };
        assert_eq!(world.store.missing(&hanako(), &ask).await.unwrap().missing, [0]);
        world.kept(&hanako(), "again", None, &noise(2)).await;
        assert_eq!(world.content(&hanako(), "again").await, Some(noise(2)));
    }
}

#[tokio::test]
async fn a_deleted_file_comes_back_for_ninety_days_and_then_nothing_of_it_is_left() {
    for mut world in World::both().await {
        let first = world.kept(&hanako(), "memo", None, b"what it was").await;
        let gone = version("memo", Some(first), Content::Deleted);
        assert!(matches!(world.place(&hanako(), vec![gone]).await[..], [Placed::Kept { .. }]));
        let deleted_at = world.clock;
        world.clock = deleted_at + 89 * DAY;
        assert_eq!(world.store.retain(world.now()).await.unwrap().versions, 0);
        let then = Browse { at: Some(Timestamp::from_seconds(deleted_at - 1)), ..Browse::default() };
        assert_eq!(world.store.browse(&hanako(), &then).await.unwrap().entries.len(), 1);
        world.clock = deleted_at + 90 * DAY;
        let removed = world.store.retain(world.now()).await.unwrap();
        assert_eq!((removed.versions, removed.files, removed.objects), (2, 1, 1));
        assert_eq!((world.objects(), world.store.totals().await.unwrap()["acme"].bytes), (0, 0));
        // A machine that still has it says so: nothing was deleted, and an edit is a file again.
        let late = version("memo", Some(first), Content::Deleted);
        assert!(matches!(world.place(&hanako(), vec![late]).await[..], [Placed::Stays { head: None }]));
        world.kept(&hanako(), "memo", Some(first), b"an edit").await;
        assert_eq!(world.content(&hanako(), "memo").await, Some(b"an edit".to_vec()));
    }
}

#[tokio::test]
async fn what_was_sent_and_is_not_named_yet_is_waited_for_a_week() {
    let mut world = World::new().await;
    let (content, chunks) = file(&noise(1));
    world.send(&hanako(), chunks).await;
    world.clock += 6 * DAY;
    assert_eq!(world.store.retain(world.now()).await.unwrap(), Removed::default());
    world.clock += 2 * DAY;
    assert_eq!(world.store.retain(world.now()).await.unwrap().objects, 1);
    let late = version("memo", None, content);
    assert!(matches!(world.place(&hanako(), vec![late]).await[..], [Placed::Incomplete]), "to be sent again");
    world.kept(&hanako(), "memo", None, &noise(1)).await;
}

/// Random days of two people against a map of what each file should be.
#[tokio::test]
async fn whatever_happens_every_file_is_what_was_written_last() {
    let mut world = World::new().await;
    let people = [hanako(), owner("acme", "taro")];
    let mut model: BTreeMap<(usize, u8), (VersionId, Option<u8>)> = BTreeMap::new();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut removed = Removed::default();
    for _ in 0..400 {
        let person = usize::try_from(random(2)).unwrap();
        let name = u8::try_from(random(6)).unwrap();
        let path = format!("file-{name}");
        let known = model.get(&(person, name)).copied();
        match random(10) {
            0..=5 => {
                let content = u8::try_from(random(12)).unwrap();
                let parent = known.map(|(version, _)| version);
                let placed = world.hand_over(&people[person], &path, parent, &noise(content)).await;
                let (Placed::Kept { version } | Placed::Known { version }) = placed else {
                    panic!("{placed:?}")
                };
                model.insert((person, name), (version, Some(content)));
            }
            6 if known.is_some_and(|(_, content)| content.is_some()) => {
                let gone = version(&path, known.map(|(last, _)| last), Content::Deleted);
                let [Placed::Kept { version }] = world.place(&people[person], vec![gone]).await[..] else {
                    panic!("a deletion of what is there")
                };
                model.insert((person, name), (version, None));
            }
            7 => world.clock += i64::try_from(random(40)).unwrap() * DAY,
            8 => world.killed().await,
            _ => {
                let round = world.store.retain(world.now()).await.unwrap();
                removed.versions += round.versions;
                removed.objects += round.objects;
            }
        }
        if random(8) == 0 {
            for ((person, name), (_, content)) in &model {
                let found = world.content(&people[*person], &format!("file-{name}")).await;
                assert_eq!(found, content.map(noise), "file-{name} of {person}");
            }
        }
    }
    assert!(removed.versions > 20 && removed.objects > 5, "it removed something: {removed:?}");
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_nothing_that_is_named_and_ends_with_nothing_else() {
    let mut world = World::new().await;
    let start = world.clock;
    let mut last = BTreeMap::new();
    for number in 0u8..120 {
        let path = format!("file-{}", number % 30);
        world.clock = start + i64::from(number) * 1800;
        let parent = last.get(&path).map(|(version, _)| *version);
        let version = world.kept(&hanako(), &path, parent, &noise(number)).await;
        last.insert(path, (version, number));
    }
    world.store.close().await;
    let now = start + 400 * DAY;
    let mut cut = 0;
    for round in 0u64..20 {
        let copy = world.folder.path().join(format!("round-{round}"));
        let copied = Command::new("cp").arg("-a").arg(world.root()).arg(&copy).status().unwrap();
        assert!(copied.success());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sweep_tests::the_child_of_a_test_that_kills_it", "--ignored"])
            .env(CHILD, format!("{now} {}", copy.display()))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10 + round * 6));
        cut += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        let store = Store::open(&copy).await.unwrap();
        let mut named = BTreeSet::new();
        for finished in [false, true] {
            if finished {
                store.retain(Timestamp::from_seconds(now)).await.unwrap();
            }
            for entry in store.browse(&hanako(), &Browse::default()).await.unwrap().entries {
                let Content::File { chunks, digest, .. } = entry.content else { panic!("a file") };
                let body = store.fetch(&hanako(), &Fetch { chunks }).await.unwrap().unwrap();
                let parts = crate::protocol::frames(Bytes::from(body)).unwrap();
                assert_eq!(Digest::of(&parts.concat()), digest);
                named.insert(entry.path);
            }
        }
        assert_eq!(named.len(), 30);
        // Every version in a half hour of one far day but the last: one of each file is left, and its object.
        assert_eq!(objects(&copy), 30, "round {round}");
        store.close().await;
    }
    assert!(cut > 3, "too few rounds were killed: {cut}");
}

#[tokio::test]
#[ignore = "it is started by another test, which kills it"]
async fn the_child_of_a_test_that_kills_it() {
    let Ok(text) = std::env::var(CHILD) else { return };
    let (now, root) = text.split_once(' ').unwrap();
    let store = Store::open(Path::new(root)).await.unwrap();
    store.retain(Timestamp::from_seconds(now.parse().unwrap())).await.unwrap();
    store.close().await;
}
