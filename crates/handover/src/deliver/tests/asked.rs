//! What a person asks for: older versions back, deletions confirmed or taken back.

use super::*;

/// 40 files that headquarters holds, 20 of which go at once.
async fn with_half_gone(world: &World) -> Day<Line> {
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
    day
}

async fn until(what: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !what().await {
        assert!(Instant::now() < end, "it never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn deleting_a_third_at_once_is_held_and_said() {
    let world = world().await;
    let day = with_half_gone(&world).await;
    assert_eq!(day.progress().borrow().deletions_held, 20);
    assert_eq!(world.entries().await.len(), 40);
}

#[tokio::test]
async fn deletions_that_are_held_go_once_the_person_confirms_them() {
    let world = world().await;
    let mut day = with_half_gone(&world).await;
    let told = day.progress();
    world.line.cut.store(true, Ordering::Release);
    let unheard = day.confirm_deletions();
    let unheard = during(&mut day, unheard).await.unwrap();
    assert!(matches!(unheard, Err(TransportError::Later(_))), "{unheard:?}");
    assert_eq!((world.entries().await.len(), told.borrow().deletions_held), (40, 20));
    world.line.cut.store(false, Ordering::Release);
    let answer = day.confirm_deletions();
    assert_eq!(during(&mut day, answer).await.unwrap().unwrap(), 20);
    assert_eq!((world.entries().await.len(), told.borrow().deletions_held), (20, 0));
}

#[tokio::test]
async fn deletions_that_are_taken_back_bring_the_files_back() {
    let world = world().await;
    let mut day = with_half_gone(&world).await;
    assert_eq!(day.take_deletions_back(), 20);
    during(&mut day, until(async || fs::read_dir(&world.work).unwrap().count() >= 41)).await;
    assert_eq!((world.entries().await.len(), day.progress().borrow().deletions_held), (40, 0));
    assert_eq!(day.finish().await.unwrap().changed, []);
}

#[tokio::test]
async fn a_file_and_a_folder_come_back_as_they_were_and_nothing_here_is_replaced() {
    let world = world().await;
    fs::create_dir_all(world.work.join("plans/old")).unwrap();
    fs::write(world.work.join("plans/a.txt"), b"one").unwrap();
    fs::write(world.work.join("plans/old/b"), b"kept").unwrap();
    symlink("a.txt", world.work.join("plans/link")).unwrap();
    fs::write(world.work.join("plans2"), b"not in the folder").unwrap();
    let mut day = world.day();
    day.finish().await.unwrap();
    let then = Timestamp::from_seconds(world.line.clock.load(Ordering::Acquire).cast_signed());
    fs::write(world.work.join("plans/a.txt"), b"two").unwrap();
    day.finish().await.unwrap();
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for gone in ["plans/link", "plans2"] {
            fs::remove_file(world.work.join(gone)).unwrap();
        }
        fs::remove_dir_all(world.work.join("plans/old")).unwrap();
        until(async || world.entries().await.len() == 1).await;
    })
    .await;

    let wanted = WantedBack { path: Some(path("plans")), at: Some(then) };
    let answer = day.recover(wanted.clone());
    let came = during(&mut day, answer).await.unwrap().unwrap();
    assert_eq!(came, Recovered { files: 2, beside: 1, bytes: 7, ..Recovered::default() });
    assert_eq!(fs::read(world.work.join("plans/a.txt")).unwrap(), b"two");
    assert_eq!(fs::read(world.work.join("plans/old/b")).unwrap(), b"kept");
    assert_eq!(fs::read_link(world.work.join("plans/link")).unwrap(), PathBuf::from("a.txt"));
    assert!(!world.work.join("plans2").exists());
    let beside = fs::read_dir(world.work.join("plans")).unwrap().flatten();
    let beside = beside.map(|entry| entry.file_name().into_string().unwrap());
    let beside: Vec<String> =
        beside.filter(|name| name.starts_with("a (") && name.ends_with("Z).txt")).collect();
    assert_eq!(beside.len(), 1);
    assert_eq!(fs::read(world.work.join("plans").join(&beside[0])).unwrap(), b"one");
    // Again nothing comes twice, and what came back is handed over like everything else.
    let answer = day.recover(wanted);
    let again = during(&mut day, answer).await.unwrap().unwrap();
    assert_eq!(again, Recovered { same: 3, ..Recovered::default() });
    day.finish().await.unwrap();
    assert_eq!(world.entries().await.len(), 4);
    let nothing = day.recover(WantedBack { path: Some(path("elsewhere")), at: None });
    assert_eq!(during(&mut day, nothing).await.unwrap().unwrap(), Recovered::default());
    world.line.cut.store(true, Ordering::Release);
    let unheard = day.recover(WantedBack { path: None, at: None });
    assert!(during(&mut day, unheard).await.unwrap().is_err());
}

