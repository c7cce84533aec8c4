//! A store whose objects are in a bucket: the same as one on the disk, and what is different on bad days.

use std::time::Instant;

use super::fake::{Fake, Mood};
use super::*;
use crate::protocol::{Ask, Browse, Fetch};
use crate::store::tests::{World, file, hanako};
use crate::store::{self, OBJECTS, Store};

impl World {
    /// One on the disk and one in a bucket.
    pub(in crate::store) async fn both() -> [Self; 2] {
        [Self::new().await, Self::away().await]
    }

    pub(in crate::store) async fn away() -> Self {
        let fake = Fake::start().await;
        let bucket = bucket(&fake, "hq-1");
        bucket.claim().await.unwrap();
        Self::with(Some((fake, bucket))).await
    }

    fn fake(&self) -> &Fake {
        &self.away.as_ref().unwrap().0
    }

    fn bucket(&self) -> &Arc<Bucket> {
        &self.away.as_ref().unwrap().1
    }

    /// Objects, wherever they are.
    pub(in crate::store) fn objects(&self) -> usize {
        match &self.away {
            Some((fake, _)) => fake.names().len(),
            None => store::sweep_tests::objects(&self.root()),
        }
    }

    async fn fetched(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let chunks = file(bytes).1.iter().map(|chunk| chunk.digest).collect();
        self.store.fetch(&hanako(), &Fetch { chunks }).await
    }
}

fn settings(fake: &Fake) -> BucketSettings {
    settings_at(&format!("http://{}", fake.address), "")
}

fn settings_at(endpoint: &str, more: &str) -> BucketSettings {
    let text = format!(
        "version = 1\nendpoint = \"{endpoint}\"\nregion = \"garage\"\nbucket = \"hanare-work\"\nprefix = \"hq\"\naccess_key_id = \"GKtest\"\n{more}"
    );
    BucketSettings::read(&text).unwrap()
}

fn bucket(fake: &Fake, owner: &str) -> Arc<Bucket> {
    at(settings(fake), owner)
}

fn at(settings: BucketSettings, owner: &str) -> Arc<Bucket> {
    let dial = Arc::new(Direct::to(&settings));
    Arc::new(Bucket::new(settings, &Secret::new("s3cr3t-of-the-test".to_owned()), owner, dial).unwrap())
}

/// A key with a certificate of its own, for `localhost`.
fn certified() -> (rcgen::KeyPair, rcgen::Certificate) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    (key, certificate)
}

#[tokio::test]
async fn a_server_is_asked_by_tls_and_believed_only_if_it_is_vouched_for() {
    let (key, certificate) = certified();
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private.into())
        .unwrap();
    let fake = Fake::start_with(Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await;
    let folder = tempfile::tempdir().unwrap();
    let endpoint = format!("https://localhost:{}", fake.address.port());
    let ca = folder.path().join("ca.pem");
    let settings = settings_at(&endpoint, &format!("ca = \"{}\"\n", ca.display()));
    std::fs::write(&ca, "none\n").unwrap();
    let dial = Arc::new(Direct::to(&settings));
    let none = Bucket::new(settings.clone(), &Secret::new("x".to_owned()), "hq-1", dial);
    assert!(matches!(none, Err(BucketError::Ca { .. })), "{none:?}");
    std::fs::write(&ca, certified().1.pem()).unwrap();
    let refused = at(settings.clone(), "hq-1").claim().await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    assert!(fake.objects.lock().unwrap().is_empty());
    std::fs::write(&ca, [certified().1.pem(), certificate.pem()].concat()).unwrap();
    at(settings, "hq-1").claim().await.unwrap();
    assert_eq!(fake.objects.lock().unwrap().len(), 1);
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a call, and that it was in vain, in one line")]
fn is_later<T: std::fmt::Debug>(result: Result<T, StoreError>, no: bool) {
    assert!(matches!(&result, Err(StoreError::Bucket { refused, .. }) if *refused == no), "{result:?}");
}

#[tokio::test]
async fn nothing_shows_the_secret() {
    let fake = Fake::start().await;
    let bucket = bucket(&fake, "hq-1");
    let objects = store::objects::Objects::bucket(&bucket);
    let shown = format!("{bucket:?} {objects:?} {:?}", bucket.store());
    assert!(!shown.contains("s3cr3t"), "{shown}");
    fake.is(Mood::Forbidden);
    let refused = bucket.claim().await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("s3cr3t"));
    assert!(refused.to_string().contains("SignatureDoesNotMatch"), "{refused}");
}

