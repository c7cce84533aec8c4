//! Single items at headquarters' real store: kept once, refused, or waiting for their person.

use std::collections::BTreeMap;

use hanare_model::SigningKey;

use super::sealing::{key, origin, sealing, signing, take};
use super::*;
use crate::protocol::{Became, Class, SealedAnswer, SealedPart, VersionId};
use crate::seal::{ItemId, Note, Sealing, What};

#[tokio::test]
async fn what_nobody_has_proven_waits_for_its_person() {
    let world = world().await;
    let (tree, spool, line) = (world.tree(), world.spool(), world.line.clone());
    let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, false)).unwrap();
    for name in ["a", "b"] {
        world.write(name, name.as_bytes());
        let ready = Ready { path: path(name), open: false };
        sealer.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    }
    let copies: Vec<Vec<u8>> =
        fs::read_dir(world.plain()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let posted = deliver_sealed(&spool, &line).await.unwrap();
    assert_eq!((posted.items, spool.count()), (2, 0));
    assert!(world.entries().await.is_empty());
    assert_eq!(line.store.quarantined().await.unwrap(), [("acme".to_owned(), 2)]);
    for copy in &copies {
        assert_eq!(whole(&line, copy).await, Became::Quarantined, "once more");
    }
    let store = Arc::clone(&line.store);
    let other = store::Owner { person: "jiro".parse().unwrap(), ..line.owner.clone() };
    let release = async |owner: &store::Owner, may: bool| {
        store.release_sealed(owner, &key("acme"), |_| may, line.now()).await.unwrap()
    };
    assert_eq!(release(&other, true).await, 0);
    assert_eq!(release(&line.owner, false).await, 0, "of a lost machine");
    // She has one of them by now: it is not there twice. The other one is nowhere but in the folder that says whose word it is.
    fs::write(world.work.join("a"), b"a").unwrap();
    let ready = vec![Ready { path: path("a"), open: false }];
    Courier::new(line.clone()).deliver(&Arc::new(world.tree()), &Known::default(), ready).await.unwrap();
    assert_eq!(release(&line.owner, true).await, 2);
    world.comes_to_hold(&[("a", b"a"), ("from pc-1 1970-01-12/b", b"b")]).await;
    assert_eq!(release(&line.owner, true).await, 0);
    assert!(store.quarantined().await.unwrap().is_empty());
}

/// Sends one item at once.
async fn whole(line: &Line, item: &[u8]) -> Became {
    let id = crate::seal::peek(&mut &*item).map_or(ItemId(VersionId::from_bytes([1; 16])), |head| head.id);
    let total = item.len() as u64;
    let part = SealedPart { id, offset: 0, total, parent: None, bytes: Bytes::copy_from_slice(item) };
    match take(line, part).await {
        SealedAnswer::Done { became, .. } => became,
        SealedAnswer::More { have } => panic!("{have} of {total}"),
    }
}

fn item(line: &Line, sealing: &Sealing, id: u8, bytes: &[u8]) -> Vec<u8> {
    let note = Note {
        id: ItemId(VersionId::from_bytes([id; 16])),
        company: line.owner.company.clone(),
        node: line.node.clone(),
        person: line.owner.person.clone(),
        session: Some(hanare_model::Secret::new("proof".to_owned())),
        path: path("memo"),
        parent: None,
        again: false,
        after: None,
        class: Class::Work,
        what: What::File { mode: 0o600, modified: Timestamp::from_seconds(1), torn: false },
        at: Timestamp::from_seconds(1),
    };
    let mut out = Vec::new();
    crate::seal::write(sealing, &note, &mut &*bytes, &mut out).unwrap();
    out
}

