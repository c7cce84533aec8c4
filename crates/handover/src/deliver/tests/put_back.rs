//! Headquarters is put back from a backup: what it acknowledged since is not lost while it is in the room.

use std::path::Path;

use super::*;
use crate::store::Forgot;

/// A copy of a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

const ALL: [&str; 5] = ["index.sqlite3", "index.sqlite3-wal", "index.sqlite3-shm", "objects", "keys"];

impl World {
    fn hq(&self) -> PathBuf {
        self.folder.path().join("hq")
    }

    /// Headquarters stops, `meanwhile` is done to its folder, and it starts again.
    async fn restarted(&mut self, meanwhile: impl FnOnce(&Path, &Path)) {
        self.line.store.close().await;
        meanwhile(&self.hq(), &self.folder.path().join("backup"));
        self.line.store = Arc::new(Store::open(&self.hq()).await.unwrap());
    }

    async fn backed_up(&mut self) {
        self.restarted(copy).await;
    }

    async fn put_back(&mut self, parts: &[&str]) {
        self.restarted(|hq, backup| {
            for part in parts {
                let (from, to) = (backup.join(part), hq.join(part));
                if to.is_dir() {
                    fs::remove_dir_all(&to).unwrap();
                    copy(&from, &to);
                } else {
                    let _ = fs::remove_file(&to);
                    if from.exists() {
                        fs::copy(from, to).unwrap();
                    }
                }
            }
        })
        .await;
    }

    /// An afternoon: something before the backup, and after it a change, a new file, a deletion and a link.
    async fn afternoon(&mut self) {
        for name in ["early", "changed", "deleted"] {
            self.write(name, name.as_bytes());
        }
        self.day().finish().await.unwrap();
        self.backed_up().await;
        let mut day = self.day();
        self.write("changed", b"for the second time");
        self.write("new", &vec![7; 700_000]);
        symlink("new", self.work.join("link")).unwrap();
        day.finish().await.unwrap();
    }