#[tokio::test]
async fn what_is_gone_is_damaged_and_a_bucket_on_a_bad_day_is_not() {
    let mut world = World::away().await;
    world.kept(&hanako(), "a", None, b"content").await;
    world.kept(&hanako(), "b", None, b"another content").await;
    for (mood, no) in
        [(Mood::Down, false), (Mood::Unavailable, false), (Mood::Forbidden, true), (Mood::NoBucket, true)]
    {
        world.fake().is(mood);
        is_later(world.fetched(b"content").await, no);
        let trouble = world.bucket().trouble().expect("it is said");
        assert_eq!(trouble.refused, no, "{mood:?}: {trouble:?}");
        let chunks = file(b"new").1.into_iter().map(bytes::Bytes::from).collect();
        is_later(world.store.put_chunks(&hanako(), chunks, world.now()).await, no);
        is_later(world.store.retain(world.now()).await, no);
        // The index answers all the same.
        assert_eq!(world.list(&hanako()).await.len(), 2);
    }
    world.fake().is(Mood::Good);
    // Whoever was hung up on rests a moment.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(world.content(&hanako(), "a").await.as_deref(), Some(b"content".as_slice()));
    world.bucket().probe().await.unwrap();
    assert_eq!(world.bucket().trouble(), None);
    let names = world.fake().names();
    for (name, cut) in names.iter().zip([true, false]) {
        let mut objects = world.fake().objects.lock().unwrap();
        let whole = objects.remove(name).unwrap();
        if cut {
            objects.insert(name.clone(), (whole.0.slice(..whole.0.len() - 1), whole.1));
        }
    }
    for content in [b"content".as_slice(), b"another content"] {
        let fetched = world.fetched(content).await;
        assert!(matches!(fetched, Err(StoreError::Damaged { .. })), "{fetched:?}");
    }
}

