//! Whoever owns the folder puts things into it that are to hold the agent up.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

const SOON: Duration = Duration::from_mins(1);

#[tokio::test]
async fn nothing_in_place_of_a_journal_keeps_a_day_from_beginning() {
    let pranks: [fn(&std::path::Path); 4] = [
        |at| fs::create_dir(at).unwrap(),
        |at| fs::create_dir_all(at.join("full")).unwrap(),
        |at| assert!(Command::new("mkfifo").arg(at).status().unwrap().success()),
        |at| symlink("/etc/passwd", at).unwrap(),
    ];
    for play in pranks {
        let world = world().await;
        let spool = world.spool();
        for name in ["known", "sealed"] {
            play(&world.work.join(format!(".hanare-{name}")));
        }
        world.write("work", b"of today");
        let mut day = world.sealing_day(&spool);
        during(&mut day, world.comes_to_hold(&[("work", b"of today")])).await;
    }
}

#[tokio::test]
async fn a_file_of_nothing_but_hole_holds_nothing_up_and_is_counted() {
    let world = world().await;
    let spool = world.spool();
    // Larger than any disk that this is tested on.
    fs::File::create(world.work.join("hole")).unwrap().set_len(15 << 40).unwrap();
    world.write("work", b"of today");
    let mut day = world.sealing_day(&spool);
    let swept = day.finish().await.unwrap();
    assert_eq!((swept.changed.len(), swept.unread), (0, 1));
    assert_eq!(world.held().await.keys().map(Vec::as_slice).collect::<Vec<_>>(), [b"work"]);
    world.cut(true);
    world.write("more", b"of today");
    let rest = day.seal_rest(Instant::now() + SOON).await;
    assert_eq!((rest.sealed, rest.lost, spool.count()), (1, 1, 1));
}

#[tokio::test]
async fn what_is_known_to_wait_is_sealed_before_all_the_time_goes_into_looking() {
    let world = world().await;
    let spool = world.spool();
    world.cut(true);
    // It takes longer to read than there is time.
    fs::File::create(world.work.join("a hole")).unwrap().set_len(64 << 30).unwrap();
    let mut day = world.sealing_day(&spool);
    world.write("work", b"of today");
    let begun = Instant::now();
    during(&mut day, tokio::time::sleep(Duration::from_secs(1))).await;
    let rest = day.seal_rest(Instant::now() + Duration::from_secs(2)).await;
    assert_eq!(spool.count(), 1, "what could be sealed was");
    assert!(rest.lost >= 1, "what was not looked at is not claimed");
    assert!(begun.elapsed() < SOON, "the end has an end");
}

#[test]
fn a_pipe_in_the_way_holds_neither_writing_nor_reading() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name);
    for name in [".hanare-part-report.docx", "read"] {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, here(name), kind, mode, 0).unwrap();
    }
    let (done, finished) = std::sync::mpsc::channel();
    let place = folder.path().to_owned();
    std::thread::spawn(move || {
        let tree = Tree::open(&place).unwrap();
        let meta = Meta { mode: 0o600, modified: 1, owner: None };
        let write = |file: &mut fs::File| std::io::Write::write_all(file, b"it came back");
        let put = tree.put(&path("report.docx"), meta, None, write).map_err(|error| error.kind());
        done.send((put, tree.read(&path("read")).is_err())).unwrap();
    });
    let told = finished.recv_timeout(Duration::from_secs(20));
    assert_eq!(told, Ok((Ok(()), true)), "it hangs");
    assert_eq!(fs::read(here("report.docx")).unwrap(), b"it came back");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing half-written stays");
}

#[tokio::test]
async fn another_ones_secret_does_not_become_the_persons_by_lying_in_their_folder() {
    // Only root has files of several owners.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let world = world().await;
    std::os::unix::fs::chown(&world.work, Some(4711), Some(4711)).unwrap();
    world.write("for all", b"root's, and everybody may read it");
    world.write("secret", b"root's own");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(world.work.join("secret"), private).unwrap();
    // A folder of root's, moved here: what is in it is not reached by whom this belongs to.
    fs::create_dir(world.work.join("moved")).unwrap();
    world.write("moved/plain", b"in a folder that is root's");
    world.write("own", b"theirs");
    std::os::unix::fs::chown(world.work.join("own"), Some(4711), Some(4711)).unwrap();
    let mut day = world.day();
    let swept = day.finish().await.unwrap();
    assert_eq!(swept.unread, 2);
    let held = world.held().await;
    assert_eq!(held.keys().map(Vec::as_slice).collect::<Vec<_>>(), [b"for all".as_slice(), b"own"]);
}

#[tokio::test]
async fn a_line_that_a_kill_cut_off_does_not_take_the_next_one_along() {
    let world = world().await;
    world.write("a", b"of today");
    world.day().finish().await.unwrap();
    let journal = world.work.join(".hanare-known");
    let whole = fs::metadata(&journal).unwrap().len();
    fs::File::options().write(true).open(&journal).unwrap().set_len(whole - 5).unwrap();
    world.write("b", b"of today");
    world.day().finish().await.unwrap();
    let known = Known::load(&world.tree());
    assert!(known.held(&path("b")).is_some(), "what came after it");
}
