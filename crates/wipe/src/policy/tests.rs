use std::path::Path;

use proptest::prelude::*;

use super::*;

const OFFICE: &str = include_str!("../../../../policies/wipe/office-endpoint.toml");
const THIN: &str = include_str!("../../../../policies/wipe/thin-client.toml");
const SCHEMA: &str = include_str!("../../../../policies/wipe.schema.json");

fn with_trees(trees: &str) -> String {
    format!(
        "version = 1\nname = \"x\"\n[work]\nallowed = [\"/home\", \"/srv\", \"/data\"]\ntrees = {trees}\n"
    )
}

fn fault(text: &str) -> (usize, usize, Fault) {
    let error = text.parse::<Policy>().unwrap_err();
    (error.position.line, error.position.column, error.fault)
}

#[test]
fn the_shipped_policies_are_good() {
    let office: Policy = OFFICE.parse().unwrap();
    assert_eq!(office.volume.as_ref().unwrap().kinds, [VolumeKind::DmCrypt, VolumeKind::Fscrypt]);
    assert_eq!(office.volume.as_ref().unwrap().size.bytes(), 32 << 30);
    assert_eq!(office.work.trees.len(), 1);
    assert_eq!((office.limits.seal.as_secs(), office.limits.wipe.as_secs()), (45, 600));
    assert_eq!(office.reference().hash, Hash::of(OFFICE.as_bytes()));
    let thin: Policy = THIN.parse().unwrap();
    assert_eq!(thin.volume.as_ref().unwrap().mount.path, Path::new("/srv/work"));
    assert_eq!((thin.confine.swap, thin.demand.init_on_free), (Swap::Zram, true));
    assert_eq!(thin.demand.methods.len(), 2);
}

/// The schema is for editors; this keeps it from lagging behind the reader.
#[test]
fn the_schema_knows_what_the_reader_knows() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let words = |table: &serde_json::Value| -> Vec<String> {
        let mut words: Vec<_> = table["properties"].as_object().unwrap().keys().cloned().collect();
        words.sort();
        words
    };
    let tables = ["", "volume", "work", "confine", "classes", "limits", "day", "person", "demand"];
    for table in tables {
        let known = if table.is_empty() { words(&schema) } else { words(&schema["properties"][table]) };
        let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        // The reader names every word that it would have taken.
        let (_, _, found) = fault(&format!("version = 1\nname = \"x\"\n{header}no-such-word = 1\n"));
        let Fault::Form(said) = found else { panic!("{found:?}") };
        let mut taken: Vec<String> = said.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        taken.sort();
        assert_eq!(taken, known, "{table}: {said}");
    }
}

#[test]
fn classes_are_told_by_where_they_lie_on_the_volume() {
    let with = |lines: &str| {
        format!(
            "version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = \"1M\"\nmount = \"/srv/room\"\n\
             [confine]\npaths = [\"/tmp\", \"/home/work\"]\n[classes]\n{lines}\n"
        )
    };
    let policy: Policy = with(
        "handed_over = [\"/home/work/docs\"]\nday_only = [\"/home/work\", \".cache\", \"/srv/room/scratch/\"]\n\
         settings = [\"/home/work/.config/mozc\"]",
    )
    .parse()
    .unwrap();
    let below = |path: &str, class| Rule { scope: Scope::Below(path.into()), class };
    let expected = [
        below(".confined/home%2fwork/docs", Class::HandedOver),
        below(".confined/home%2fwork", Class::DayOnly),
        Rule { scope: Scope::Named(".cache".to_owned()), class: Class::DayOnly },
        below("scratch", Class::DayOnly),
        below(".confined/home%2fwork/.config/mozc", Class::Settings),
    ];
    assert_eq!(policy.classes, expected);
    for (line, wrong) in [
        ("day_only = [\"/home/other\"]", Fault::OffVolume("/home/other".to_owned())),
        ("day_only = [\"/tmp/x\"]", Fault::OffVolume("/tmp/x".to_owned())),
        ("day_only = [\"/srv/room\"]", Fault::OffVolume("/srv/room".to_owned())),
        ("day_only = [\"..\"]", Fault::OffVolume("..".to_owned())),
        ("day_only = [\".\"]", Fault::OffVolume(".".to_owned())),
        ("day_only = [\"\"]", Fault::Path { path: String::new(), why: Misplaced::Empty }),
        ("day_only = [\"docs/x\"]", Fault::Path { path: "docs/x".to_owned(), why: Misplaced::Relative }),
        ("day_only = [\".cache\"]\nsettings = [\".cache\"]", Fault::Twice(".cache".to_owned())),
    ] {
        assert_eq!(fault(&with(line)).2, wrong, "{line}");
    }
}