#[tokio::test]
async fn an_empty_bucket_or_anothers_is_not_one_that_has_lost_everything() {
    let mut world = World::away().await;
    world.kept(&hanako(), "a", None, b"content").await;
    let kept = world.fake().objects.lock().unwrap().clone();
    let digests: Vec<_> = file(b"content").1.iter().map(|chunk| chunk.digest).collect();
    for mark in [None, Some("hanare work objects, version 1\nhq-2\n")] {
        // As old as one that nothing names would be.
        let old = std::time::SystemTime::UNIX_EPOCH;
        let other = mark.map(|mark| {
            let object = (format!("hq/ab/{}", "ab".repeat(16)), ("another's".into(), old));
            [("hq/hanare".to_owned(), (mark.into(), old)), object]
        });
        *world.fake().objects.lock().unwrap() = other.into_iter().flatten().collect();
        // As a headquarters that starts with it.
        world.killed().await;
        is_later(world.store.missing(&hanako(), &Ask { chunks: digests.clone() }).await, true);
        is_later(world.fetched(b"content").await, true);
        is_later(world.store.retain(world.now()).await, true);
        assert_eq!(world.fake().names().len(), usize::from(mark.is_some()), "what is another's stays");
        assert_eq!(world.store.put_backs().await.unwrap(), []);
    }
    *world.fake().objects.lock().unwrap() = kept;
    assert_eq!(world.content(&hanako(), "a").await.as_deref(), Some(b"content".as_slice()));
    // And on the disk nobody looks for what is in a bucket.
    std::fs::write(world.root().join(BUCKET_FILE), "").unwrap();
    assert!(matches!(Store::open(&world.root()).await, Err(StoreError::Access { .. })));
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_at_the_start_is_waited_for() {
    let mut world = World::away().await;
    world.kept(&hanako(), "a", None, b"content").await;
    world.fake().is(Mood::Down);
    world.killed().await;
    let ask = Ask { chunks: file(b"content").1.iter().map(|chunk| chunk.digest).collect() };
    is_later(world.store.missing(&hanako(), &ask).await, false);
    assert_eq!(world.store.browse(&hanako(), &Browse::default()).await.unwrap().entries.len(), 1);
    world.fake().is(Mood::Good);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(world.store.missing(&hanako(), &ask).await.unwrap().missing, Vec::<u32>::new());
}

/// Of many who ask all the time one tries each second, whatever the others were told.
#[tokio::test]
async fn a_bucket_that_is_back_is_found_by_those_who_ask_all_the_time() {
    let world = World::away().await;
    world.fake().is(Mood::Down);
    let (until, mut asked) = (Instant::now() + Duration::from_secs(2), 0);
    while Instant::now() < until {
        is_later(world.bucket().check().await, false);
        asked += 1;
    }
    assert!(asked > 4, "they are told at once: {asked}");
    world.fake().is(Mood::Good);
    let back = Instant::now();
    while world.bucket().check().await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(5), "nobody tries any more");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn who_asks_a_silent_bucket_gets_an_answer_in_time() {
    let world = World::away().await;
    world.fake().is(Mood::Silent);
    let begun = Instant::now();
    is_later(world.bucket().check().await, false);
    // An endpoint waits for 20 s.
    assert!(begun.elapsed() < Duration::from_secs(19), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_bucket_that_takes_nothing_is_in_trouble_however_well_it_reads() {
    let mut world = World::away().await;
    assert_eq!(world.bucket().trouble(), None);
    world.kept(&hanako(), "a", None, b"content").await;
    world.fake().is(Mood::ReadOnly);
    let chunks = |content: &[u8]| file(content).1.into_iter().map(bytes::Bytes::from).collect();
    is_later(world.store.put_chunks(&hanako(), chunks(b"new"), world.now()).await, true);
    assert_eq!(world.content(&hanako(), "a").await.as_deref(), Some(b"content".as_slice()));
    world.bucket().check().await.unwrap();
    assert!(
        world.bucket().trouble().is_some_and(|trouble| trouble.refused),
        "a good answer does not hide it"
    );
    // Who begins with such a one hears of it, and so does who wishes to move there.
    let begins = at(settings(world.fake()), "hq-1");
    is_later(begins.probe().await, true);
    assert!(begins.trouble().is_some());
    is_later(world.bucket().claim().await, true);
    world.fake().is(Mood::Good);
    world.bucket().probe().await.unwrap();
    assert_eq!(world.bucket().trouble(), None);
    assert_eq!(world.fake().names().len(), 1, "what was only tried is not there");
}

/// A line that carries one object in a fifth of the time that there is for it. Eight at once are all late, and whoever tries
/// again finds seven others on the line again.
#[tokio::test]
async fn what_a_narrow_line_cannot_carry_at_once_it_carries_one_after_the_other() {
    let fake = Fake::start().await;
    let call = Duration::from_secs(1);
    let patience = Patience { turn: Duration::from_secs(30), call };
    let to = settings(&fake);
    let dial = Arc::new(Direct::to(&to));
    let secret = Secret::new("s3cr3t-of-the-test".to_owned());
    let bucket =
        Bucket::build(to, &secret, "hq-1", dial, (patience, retry(0, Duration::ZERO, BACKOFF))).unwrap();
    bucket.claim().await.unwrap();
    fake.is(Mood::Narrow(call / 5));
    let bucket = Arc::new(bucket);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let bucket = Arc::clone(&bucket);
        tasks.spawn(async move {
            let name = bucket.location(&format!("ab/{number}"));
            let mut tries = 1;
            while bucket.store.put(&name, "content".into()).await.is_err() {
                tries += 1;
                assert!(tries < 12, "it never comes through");
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(fake.names().len(), 16);
}

/// An endpoint hangs up after 20 s, and the look at all objects takes longer.
#[tokio::test]
async fn who_hangs_up_while_all_objects_are_looked_for_leaves_the_next_one_less_to_do() {
    let mut world = World::away().await;
    for number in 0u8..60 {
        world.kept(&hanako(), &format!("f{number}"), None, &[number; 100]).await;
    }
    let newest = file(&[59; 100]).1.iter().map(|chunk| chunk.digest).collect();
    let old: Vec<String> = world.fake().names();
    world.kept(&hanako(), "newest", None, b"newest").await;
    world.fake().objects.lock().unwrap().retain(|name, _| old.contains(name) || name.ends_with("/hanare"));
    world.killed().await;
    world.fake().is(Mood::Far(Duration::from_millis(5)));
    let ask = Ask { chunks: newest };
    let (owner, mut tries) = (hanako(), 0);
    let missing = loop {
        tries += 1;
        assert!(tries < 60, "it begins anew each time");
        let asked = world.store.missing(&owner, &ask);
        // Of some fifty answers there is time for ten.
        if let Ok(missing) = tokio::time::timeout(Duration::from_millis(50), asked).await {
            break missing.unwrap();
        }
    };
    assert!(tries > 1, "the test hangs up");
    assert_eq!(missing.missing, Vec::<u32>::new());
    assert_eq!(store::named(&world.root()).await.unwrap().lost, 1);
}

#[tokio::test]
async fn objects_move_to_a_bucket_and_back_and_what_was_cut_off_goes_on() {
    let mut world = World::new().await;
    let contents: Vec<Vec<u8>> = (0u8..40).map(|n| vec![n; 2000]).collect();
    for (number, content) in contents.iter().enumerate() {
        world.kept(&hanako(), &format!("f{number}"), None, content).await;
    }
    let lost = world.root().join(OBJECTS).join("ab").join("ab".repeat(16));
    std::fs::write(&lost, b"that nothing names").unwrap();
    let fake = Fake::start().await;
    let to = bucket(&fake, "hq-1");
    // The line breaks in the middle.
    let mut seen = 0;
    let root = world.root();
    let cut_off = store::copy(&root, None, Some(&to), |copied| {
        seen = copied.objects;
        if copied.objects > 20 {
            fake.is(Mood::Forbidden);
        }
    });
    is_later(cut_off.await, true);
    assert!((21..40).contains(&seen), "{seen}");
    fake.is(Mood::Good);
    // What came there wrong is put there right.
    let wrong = fake.names().remove(0);
    fake.objects.lock().unwrap().get_mut(&wrong).unwrap().0 = "wrong".into();
    let copied = store::copy(&world.root(), None, Some(&to), |_| {}).await.unwrap();
    assert_eq!((copied.objects, copied.unreadable), (40, 0));
    assert!(copied.new < 40 && copied.new > 0, "{copied:?}");
    assert_eq!(store::named(&world.root()).await.unwrap().objects, 40);
    let other = bucket(&fake, "hq-2");
    is_later(store::copy(&world.root(), None, Some(&other), |_| {}).await, true);

    world.away = Some((fake, to));
    world.killed().await;
    for (number, content) in contents.iter().enumerate() {
        assert_eq!(world.content(&hanako(), &format!("f{number}")).await.as_ref(), Some(content));
    }
    world.kept(&hanako(), "later", None, b"in the bucket alone").await;

    // The disk is cleaned once the bucket has all of it, and not before.
    let (name, object) =
        world.fake().objects.lock().unwrap().iter().nth(3).map(|(n, o)| (n.clone(), o.clone())).unwrap();
    world.fake().objects.lock().unwrap().remove(&name);
    let cleaned = store::clean(&world.root(), world.bucket()).await.unwrap();
    assert_eq!((cleaned.objects, cleaned.missing), (0, 1));
    // One that is cut short is not there.
    let short = object.0.slice(..object.0.len() - 1);
    world.fake().objects.lock().unwrap().insert(name.clone(), (short, object.1));
    let cleaned = store::clean(&world.root(), world.bucket()).await.unwrap();
    assert_eq!((cleaned.objects, cleaned.missing), (0, 1));
    world.fake().objects.lock().unwrap().remove(&name);
    // Nor when a round has noted that it is lost: here is its last copy, which another move brings there.
    world.store.retain(world.now()).await.unwrap();
    assert_eq!(store::named(&world.root()).await.unwrap().lost, 1);
    let cleaned = store::clean(&world.root(), world.bucket()).await.unwrap();
    assert_eq!((cleaned.objects, cleaned.missing), (0, 1));
    // What came since then is in the bucket alone, and is counted as there.
    let again = store::copy(&world.root(), None, Some(world.bucket()), |_| {}).await.unwrap();
    assert_eq!((again.objects, again.new, again.unreadable), (41, 1, 0));
    assert_eq!(store::named(&world.root()).await.unwrap().lost, 0);
    assert_eq!(world.fake().objects.lock().unwrap().get(&name).map(|kept| kept.0.clone()), Some(object.0));
    assert_eq!(store::kept_here(&world.root()).await.unwrap().0, 41);
    let cleaned = store::clean(&world.root(), world.bucket()).await.unwrap();
    assert_eq!((cleaned.objects, cleaned.missing), (41, 0));
    assert_eq!(store::kept_here(&world.root()).await.unwrap(), (0, 0));
    assert_eq!(world.content(&hanako(), "f7").await.as_ref(), Some(&contents[7]));

    let back = store::copy(&world.root(), Some(world.bucket()), None, |_| {}).await.unwrap();
    assert_eq!((back.objects, back.new, back.unreadable), (41, 41, 0));
    world.away = None;
    world.killed().await;
    assert_eq!(world.content(&hanako(), "later").await.as_deref(), Some(b"in the bucket alone".as_slice()));
}