#[tokio::test]
async fn a_forged_an_altered_a_foreign_and_a_replayed_item_are_refused_or_change_nothing() {
    let world = world().await;
    let line = &world.line;
    let refused = |reason: &str| Became::Refused { reason: reason.to_owned() };
    let good = item(line, &sealing(line), 1, b"good");
    let forged = item(line, &Sealing { key: SigningKey::from_seed([99; 32]), ..sealing(line) }, 2, b"forged");
    assert_eq!(whole(line, &forged).await, refused("node"));
    let mut altered = good.clone();
    let middle = altered.len() - 100;
    altered[middle] ^= 1;
    assert_eq!(whole(line, &altered).await, refused("signature"));
    assert_eq!(
        whole(line, b"no item at all, however long it may be: nothing of it is one of ours").await,
        refused("not-sealed")
    );
    // Another node of the company, and one of another company.
    let other = Line { node: "pc-20".parse().unwrap(), ..line.clone() };
    assert_eq!(whole(&other, &good).await, refused("node"));
    let owner = store::Owner { company: "globex".parse().unwrap(), ..line.owner.clone() };
    let foreign = Line { owner, ..line.clone() };
    assert_eq!(whole(&foreign, &good).await, refused("company"));
    let elsewhere = item(line, &Sealing { to: key("globex").public(), key: signing(line) }, 3, b"elsewhere");
    assert_eq!(whole(line, &elsewhere).await, refused("key"));
    assert!(world.entries().await.is_empty(), "none of them left anything");
    // The good one, once; again it is known, whoever brings it.
    let Became::Kept { version } = whole(line, &good).await else { panic!("not kept") };
    assert_eq!(whole(line, &good).await, Became::Known { version });
    assert_eq!(whole(&foreign, &good).await, refused("company"));
    assert_eq!(world.versions().await.len(), 1);
    let left = fs::read_dir(world.folder.path().join("hq/sealed")).unwrap().count();
    assert_eq!(left, 0, "nothing half-way stays");
}

#[tokio::test]
async fn a_large_item_that_is_cut_goes_on_where_it_was() {
    let world = world().await;
    let line = &world.line;
    let content: Vec<u8> = (0..6_000_000u32).map(|n| (n % 253).to_le_bytes()[0]).collect();
    let item = item(line, &sealing(line), 1, &content);
    let id = ItemId(VersionId::from_bytes([1; 16]));
    let (total, half) = (item.len() as u64, item.len() / 2);
    let part = |offset: usize, bytes: &[u8]| SealedPart {
        id,
        offset: offset as u64,
        total,
        parent: None,
        bytes: Bytes::copy_from_slice(bytes),
    };
    let more = |have: usize| SealedAnswer::More { have: have as u64 };
    assert_eq!(take(line, part(0, &item[..half])).await, more(half));
    assert_eq!(take(line, part(0, b"")).await, more(half), "asked");
    assert_eq!(take(line, part(0, &item[..half])).await, more(half), "sent again: not taken twice");
    assert_eq!(take(line, part(half + 1, &item[half + 1..])).await, more(half), "a gap");
    let done = take(line, part(half, &item[half..])).await;
    assert!(matches!(done, SealedAnswer::Done { became: Became::Kept { .. }, .. }), "{done:?}");
    let held: BTreeMap<_, _> = world.held().await;
    assert_eq!(held[b"memo".as_slice()], content);
}

#[tokio::test]
async fn an_item_without_room_is_sent_again_within_the_hour_and_a_refused_one_is_not() {
    let world = world().await;
    let (tree, spool, line) = (world.tree(), world.spool(), world.line.clone());
    let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, true)).unwrap();
    fs::write(world.work.join("memo"), b"an afternoon").unwrap();
    let ready = Ready { path: path("memo"), open: false };
    sealer.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    let id = spool.waiting().unwrap()[0].id;
    line.store.limit(&line.owner, Some(5)).await.unwrap();
    let posted = deliver_sealed(&spool, &line).await.unwrap();
    assert_eq!((posted.items, posted.refused, spool.left()), (0, 1, 1));
    let posted = deliver_sealed(&spool, &line).await.unwrap();
    assert_eq!((posted.items, posted.refused), (0, 0), "not at once");
    line.store.limit(&line.owner, None).await.unwrap();
    let hour = Instant::now() + Duration::from_hours(1);
    assert!(!spool.is_left_at(&id, hour));
    // An hour later.
    spool.leave(id, Some(Instant::now()));
    let posted = deliver_sealed(&spool, &line).await.unwrap();
    assert_eq!((posted.items, spool.count(), spool.left()), (1, 0, 0));
    world.comes_to_hold(&[("memo", b"an afternoon")]).await;
    let forged = Sealing { key: SigningKey::from_seed([99; 32]), ..sealing(&line) };
    let stranger = Sealer::new(&tree, Arc::clone(&spool), forged, origin(&line, true)).unwrap();
    fs::write(world.work.join("memo"), b"another one").unwrap();
    stranger.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    let id = spool.waiting().unwrap()[0].id;
    deliver_sealed(&spool, &line).await.unwrap();
    assert!(spool.is_left_at(&id, hour), "somebody has to look at it");
}

