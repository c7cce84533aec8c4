//! Sealing at the endpoint, delivery to headquarters' real store.

use std::io::Write as _;

use hanare_model::SigningKey;
use zeroize::Zeroizing;

use super::*;
use crate::protocol::{
    Check, Checked, MAX_CHUNKS_BODY, Memory, SealedAnswer, SealedCount, SealedPart, Since,
};
use crate::seal::{CompanyKey, Level, Note, Reserve, Sealing, SealingSecret, Spool};
use crate::store::{Bearer, Standing};

const SETTLE: Duration = Duration::from_secs(7);

pub(super) fn key(company: &str) -> CompanyKey {
    SealingSecret::from_bytes(Zeroizing::new([5; 32])).company(&company.parse().unwrap()).unwrap()
}

pub(super) fn signing(line: &Line) -> SigningKey {
    SigningKey::from_seed([line.node.as_str().len().try_into().unwrap(); 32])
}

fn bearer(line: &Line) -> Bearer {
    Bearer {
        company: line.owner.company.clone(),
        node: line.node.clone(),
        signer: signing(line).verify_key(),
    }
}

/// A person is proven if the item carries a session.
pub(super) async fn take(line: &Line, part: SealedPart) -> SealedAnswer {
    let company = line.owner.company.as_str();
    let standing = |note: &Note| match note.session {
        _ if line.strange.load(Ordering::Acquire) => Standing::Stranger,
        Some(_) => Standing::Proven,
        None => Standing::Unproven,
    };
    line.store.take_sealed(&bearer(line), &key(company), part, standing, line.now()).await.unwrap()
}

impl Post for Line {
    async fn sealed(&self, part: &SealedPart) -> Result<SealedAnswer, TransportError> {
        self.up()?;
        self.sent.fetch_add(part.bytes.len() as u64, Ordering::AcqRel);
        assert!(part.body().len() <= MAX_CHUNKS_BODY);
        Ok(take(self, SealedPart::read(Bytes::from(part.body())).unwrap()).await)
    }

    async fn since(&self, since: &Since) -> Result<Memory, TransportError> {
        self.up()?;
        let (company, now) = (&self.owner.company, self.now());
        let told = self.store.since(company, &self.node, since.mark, now).await;
        told.map(|(memory, _)| memory).map_err(|error| later(&error))
    }

    async fn check(&self, check: &Check) -> Result<Checked, TransportError> {
        self.up()?;
        self.store.check(&self.owner.company, check).await.map_err(|error| later(&error))
    }

    async fn waiting(&self, count: SealedCount) -> Result<(), TransportError> {
        self.up()?;
        let noted = self.store.note_waiting(&self.owner.company, &self.node, count, self.now()).await;
        noted.map_err(|error| later(&error))
    }
}

pub(super) fn origin(line: &Line, proven: bool) -> Origin {
    Origin {
        company: line.owner.company.clone(),
        node: line.node.clone(),
        person: line.owner.person.clone(),
        session: proven.then(|| hanare_model::Secret::new("proof".to_owned())),
    }
}

pub(super) fn sealing(line: &Line) -> Sealing {
    Sealing { to: key(line.owner.company.as_str()).public(), key: signing(line) }
}

impl World {
    pub(super) fn plain(&self) -> PathBuf {
        self.folder.path().join("state/sealed")
    }

    pub(super) fn spool(&self) -> Arc<Spool> {
        fs::create_dir_all(self.folder.path().join("state")).unwrap();
        Arc::new(Spool::open(&self.plain(), Reserve(1 << 30)).unwrap())
    }

    pub(super) fn sealing_day(&self, spool: &Arc<Spool>) -> Day<Line> {
        let line = self.line.clone();
        Day::begin_sealing(self.tree(), self.line.clone(), |tree| {
            Some(Sealer::new(tree, Arc::clone(spool), sealing(&line), origin(&line, true)))
        })
        .unwrap()
    }

    pub(super) fn cut(&self, cut: bool) {
        self.line.cut.store(cut, Ordering::Release);
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.work.join(name), bytes).unwrap();
    }

    /// Every version of every file at headquarters: path and size, oldest first.
    pub(super) async fn versions(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        for second in 1_000_000..self.line.now().seconds() {
            let at = Some(Timestamp::from_seconds(second));
            let browse = Browse { at, ..Browse::default() };
            for entry in self.line.store.browse(&self.line.owner, &browse).await.unwrap().entries {
                let Content::File { size, .. } = entry.content else { continue };
                let version = (String::from_utf8(entry.path.as_bytes().to_vec()).unwrap(), size);
                if !all.contains(&version) {
                    all.push(version);
                }
            }
        }
        all
    }
}

