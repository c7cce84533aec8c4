//! Days that are cut, begin again, or meet another machine's.

use super::*;

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

#[tokio::test]
async fn after_a_conflict_what_is_saved_next_is_a_change_and_no_third_version() {
    let world = world().await;
    fs::write(world.work.join("plan"), b"as it was").unwrap();
    let mut day = world.day();
    during(&mut day, async {
        world.comes_to_hold(&[("plan", b"as it was")]).await;
        // Another machine of hers has changed it.
        let head = world.entries().await.remove(0);
        let there = world.folder.path().join("there");
        fs::create_dir(&there).unwrap();
        fs::write(there.join("plan"), b"elsewhere").unwrap();
        let (tree, known) = (Arc::new(Tree::open(&there).unwrap()), Known::default());
        known.put(path("plan"), Held { version: head.version, gist: Gist::of(&head.content).unwrap() });
        let ready = vec![Ready { path: path("plan"), open: false }];
        Courier::new(world.line.clone()).deliver(&tree, &known, ready).await.unwrap();
        for save in 0..3 {
            let content = format!("save {save}");
            fs::write(world.work.join("plan"), &content).unwrap();
            let until = Instant::now() + Duration::from_mins(1);
            while !world.held().await.values().any(|held| *held == content.as_bytes()) {
                assert!(Instant::now() < until, "{content}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // What came of it has come here, too.
            tokio::time::sleep(Duration::from_secs(2)).await;
            if save == 0 {
                assert_eq!(fs::read(world.work.join("plan")).unwrap(), b"elsewhere");
            }
        }
    })
    .await;
    assert_eq!(day.progress().borrow().conflicts, 1);
    let held = world.held().await;
    assert_eq!(
        (held.len(), held[b"plan".as_slice()].as_slice()),
        (2, b"save 2".as_slice()),
        "{:?}",
        held.keys()
    );
    let mut here: Vec<_> = fs::read_dir(&world.work).unwrap().map(|file| file.unwrap().file_name()).collect();
    here.retain(|name| !name.as_encoded_bytes().starts_with(b".hanare-"));
    assert_eq!(here.len(), 2, "{here:?}");
}