#[tokio::test]
async fn what_waited_for_its_person_comes_back_while_it_is_being_released() {
    const ITEMS: usize = 500;
    let world = world().await;
    let (spool, line) = (world.spool(), world.line.clone());
    let sealer =
        Sealer::new(&world.tree(), Arc::clone(&spool), sealing(&line), origin(&line, false)).unwrap();
    for n in 0..ITEMS {
        let name = format!("f{n}");
        fs::write(world.work.join(&name), &name).unwrap();
        let ready = Ready { path: path(&name), open: false };
        sealer.seal(&world.tree(), &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    }
    assert_eq!(deliver_sealed(&spool, &line).await.unwrap().items, 500);
    fs::remove_dir_all(&world.work).unwrap();
    fs::create_dir(&world.work).unwrap();
    line.coming.store(true, Ordering::Release);
    let releasing = tokio::spawn(async move {
        line.store.release_sealed(&line.owner, &key("acme"), |_| true, line.now()).await.unwrap();
        line.coming.store(false, Ordering::Release);
    });
    let mut day = world.day();
    day.bring_back(None);
    let mut progress = day.progress();
    during(&mut day, async { progress.wait_for(|progress| progress.is_back).await.map(drop) }).await.unwrap();
    releasing.await.unwrap();
    let folder = fs::read_dir(&world.work).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), ITEMS);
}

/// Whoever has a node's key and disk can seal as much as they like in the name of whoever worked there.
#[tokio::test]
async fn what_waits_of_one_node_is_bounded_and_the_rest_stays_there_until_there_is_room() {
    // An item has some 1,330 bytes, a few more or less with its numbers.
    for (items, bytes) in [(3, None), (u64::MAX, Some(4_200))] {
        let mut world = world().await;
        Arc::get_mut(&mut world.line.store).unwrap().bound(items, bytes);
        let (spool, line) = (world.spool(), world.line.clone());
        let tree = world.tree();
        let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, false)).unwrap();
        for n in 0..9 {
            let name = format!("f{n}");
            fs::write(world.work.join(&name), vec![n; 500]).unwrap();
            let ready = Ready { path: path(&name), open: false };
            sealer.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
        }
        let posted = deliver_sealed(&spool, &line).await.unwrap();
        assert_eq!((posted.items, posted.refused, spool.count()), (3, 6, 6), "{items} {bytes:?}");
        // What somebody is proven to have made is not held up by it.
        fs::write(world.work.join("hers"), b"an afternoon").unwrap();
        let hers = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, true)).unwrap();
        let ready = Ready { path: path("hers"), open: false };
        hers.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
        assert_eq!(deliver_sealed(&spool, &line).await.unwrap().items, 1);
        let full = line.store.at_their_bound().await.unwrap();
        assert_eq!(full, [("acme".to_owned(), "pc-1".to_owned())]);
        line.store.release_sealed(&line.owner, &key("acme"), |_| true, line.now()).await.unwrap();
        assert!(line.store.at_their_bound().await.unwrap().is_empty());
        for item in spool.waiting().unwrap() {
            // An hour later.
            spool.leave(item.id, Some(Instant::now()));
        }
        assert_eq!(deliver_sealed(&spool, &line).await.unwrap().items, 3);
    }
}

#[tokio::test]
async fn an_item_of_somebody_who_is_not_known_yet_is_sent_again_within_the_hour() {
    let world = world().await;
    let (tree, spool, line) = (world.tree(), world.spool(), world.line.clone());
    let sealer = Sealer::new(&tree, Arc::clone(&spool), sealing(&line), origin(&line, false)).unwrap();
    fs::write(world.work.join("memo"), b"an afternoon").unwrap();
    let ready = Ready { path: path("memo"), open: false };
    sealer.seal(&tree, &Known::default(), &ready, Timestamp::from_seconds(1)).unwrap();
    let id = spool.waiting().unwrap()[0].id;
    line.strange.store(true, Ordering::Release);
    assert_eq!(deliver_sealed(&spool, &line).await.unwrap().refused, 1);
    assert!(spool.is_left(&id) && !spool.is_left_at(&id, Instant::now() + Duration::from_hours(1)));
    line.strange.store(false, Ordering::Release);
    spool.leave(id, Some(Instant::now()));
    assert_eq!(deliver_sealed(&spool, &line).await.unwrap().items, 1);
}