    async fn holds_all(&self) {
        let new = vec![7; 700_000];
        let all: [(&str, &[u8]); 5] = [
            ("early", b"early"),
            ("changed", b"for the second time"),
            ("deleted", b"deleted"),
            ("new", &new),
            ("link", b"new"),
        ];
        self.comes_to_hold(&all).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_since_the_backup_is_handed_over_again_whichever_part_was_put_back() {
    let index = &ALL[..3];
    for (parts, what) in
        [(&ALL[..], Forgot::Index), (index, Forgot::Index), (&["objects"][..], Forgot::Objects)]
    {
        let mut world = world().await;
        world.afternoon().await;
        world.put_back(parts).await;
        if what == Forgot::Index {
            // Who believes what was acknowledged loses it: nothing is left to do, and headquarters has a third of it.
            assert_eq!(left_in(&world.tree(), &world.plain(), 1).unwrap(), 0);
            assert_eq!(world.entries().await.len(), 3);
        }
        // The end of the day: nothing has changed since, and the volume goes when this is done.
        let swept = world.day().finish().await.unwrap();
        assert_eq!(swept.unread, 0);
        world.holds_all().await;
        let noticed = world.line.store.put_backs().await.unwrap();
        assert!(noticed.iter().any(|noticed| noticed.what == what && noticed.node == "pc-1"), "{noticed:?}");
        // Once: nobody is in doubt any more, and nothing is sent.
        let sent = world.line.sent.load(Ordering::Acquire);
        world.day().finish().await.unwrap();
        assert_eq!(world.line.sent.load(Ordering::Acquire), sent);
        assert_eq!(world.line.store.put_backs().await.unwrap(), noticed);
    }
}

#[tokio::test]
async fn a_headquarters_that_has_gone_on_since_it_was_put_back_is_known_all_the_same() {
    let mut world = world().await;
    world.afternoon().await;
    world.put_back(&ALL).await;
    // Another machine of hers has more to say than this one ever heard, and about the same file.
    let other = tempfile::tempdir().unwrap();
    let tree = || Tree::open(other.path()).unwrap();
    let line = Line { node: "pc-2".parse().unwrap(), ..world.line.clone() };
    let mut day = Day::begin(tree(), line.clone()).unwrap();
    day.restore(None).await.unwrap();
    for n in 0..20 {
        fs::write(other.path().join("changed"), format!("on the other one {n}")).unwrap();
        day.finish().await.unwrap();
    }
    world.day().finish().await.unwrap();
    let held = world.held().await;
    assert_eq!(held[b"changed".as_slice()], b"on the other one 19");
    let conflict = held.iter().find(|(path, _)| path.starts_with(b"changed (conflict"));
    assert_eq!(conflict.unwrap().1, b"for the second time");
    assert_eq!((held.len(), held[b"new".as_slice()].len()), (6, 700_000));
}

#[tokio::test]
async fn work_that_changes_meanwhile_follows_what_was_there_and_lies_beside_nothing() {
    let mut world = world().await;
    world.afternoon().await;
    world.put_back(&ALL).await;
    let mut day = world.day();
    world.write("changed", b"for the third time");
    fs::remove_file(world.work.join("deleted")).unwrap();
    day.see(Seen::Gone(world.work.join("deleted")));
    day.finish().await.unwrap();
    let new = vec![7; 700_000];
    let all: [(&str, &[u8]); 4] =
        [("early", b"early"), ("changed", b"for the third time"), ("new", &new), ("link", b"new")];
    world.comes_to_hold(&all).await;
}

#[tokio::test]
async fn a_day_at_work_notices_it_by_itself() {
    let mut world = world().await;
    world.afternoon().await;
    world.put_back(&ALL).await;
    let mut day = world.day();
    during(&mut day, world.holds_all()).await;
}

#[tokio::test]
async fn without_its_session_a_machine_seals_what_headquarters_has_forgotten() {
    let mut world = world().await;
    world.afternoon().await;
    world.put_back(&ALL).await;
    let spool = world.spool();
    world.line.ended.store(true, Ordering::Release);
    let mut day = world.sealing_day(&spool);
    assert!(matches!(day.finish().await, Err(TransportError::Ended(_))));
    let rest = day.seal_rest(Instant::now() + Duration::from_mins(1)).await;
    assert_eq!((rest.lost, spool.count()), (0, 3));
    fs::remove_dir_all(&world.work).unwrap();
    deliver_sealed(&spool, &world.line).await.unwrap();
    assert_eq!(spool.count(), 0);
    world.line.ended.store(false, Ordering::Release);
    world.holds_all().await;
}

#[tokio::test]
async fn single_objects_that_are_gone_are_noticed_by_the_daily_round_and_sent_again() {
    let mut world = world().await;
    world.afternoon().await;
    let mut objects: Vec<PathBuf> = fs::read_dir(world.hq().join("objects"))
        .unwrap()
        .flat_map(|fan| fs::read_dir(fan.unwrap().path()).unwrap())
        .map(|object| object.unwrap().path())
        .collect();
    objects.sort_by_key(|object| fs::metadata(object).unwrap().modified().unwrap());
    // The newest one is there: nothing else tells.
    for object in &objects[..objects.len() - 1] {
        fs::remove_file(object).unwrap();
    }
    world.restarted(|_, _| {}).await;
    assert!(world.line.store.put_backs().await.unwrap().is_empty());
    world.line.store.retain(world.line.now()).await.unwrap();
    world.day().finish().await.unwrap();
    world.holds_all().await;
}

#[tokio::test]
async fn a_node_learns_nothing_of_another_company_s_versions() {
    let world = world().await;
    world.write("a", b"a");
    world.day().finish().await.unwrap();
    let versions = vec![world.entries().await[0].version];
    let missing = async |company: &str| {
        let check = crate::protocol::Check { versions: versions.clone() };
        world.line.store.check(&company.parse().unwrap(), &check).await.unwrap().missing
    };
    assert_eq!((missing("acme").await, missing("globex").await), (vec![], vec![0]));
}