/// The machine loses its power: no memory, no work folder; what was on the plain disk is there.
#[tokio::test]
async fn what_was_closed_without_a_line_comes_after_a_power_cut_each_version() {
    let world = world().await;
    let large: Vec<u8> = (0..9_000_000u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
    world.write("plan", b"v");
    let spool = world.spool();
    let mut day = world.sealing_day(&spool);
    during(&mut day, async {
        world.comes_to_hold(&[("plan", b"v")]).await;
        world.cut(true);
        world.write("plan", b"v2");
        world.write("large", &large);
        fs::create_dir(world.work.join("見積")).unwrap();
        world.write("見積/a", b"CANARY");
        tokio::time::sleep(SETTLE).await;
        world.write("plan", b"v-3");
        tokio::time::sleep(SETTLE).await;
    })
    .await;
    assert_eq!(spool.count(), 4);
    assert_eq!(day.progress().borrow().sealed, 4);
    // Nothing of it in the clear, not in names either.
    for entry in fs::read_dir(world.plain()).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        for clear in [b"CANARY".as_slice(), b"plan", "見積".as_bytes(), b"hanako", b"proof"] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear));
            assert!(!entry.file_name().as_encoded_bytes().windows(clear.len()).any(|window| window == clear));
        }
    }
    std::mem::forget(day);
    drop(spool);
    fs::remove_dir_all(&world.work).unwrap();
    world.cut(false);
    let again = world.spool();
    let posted = deliver_sealed(&again, &world.line).await.unwrap();
    assert_eq!((posted.items, posted.refused, again.count()), (4, 0, 0));
    world.comes_to_hold(&[("plan", b"v-3"), ("large", &large), ("見積/a", b"CANARY")]).await;
    let plans: Vec<u64> =
        world.versions().await.into_iter().filter(|(path, _)| path == "plan").map(|(_, size)| size).collect();
    assert_eq!(plans, [1, 2, 3], "each version, in its order, and nothing beside");
    assert_eq!(world.line.store.waiting().await.unwrap()[0].1.count, SealedCount { items: 0, bytes: 0 });
}

#[tokio::test]
async fn the_line_comes_back_and_the_day_goes_on_without_a_conflict() {
    let world = world().await;
    let spool = world.spool();
    world.write("plan", b"one");
    world.write("other", b"one");
    let mut day = world.sealing_day(&spool);
    during(&mut day, async {
        world.comes_to_hold(&[("plan", b"one"), ("other", b"one")]).await;
        world.cut(true);
        world.write("plan", b"two");
        tokio::time::sleep(SETTLE).await;
        assert_eq!(spool.count(), 1);
        // Not sealed yet when the line is back.
        world.write("plan", b"three");
        world.cut(false);
        world.comes_to_hold(&[("plan", b"three"), ("other", b"one")]).await;
        world.write("plan", b"four");
        world.comes_to_hold(&[("plan", b"four"), ("other", b"one")]).await;
    })
    .await;
    assert_eq!((spool.count(), day.progress().borrow().conflicts), (0, 0));
    // And the same over the death of the agent, while the work folder lives.
    world.cut(true);
    let mut day = world.sealing_day(&spool);
    during(&mut day, async {
        world.write("plan", b"five");
        tokio::time::sleep(SETTLE).await;
    })
    .await;
    assert_eq!(spool.count(), 1);
    std::mem::forget(day);
    drop(spool);
    world.write("plan", b"six");
    world.cut(false);
    let spool = world.spool();
    let mut day = world.sealing_day(&spool);
    day.finish().await.unwrap();
    world.comes_to_hold(&[("plan", b"six"), ("other", b"one")]).await;
    assert_eq!((spool.count(), day.progress().borrow().conflicts), (0, 0));
    assert_eq!(world.entries().await.len(), 2);
}

#[tokio::test]
async fn what_is_acknowledged_is_not_sealed_and_what_a_slow_line_acknowledges_is_sealed_no_longer() {
    let world = world().await;
    let spool = world.spool();
    let mut day = world.sealing_day(&spool);
    during(&mut day, async {
        world.write("quick", b"here");
        world.comes_to_hold(&[("quick", b"here")]).await;
        tokio::time::sleep(SETTLE).await;
    })
    .await;
    assert_eq!(fs::read_dir(world.plain()).unwrap().count(), 0);
    let line = world.line.clone();
    let tree = Arc::new(world.tree());
    let sealer =
        Arc::new(Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, true)).unwrap());
    let known = Known::default();
    world.write("slow", b"on its way");
    let ready = Ready { path: path("slow"), open: false };
    let first = sealer.seal(&tree, &known, &ready, Timestamp::from_seconds(1)).unwrap();
    assert_eq!((first, spool.count()), (Sealed::New, 1));
    let again = sealer.seal(&tree, &known, &ready, Timestamp::from_seconds(1)).unwrap();
    assert_eq!((again, spool.count()), (Sealed::Nothing, 1));
    let courier = Courier::new(line.clone()).beside(Some(Arc::clone(&sealer)));
    courier.deliver(&tree, &known, vec![ready.clone()]).await.unwrap();
    assert_eq!(spool.count(), 0, "headquarters has it");
    // Another one lies sealed: it goes before.
    world.write("slow", b"newer");
    sealer.seal(&tree, &known, &ready, Timestamp::from_seconds(2)).unwrap();
    world.write("slow", b"newest");
    let delivered = courier.deliver(&tree, &known, vec![ready.clone()]).await.unwrap();
    assert_eq!((delivered.files, delivered.again.len()), (0, 1));
    sealer.deliver(&line, &known).await.unwrap();
    courier.deliver(&tree, &known, vec![ready]).await.unwrap();
    let expected: [(&str, &[u8]); 2] = [("quick", b"here"), ("slow", b"newest")];
    world.comes_to_hold(&expected).await;
}