#[test]
fn a_path_that_no_policy_may_name_is_refused_with_its_place() {
    for (path, why) in [
        ("", Misplaced::Empty),
        ("home/work", Misplaced::Relative),
        ("./work", Misplaced::Relative),
        ("~/work", Misplaced::Relative),
        ("/", Misplaced::System),
        ("//", Misplaced::System),
        ("/home", Misplaced::System),
        ("/home/", Misplaced::System),
        ("//home//", Misplaced::System),
        ("/etc", Misplaced::System),
        ("/etc/hanare", Misplaced::System),
        ("/usr/local/work", Misplaced::System),
        ("/proc/self/root/home/work", Misplaced::System),
        ("/dev/shm", Misplaced::System),
        ("/srv", Misplaced::System),
        ("/srv/..", Misplaced::Dots),
        ("/home/work/../../etc", Misplaced::Dots),
        ("/home/./work", Misplaced::Dots),
        ("/home/wo\\nrk", Misplaced::Control),
        ("/home/work\\u0000", Misplaced::Control),
    ] {
        let (line, column, found) = fault(&with_trees(&format!("[\"/srv/good\", \"{path}\"]")));
        assert!(matches!(&found, Fault::Path { why: told, .. } if *told == why), "{path}: {found:?}");
        assert_eq!((line, column), (5, 23), "{path}");
    }
}

#[test]
fn a_tree_outside_the_allowed_places_is_refused() {
    for path in ["/var/lib/work", "/data", "/homework", "/srvs/x", "/opt/x"] {
        let (line, column, found) = fault(&with_trees(&format!("[\"{path}\"]")));
        assert_eq!((line, column), (5, 10));
        assert_eq!(found, Fault::Outside(path.to_owned()));
    }
    for allowed in ["[\"/\"]", "[\"/etc\"]", "[\"/usr\"]", "[\"..\"]", "[\"\"]"] {
        let (line, column, found) =
            fault(&format!("version = 1\nname = \"x\"\n[work]\nallowed = {allowed}\ntrees = [\"/etc/x\"]\n"));
        assert_eq!((line, column), (4, 12), "{allowed}");
        assert!(matches!(found, Fault::Path { .. }), "{allowed}: {found:?}");
    }
}

#[test]
fn the_volume_and_what_is_confined_lie_below_an_allowed_place_too() {
    let policy = |mount: &str, confined: &str, allowed: &str| {
        format!(
            "version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = 1\nmount = \"{mount}\"\n[confine]\n\
             paths = [\"/tmp\", \"{confined}\"]\n{allowed}"
        )
    };
    let spool = "[work]\nallowed = [\"/srv\", \"/var/spool\"]\n";
    assert!(policy("/srv/work", "/home/a", "").parse::<Policy>().is_ok());
    assert!(policy("/srv/work", "/var/spool/cups", spool).parse::<Policy>().is_ok());
    for (mount, confined, allowed, line, column) in [
        ("/var/lib/hanare/x", "/home/a", "", 6, 9),
        ("/srv/work", "/var/lib/hanare", "", 8, 18),
        ("/srv/work", "/home/a", spool, 8, 18),
        // The place itself is not below it.
        ("/srv/work", "/opt/a", "[work]\nallowed = [\"/srv\", \"/opt/a\"]\n", 8, 18),
    ] {
        let (at, character, found) = fault(&policy(mount, confined, allowed));
        assert_eq!((at, character), (line, column), "{mount} {confined}: {found:?}");
        assert!(matches!(found, Fault::Outside(_)), "{found:?}");
    }
}

#[test]
fn what_is_kept_and_what_overlaps_is_refused() {
    for (work, line, column) in [
        ("trees = [\"/home/work\"]\nkeep = [\"/home/work/settings\"]", 4, 10),
        ("trees = [\"/home/admin/x\"]\nkeep = [\"/home/admin\"]", 4, 10),
        ("trees = [\"/home/a\", \"/home/a/b\"]", 4, 21),
        ("trees = [\"/home/a\", \"/home/a/\"]", 4, 21),
        ("trees = [\"/srv/work/deep\"]\n[volume]\nkinds = [\"ram\"]\nsize = 1", 4, 10),
        ("trees = [\"/home/a\"]\n[volume]\nkinds = [\"ram\"]\nsize = 1\nmount = \"/home/a/b\"", 4, 10),
        ("trees = [\"/home/a\"]\n[confine]\npaths = [\"/home/c\", \"/home/c/d\"]", 6, 21),
        ("[volume]\nkinds = [\"ram\"]\nsize = 1\n[confine]\npaths = [\"/srv/work/.cache\"]", 8, 10),
    ] {
        let (at, character, found) = fault(&format!("version = 1\nname = \"x\"\n[work]\n{work}\n"));
        assert_eq!((at, character), (line, column), "{work}: {found:?}");
        assert!(matches!(found, Fault::Kept { .. } | Fault::Overlap { .. } | Fault::Twice(_)), "{found:?}");
    }
}

