//! Not everything in a folder is work: what ends with the day, and settings, which come back first.

use std::os::unix::fs::MetadataExt as _;

use super::sealing::{origin, sealing};
use super::*;
use crate::protocol::Class;

/// A home that ends with the day, but for an input method's dictionary and a folder of documents.
fn classes() -> Classes {
    Classes::new(vec![
        (Scope::Below(path("home")), None),
        (Scope::Below(path("home/.config/mozc")), Some(Class::Settings)),
        (Scope::Below(path("home/書類")), Some(Class::Work)),
        (Scope::Named(b".cache".to_vec()), None),
    ])
}

fn day(world: &World, classes: Classes) -> Day<Line> {
    let (spool, line) = (world.spool(), world.line.clone());
    let tree = world.tree().with_classes(classes);
    Day::begin_sealing(tree, world.line.clone(), |tree| {
        Some(Sealer::new(tree, spool, sealing(&line), origin(&line, true)))
    })
    .unwrap()
}

fn write(world: &World, name: &str) {
    let file = world.work.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, name.as_bytes()).unwrap();
}

const KEPT: [&str; 3] = ["home/.config/mozc/user_dictionary.db", "home/書類/見積.ods", "plan.txt"];
const GONE: [&str; 4] =
    ["home/.bash_history", "home/.config/other", "home/書類/.cache/x", ".cache/thumbnail"];

async fn assert_is_held(world: &World) {
    let mut held: Vec<String> = Vec::new();
    for entry in world.entries().await {
        let name = String::from_utf8(entry.path.as_bytes().to_vec()).unwrap();
        assert_eq!(entry.class == Class::Settings, name.contains("mozc"), "{name}");
        held.push(name);
    }
    held.sort();
    assert_eq!(held, KEPT);
}

#[tokio::test]
async fn what_ends_with_the_day_is_neither_handed_over_nor_sealed() {
    // Seen by the watch; found by a sweep; sealed without a line, and delivered.
    for way in ["watch", "sweep", "seal"] {
        let world = world().await;
        let mut day = day(&world, classes());
        let all = || KEPT.iter().chain(&GONE).for_each(|name| write(&world, name));
        match way {
            "watch" => {
                let held = async || world.entries().await.len() >= KEPT.len();
                during(&mut day, async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    all();
                    let until = Instant::now() + Duration::from_mins(1);
                    while !held().await && Instant::now() < until {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    // What ends with the day would have come by now.
                    tokio::time::sleep(Duration::from_secs(3)).await;
                })
                .await;
                assert_eq!(day.waiting(), 0);
            }
            "sweep" => {
                all();
                assert_eq!(day.finish().await.unwrap().changed, []);
            }
            _ => {
                all();
                world.cut(true);
                let rest = day.seal_rest(Instant::now() + Duration::from_mins(1)).await;
                assert_eq!(rest, Rest { sealed: KEPT.len() as u64, lost: 0 });
                let tree = world.tree().with_classes(classes());
                assert_eq!(left_in(&tree, &world.plain(), 1).unwrap(), 0);
                assert_eq!(left_in(&world.tree(), &world.plain(), 1).unwrap(), GONE.len() as u64);
                world.cut(false);
                drop(day);
                let mut next = self::day(&world, classes());
                next.finish().await.unwrap();
            }
        }
        assert_is_held(&world).await;
    }
}

#[tokio::test]
async fn settings_come_back_before_all_else() {
    let world = world().await;
    write(&world, KEPT[0]);
    let mut evening = day(&world, classes());
    evening.finish().await.unwrap();
    // Recent work, which would come first.
    for n in 0..50 {
        write(&world, &format!("work-{n}"));
    }
    write(&world, KEPT[1]);
    evening.finish().await.unwrap();
    drop(evening);
    let order = async |classes: Classes| {
        fs::remove_dir_all(&world.work).unwrap();
        fs::create_dir(&world.work).unwrap();
        let mut morning = day(&world, classes);
        let back = morning.restore(None).await.unwrap();
        assert_eq!((back.files, back.other, back.failed), (52, 0, 0));
        let at = |name: &str| {
            let found = fs::metadata(world.work.join(name)).unwrap();
            (found.ctime(), found.ctime_nsec())
        };
        (0..50).filter(|n| at(&format!("work-{n}")) < at(KEPT[0])).count()
    };
    assert_eq!(order(classes()).await, 0);
    // Without a class of their own they come last.
    assert_eq!(order(Classes::default()).await, 50);
}

#[tokio::test]
async fn what_a_new_policy_ends_with_the_day_stays_as_headquarters_has_it() {
    let world = world().await;
    KEPT.iter().chain(&GONE).for_each(|name| write(&world, name));
    let mut before = day(&world, Classes::default());
    before.finish().await.unwrap();
    drop(before);
    fs::write(world.work.join(GONE[0]), b"more").unwrap();
    fs::remove_file(world.work.join(GONE[1])).unwrap();
    let mut after = day(&world, classes());
    assert_eq!(after.finish().await.unwrap().changed, []);
    assert_eq!(world.entries().await.len(), KEPT.len() + GONE.len(), "nothing is taken for deleted");
    assert_eq!(world.held().await[GONE[0].as_bytes()], GONE[0].as_bytes());
    drop(after);
    fs::remove_dir_all(&world.work).unwrap();
    fs::create_dir(&world.work).unwrap();
    let mut morning = day(&world, classes());
    let back = morning.restore(None).await.unwrap();
    assert_eq!(
        (back.files, back.failed),
        (KEPT.len() as u64, 0),
        "what would end with the day does not come"
    );
}
