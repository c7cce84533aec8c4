//! Very many files go at once, or only move.

use super::*;

/// As many files as one commit cannot delete at once, and some more.
const FILES: usize = 4000;

async fn live(world: &World) -> u64 {
    world.line.store.totals().await.unwrap()["acme"].files
}

async fn with_files(world: &World, folder: &str, files: usize) -> Day<Line> {
    fs::create_dir_all(world.work.join(folder)).unwrap();
    for n in 0..files {
        fs::write(world.work.join(folder).join(format!("f{n}")), b"x").unwrap();
    }
    let mut day = world.day();
    day.finish().await.unwrap();
    assert_eq!(live(world).await, files as u64);
    day
}

async fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !what() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn more_deletions_than_one_commit_takes_are_judged_together() {
    let world = world().await;
    let mut day = with_files(&world, "plans", FILES).await;
    let gone = FILES * 31 / 100;
    let told = day.progress();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for n in 0..gone {
            fs::remove_file(world.work.join(format!("plans/f{n}"))).unwrap();
        }
        until(|| told.borrow().deletions_held == gone as u64).await;
    })
    .await;
    assert_eq!(told.borrow().deletions_held, gone as u64);
    assert_eq!(live(&world).await, FILES as u64, "not one is a tombstone");
}

#[tokio::test]
async fn fewer_than_a_third_go_unasked_however_many_they_are() {
    let world = world().await;
    let mut day = with_files(&world, "plans", FILES + 1000).await;
    let gone = (FILES + 1000) * 22 / 100;
    let told = day.progress();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for n in 0..gone {
            fs::remove_file(world.work.join(format!("plans/f{n}"))).unwrap();
        }
        let end = Instant::now() + Duration::from_mins(1);
        while live(&world).await + gone as u64 > (FILES + 1000) as u64 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!((told.borrow().deletions_held, live(&world).await), (0, (FILES + 1000 - gone) as u64));
}

#[tokio::test]
async fn what_gets_another_name_and_another_content_has_vanished() {
    let world = world().await;
    let mut day = with_files(&world, "plans", 60).await;
    let told = day.progress();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for n in 0..60 {
            let locked = world.work.join(format!("plans/f{n}.locked"));
            fs::rename(world.work.join(format!("plans/f{n}")), &locked).unwrap();
            fs::write(&locked, format!("encrypted {n}")).unwrap();
        }
        until(|| told.borrow().deletions_held == 60).await;
    })
    .await;
    assert_eq!(told.borrow().deletions_held, 60);
}

#[tokio::test]
async fn a_folder_with_nearly_all_files_that_gets_another_name_is_no_deletion() {
    let world = world().await;
    let mut day = with_files(&world, "plans", 60).await;
    fs::write(world.work.join("other"), b"y").unwrap();
    let told = day.progress();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fs::rename(world.work.join("plans"), world.work.join("計画")).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::rename(world.work.join("計画"), world.work.join("計画2")).unwrap();
        let names: Vec<String> = (0..60).map(|n| format!("計画2/f{n}")).collect();
        let expected = names.iter().map(|name| (name.as_str(), &b"x"[..])).chain([("other", &b"y"[..])]);
        world.comes_to_hold(&expected.collect::<Vec<_>>()).await;
    })
    .await;
    assert_eq!(told.borrow().deletions_held, 0);
    // What has moved counts neither now nor for who deletes some afterwards.
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for n in 0..15 {
            fs::remove_file(world.work.join(format!("計画2/f{n}"))).unwrap();
        }
        let names: Vec<String> = (15..60).map(|n| format!("計画2/f{n}")).collect();
        let expected = names.iter().map(|name| (name.as_str(), &b"x"[..])).chain([("other", &b"y"[..])]);
        world.comes_to_hold(&expected.collect::<Vec<_>>()).await;
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_leaves_is_a_deletion() {
    let world = world().await;
    let mut day = with_files(&world, "plans", 60).await;
    let told = day.progress();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fs::rename(world.work.join("plans"), world.folder.path().join("elsewhere")).unwrap();
        until(|| told.borrow().deletions_held == 60).await;
    })
    .await;
    assert_eq!((told.borrow().deletions_held, live(&world).await), (60, 60));
}