#[tokio::test]
async fn a_morning_that_is_interrupted_goes_on() {
    let world = world().await;
    for n in 0..30 {
        fs::write(world.work.join(format!("f{n}")), vec![n; 300_000]).unwrap();
    }
    world.day().finish().await.unwrap();
    fs::remove_dir_all(&world.work).unwrap();
    fs::create_dir(&world.work).unwrap();
    let mut day = world.day();
    day.bring_back(None);
    // Somebody asks something at the very beginning: by then not all of it can be here.
    day.work(std::future::ready(())).await;
    day.work(tokio::time::sleep(Duration::from_millis(1))).await;
    assert!(fs::read_dir(&world.work).unwrap().count() < 30);
    let mut progress = day.progress();
    during(&mut day, async {
        progress.wait_for(|progress| progress.is_back).await.unwrap();
    })
    .await;
    assert!(fs::read_dir(&world.work).unwrap().count() >= 31);
}

/// The person has proven themselves anew, or the agent is another one: a new day in the same folder, which brings back what is
/// missing.
#[tokio::test]
async fn what_was_deleted_and_not_heard_of_stays_deleted_when_the_day_goes_on_by_another_session() {
    let world = world().await;
    fs::create_dir(world.work.join("folder")).unwrap();
    for name in ["folder/a", "b", "c"] {
        fs::write(world.work.join(name), b"x").unwrap();
    }
    let mut day = world.day();
    day.finish().await.unwrap();
    world.line.cut.store(true, Ordering::Release);
    during(&mut day, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::remove_dir_all(world.work.join("folder")).unwrap();
        fs::remove_file(world.work.join("b")).unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
    })
    .await;
    drop(day);
    world.line.cut.store(false, Ordering::Release);
    let mut day = world.day();
    day.bring_back(None);
    let mut progress = day.progress();
    during(&mut day, async {
        progress.wait_for(|progress| progress.is_back).await.unwrap();
        world.comes_to_hold(&[("c", b"x")]).await;
    })
    .await;
    assert!(!world.work.join("b").exists() && !world.work.join("folder").exists());
}

#[tokio::test]
async fn what_was_deleted_and_is_held_waits_on_when_the_day_goes_on_by_another_session() {
    let world = world().await;
    drop(with_half_gone(&world).await);
    let mut day = world.day();
    day.bring_back(None);
    let mut progress = day.progress();
    during(&mut day, async {
        let said = |progress: &Progress| progress.is_back && progress.deletions_held == 20;
        progress.wait_for(said).await.map(drop)
    })
    .await
    .unwrap();
    assert!(!world.work.join("f0").exists() && world.work.join("f20").exists());
    let answer = day.confirm_deletions();
    assert_eq!(during(&mut day, answer).await.unwrap().unwrap(), 20);
    drop(day);
    assert_eq!(world.entries().await.len(), 20);
    // Nothing is left of it for the day after.
    let mut day = world.day();
    world.write("f0", b"another one");
    fs::remove_file(world.work.join("f0")).unwrap();
    assert_eq!(day.finish().await.unwrap().changed, []);
}
