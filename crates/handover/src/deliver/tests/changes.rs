//! Whatever happens to a file: headquarters comes to hold it.

use super::*;

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
async fn a_file_that_is_written_without_end_goes_torn_and_whole_when_it_is_closed() {
    let world = world().await;
    let tree = Arc::new(world.tree());
    fs::write(world.work.join("log"), b"line\n").unwrap();
    let courier = Courier::new(world.line.clone());
    let known = Known::default();
    let open = Ready { path: path("log"), open: true };
    let delivered = courier.deliver(&tree, &known, vec![open]).await.unwrap();
    assert_eq!(delivered.files, 1);
    let torn = |entry: &Entry| matches!(entry.content, Content::File { torn, .. } if torn);
    assert!(world.entries().await.iter().all(torn));
    fs::write(world.work.join("log"), b"line\nend\n").unwrap();
    let closed = Ready { path: path("log"), open: false };
    courier.deliver(&tree, &known, vec![closed]).await.unwrap();
    assert!(!world.entries().await.iter().any(torn));
}

#[tokio::test]
async fn a_write_through_a_mapping_is_found_by_the_sweep_though_nobody_is_told_of_it() {
    use std::io::{Read as _, Write as _};
    let world = world().await;
    let program = world.work.parent().unwrap().join("mapped");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/deliver/tests/mapped.c");
    let built = std::process::Command::new("cc").arg("-o").arg(&program).arg(source).status().unwrap();
    assert!(built.success());
    let file = world.work.join("sheet");
    fs::write(&file, b"AAAA").unwrap();
    let mut mapping = std::process::Command::new(&program)
        .arg(&file)
        .arg("BBBB")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut day = world.day();
    day.finish().await.unwrap();
    during(&mut day, async {
        // It looks at everything when it begins.
        tokio::time::sleep(SETTLED * 2).await;
        mapping.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        mapping.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"BBBB");
        tokio::time::sleep(SETTLED * 3).await;
        // This is what makes the sweep needed.
        assert_eq!(world.held().await[b"sheet".as_slice()], b"AAAA");
    })
    .await;
    day.finish().await.unwrap();
    world.comes_to_hold(&[("sheet", b"BBBB")]).await;
    mapping.kill().unwrap();
    mapping.wait().unwrap();
}

#[tokio::test]
async fn a_name_that_is_no_text_keeps_its_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = world().await;
    // Shift_JIS, as an archive of an old PC brings it.
    let name: &[u8] = b"\x8c\xa9\x90\xcf.txt";
    let mut day = world.day();
    during(&mut day, async {
        fs::write(world.work.join(std::ffi::OsStr::from_bytes(name)), b"estimate").unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while world.held().await.get(name).is_none_or(|held| held != b"estimate") {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn more_changes_than_the_watch_can_hold_are_found_all_the_same() {
    let world = world().await;
    let mut day = world.day();
    let mut watch = Watch::start(&world.work).unwrap();
    during(&mut day, async {
        // It is at work, and has looked at everything once.
        fs::write(world.work.join("before"), b"x").unwrap();
        world.comes_to_hold(&[("before", b"x")]).await;
        // Nobody reads what is told while this runs: the queue is full long before the last file comes.
        for n in 0..9000 {
            fs::write(world.work.join(format!("f{}", n % 20)), format!("{n}")).unwrap();
        }
        fs::create_dir(world.work.join("new")).unwrap();
        fs::write(world.work.join("new/last"), b"after the flood").unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while world.held().await.get(b"new/last".as_slice()).is_none_or(|held| held != b"after the flood") {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut told = 0;
    while watch.next().await != Seen::Overflow {
        told += 1;
        assert!(told < 100_000, "this much was to be more than it holds");
    }
}
