//! One thing that is at fault holds nothing else.

use super::*;
use crate::deliver::gone::Gone;
use crate::deliver::tests::sealing::{origin, sealing};
use crate::seal::Spool;

impl World {
    /// Every object that headquarters has.
    fn objects(&self) -> std::collections::BTreeSet<PathBuf> {
        let folders = fs::read_dir(self.folder.path().join("hq/objects")).unwrap().flatten();
        folders
            .flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten())
            .map(|file| file.path())
            .collect()
    }

    /// Hands a file over, and returns its object.
    async fn hand_over(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let before = self.objects();
        fs::write(self.work.join(name), bytes).unwrap();
        self.day().finish().await.unwrap();
        self.objects().difference(&before).next().unwrap().clone()
    }

    fn is_there(&self, name: &str) -> bool {
        self.work.join(name).exists()
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_damaged_and_a_missing_object_leave_what_is_older_to_come_back_and_are_said() {
    let world = world().await;
    world.hand_over("oldest", b"oldest").await;
    let damaged = world.hand_over("damaged", b"damaged").await;
    world.hand_over("middle", b"middle").await;
    let missing = world.hand_over("missing", b"missing").await;
    let whole = fs::read(&damaged).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&damaged, flipped).unwrap();
    fs::remove_file(missing).unwrap();
    fs::remove_dir_all(&world.work).unwrap();
    fs::create_dir(&world.work).unwrap();
    let mut day = world.day();
    day.bring_back(None);
    let progress = day.progress();
    during(&mut day, until("all that can come back", || progress.borrow().not_back == 2)).await;
    assert!(world.is_there("oldest") && world.is_there("middle"));
    assert!(!world.is_there("damaged") && !world.is_there("missing"));
    assert_eq!((progress.borrow().restored, progress.borrow().is_back), (2, false));
    // It was mended there; what was deleted here meanwhile stays so.
    fs::write(&damaged, whole).unwrap();
    fs::remove_file(world.work.join("middle")).unwrap();
    let (tree, known) = (world.tree(), Known::load(&world.tree()));
    let gone = Gone::load(&tree);
    let (courier, mut restored) = (Courier::new(world.line.clone()), Restored::default());
    // Headquarters has noticed meanwhile that an object is missing: it is asked first what it still holds, as a day does.
    assert_eq!(courier.confirm(&known).await.unwrap(), []);
    courier.page(&tree, (&known, &gone), None, &Browse::default(), &mut restored, true).await.unwrap();
    assert_eq!((restored.files, restored.failed), (1, 1), "{restored:?}");
    assert!(world.is_there("damaged") && !world.is_there("middle"));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_holds_neither_the_others_nor_what_people_do() {
    let world = world().await;
    let (tree, spool, line) = (world.tree(), world.spool(), world.line.clone());
    let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, true)).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(world.work.join(name), name).unwrap();
        let ready = Ready { path: path(name), open: false };
        sealer.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    }
    // Reading the first one is an error, as of a disk that fails.
    let first = spool.path(&spool.waiting().unwrap()[0]);
    fs::remove_file(&first).unwrap();
    fs::create_dir(&first).unwrap();
    drop(sealer);
    let posted = deliver_sealed(&spool, &line).await.unwrap();
    assert_eq!((posted.items, posted.skipped, spool.count(), spool.left()), (2, 1, 1, 1));
    world.comes_to_hold(&[("b", b"b"), ("c", b"c")]).await;
    let again = Arc::new(Spool::beside(&world.plain(), crate::seal::Reserve(1 << 30)).unwrap());
    let mut day = world.sealing_day(&again);
    during(&mut day, async {
        fs::write(world.work.join("live"), b"live").unwrap();
        world.comes_to_hold(&[("a", b"a"), ("b", b"b"), ("c", b"c"), ("live", b"live")]).await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_headquarters_cannot_take_holds_no_other_one() {
    let world = world().await;
    let mut expected = Vec::new();
    for n in 0..40 {
        let name = format!("f{n}");
        fs::write(world.work.join(&name), &name).unwrap();
        expected.push((name.clone(), name));
    }
    fs::write(world.work.join(POISON), b"whatever").unwrap();
    fs::write(world.work.join("z"), b"z").unwrap();
    expected.push(("z".to_owned(), "z".to_owned()));
    let mut day = world.day();
    during(&mut day, async {
        let all: Vec<(&str, &[u8])> =
            expected.iter().map(|(name, bytes)| (name.as_str(), bytes.as_bytes())).collect();
        world.comes_to_hold(&all).await;
        fs::remove_file(world.work.join("z")).unwrap();
        world.comes_to_hold(&all[..40]).await;
    })
    .await;
    assert_eq!(day.progress().borrow().trouble, None);
}

#[tokio::test]
async fn what_is_too_long_for_one_document_goes_in_several_or_is_said() {
    let world = world().await;
    let large: Vec<u8> =
        (0..4_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(world.work.join("a"), b"a").unwrap();
    fs::write(world.work.join("large"), &large).unwrap();
    fs::write(world.work.join("z"), b"z").unwrap();
    let mut courier = Courier::new(world.line.clone());
    courier.longest = 2000;
    let ready = ["a", "large", "z"].map(|name| Ready { path: path(name), open: false });
    let delivered = courier.deliver(&Arc::new(world.tree()), &Known::default(), ready.into()).await.unwrap();
    assert_eq!((delivered.files, delivered.refused), (2, vec![path("large")]));
    world.comes_to_hold(&[("a", b"a"), ("z", b"z")]).await;
}