#[test]
fn every_other_complaint_points_at_its_place() {
    let volume = |rest: &str| format!("version = 1\nname = \"x\"\n[volume]\n{rest}\n");
    for (text, line, column) in [
        ("version = 2\nname = \"x\"\nsomething_new = true\n".to_owned(), 1, 11),
        ("version = 1\nname = \"X y\"\n".to_owned(), 2, 8),
        ("version = 1\nname = \"x\"\n".to_owned(), 2, 8),
        ("version = 1\nname = \"x\"\nunknown = 1\n".to_owned(), 3, 1),
        (volume("kinds = []\nsize = 1"), 4, 9),
        (volume("kinds = [\"ram\", \"ram\"]\nsize = 1"), 4, 9),
        (volume("kinds = [\"tmpfs\"]\nsize = 1"), 4, 10),
        (volume("kinds = [\"ram\"]\nsize = \"8GB\""), 5, 8),
        (volume("kinds = [\"ram\"]\nsize = 1\nmount = \"/home\""), 6, 9),
        (volume("kinds = [\"ram\"]\nsize = 1\n[limits]\nseal_seconds = 0"), 7, 16),
        (volume("kinds = [\"ram\"]\nsize = 1\n[limits]\nwipe_seconds = 3601"), 7, 16),
        (volume("kinds = [\"ram\"]\nsize = 1\n[demand]\nmethods = [\"purge\"]"), 7, 12),
        (volume("kinds = [\"ram\"]\nsize = 1\n[demand]\nmethods = []"), 7, 11),
        (volume("kinds = [\"ram\"]\nsize = 1\n[confine]\npaths = [\"/etc\"]"), 7, 10),
        (volume("kinds = [\"ram\"]\nsize = 1\n[confine]\nswap = \"off\""), 7, 8),
        // Nothing makes swap with a key of its own yet.
        (volume("kinds = [\"ram\"]\nsize = 1\n[confine]\nswap = \"encrypted\""), 7, 8),
        ("# 甲府\nversion = \n".to_owned(), 2, 11),
    ] {
        let (at, character, found) = fault(&text);
        assert_eq!((at, character), (line, column), "{text}: {found:?}");
    }
    let long = format!("{}{}", "#".repeat(MAX_LEN), "\n");
    assert_eq!(fault(&long).2, Fault::TooLong(MAX_LEN + 1));
}

#[test]
fn a_tree_that_is_a_mount_root_is_refused_on_the_machine() {
    let policy: Policy = with_trees("[\"/home/a\", \"/home/b\"]").parse().unwrap();
    assert_eq!(policy.against_mounts(&["/".into(), "/home".into(), "/home/a/inner".into()]), Ok(()));
    let error = policy.against_mounts(&["/home/b".into()]).unwrap_err();
    assert_eq!((error.position.line, error.position.column), (5, 21));
    let why = Misplaced::MountRoot;
    assert_eq!(error.fault, Fault::Path { path: "/home/b".to_owned(), why });
}

/// Pieces that paths are made of, the dangerous ones among them.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/"),
        Just("//"),
        Just(".."),
        Just("."),
        Just("home"),
        Just("srv"),
        Just("etc"),
        Just("work"),
        Just("usr"),
        Just("proc"),
        Just("甲府"),
        Just(" "),
        Just("\\u0000"),
        Just("\\n"),
        Just("data"),
        Just("~"),
    ]
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn a_tree_that_is_accepted_is_spelled_out_below_an_allowed_place(pieces in prop::collection::vec(piece(), 0..8)) {
        let written = pieces.concat();
        let Ok(policy) = with_trees(&format!("[\"{written}\"]")).parse::<Policy>() else { return Ok(()) };
        let path = policy.work.trees[0].path.to_str().unwrap().to_owned();
        let below = ["/home/", "/srv/", "/data/"].iter().any(|place| path.starts_with(place) && path.len() > place.len());
        prop_assert!(below, "{written} became {path}");
        prop_assert!(!path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == ".."), "{path}");
    }

    #[test]
    fn no_text_makes_the_reader_stumble(
        changes in prop::collection::vec((0..OFFICE.len(), any::<u8>()), 1..6),
        cut in 0..OFFICE.len(),
    ) {
        let mut bytes = OFFICE.as_bytes().to_vec();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        bytes.truncate(bytes.len().max(cut));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(error) = text.parse::<Policy>() {
            let lines = text.matches('\n').count() + 1;
            prop_assert!((1..=lines).contains(&error.position.line), "{error}");
        }
    }
}