#[tokio::test]
async fn a_torn_version_gives_way_to_the_next_and_a_closed_one_never_does() {
    let world = world().await;
    let (tree, spool, line) = (world.tree(), world.spool(), world.line.clone());
    let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, true)).unwrap();
    let known = Known::default();
    let seal = |bytes: &[u8], open| {
        world.write("log", bytes);
        let ready = Ready { path: path("log"), open };
        sealer.seal(&tree, &known, &ready, Timestamp::from_seconds(1)).unwrap();
        spool.count()
    };
    assert_eq!(seal(b"closed", false), 1);
    assert_eq!(seal(b"closed, torn", true), 2);
    assert_eq!(seal(b"closed, torn, torn", true), 2);
    assert_eq!(seal(b"closed, torn, torn, closed", false), 2);
    sealer.deliver(&line, &known).await.unwrap();
    let sizes: Vec<u64> = world.versions().await.into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, [6, 26]);
    assert_eq!(world.entries().await.len(), 1, "nothing beside");
}

#[tokio::test]
async fn the_end_of_a_day_without_a_line_seals_the_rest_and_counts_what_is_lost() {
    let world = world().await;
    world.cut(true);
    let spool = world.spool();
    let mut day = world.sealing_day(&spool);
    for n in 0..20 {
        world.write(&format!("f{n}"), format!("content {n}").as_bytes());
    }
    assert!(day.finish().await.is_err());
    let rest = day.seal_rest(Instant::now() + Duration::from_secs(30)).await;
    assert_eq!((rest, spool.count()), (Rest { sealed: 20, lost: 0 }, 20));
    let again = day.seal_rest(Instant::now() + Duration::from_secs(30)).await;
    assert_eq!((again, spool.count()), (Rest { sealed: 20, lost: 0 }, 20));
    // No time is left, or no room.
    world.write("late", b"late");
    let none = day.seal_rest(Instant::now()).await;
    assert_eq!((none, spool.count()), (Rest { sealed: 20, lost: 1 }, 20));
    drop(day);
    let small = Arc::new(Spool::open(&world.plain(), Reserve(spool.used() + 4096)).unwrap());
    assert!(small.level() >= Level::Warn);
    let mut file = fs::File::create(world.work.join("big")).unwrap();
    file.write_all(&vec![7; 4_000_000]).unwrap();
    let mut day = world.sealing_day(&small);
    let rest = day.seal_rest(Instant::now() + Duration::from_secs(30)).await;
    assert_eq!((rest.sealed, rest.lost), (21, 1), "the hard limit: what does not fit is lost, and said");
}

#[tokio::test]
async fn a_change_back_to_what_headquarters_holds_is_a_change_while_another_one_waits_sealed() {
    let world = world().await;
    let spool = world.spool();
    world.write("plan", b"as it was");
    let mut day = world.sealing_day(&spool);
    during(&mut day, async {
        world.comes_to_hold(&[("plan", b"as it was")]).await;
        world.cut(true);
        world.write("plan", b"a mistake");
        tokio::time::sleep(SETTLE).await;
        world.write("plan", b"as it was");
        tokio::time::sleep(SETTLE).await;
    })
    .await;
    assert_eq!(spool.count(), 2, "the mistake, and that it was put right");
    std::mem::forget(day);
    world.cut(false);
    let posted = deliver_sealed(&spool, &world.line).await.unwrap();
    assert_eq!((posted.items, posted.refused), (2, 0));
    world.comes_to_hold(&[("plan", b"as it was")]).await;
}

#[tokio::test]
async fn a_change_back_is_sealed_at_the_end_of_the_day_too() {
    let world = world().await;
    let spool = world.spool();
    world.write("plan", b"as it was");
    let mut day = world.sealing_day(&spool);
    day.finish().await.unwrap();
    world.cut(true);
    for content in [b"a mistake", b"as it was"] {
        world.write("plan", content);
        let rest = day.seal_rest(Instant::now() + Duration::from_secs(30)).await;
        assert_eq!(rest.lost, 0);
    }
    drop(day);
    world.cut(false);
    deliver_sealed(&spool, &world.line).await.unwrap();
    world.comes_to_hold(&[("plan", b"as it was")]).await;
}
