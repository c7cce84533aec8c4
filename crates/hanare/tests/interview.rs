//! `audit site new`: what is answered becomes a site file that can be used, what is not stays unsaid, and nothing is written by halves.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]
#![expect(dead_code, reason = "this test does not use all of the desk")]

mod desk;

use std::fs;
use std::process::Command;

use desk::Desk;
use hanare_audit::{DeviceClass, NetworkRole, PersonRole, Site};

/// An answer to every question, in their order.
const ALL: [&str; 33] = [
    "kofu",
    "kofu/306",
    "acme",
    "甲府 \"離れ\" \\ [x]",
    "",
    "",
    "business",
    "business",
    "10.77.0.0/24, fd77::/64",
    "10.77.0.1",
    "はい",
    "guest",
    "guest",
    "",
    "",
    "no",
    "",
    "sato",
    "佐藤花子",
    "attester",
    "ito",
    "",
    "owner、attester",
    "",
    "wg0",
    "hn0",
    "10.90.0.1",
    "90",
    "",
    "",
    "365",
    "yes",
    "いいえ",
];
/// The last one, apart so that it can be missing.
const LAST: &str = "no";

/// Exit status, stdout, stderr, with answers on the standard input.
fn answering(desk: &Desk, language: &str, file: &str, answers: &str) -> (i32, String, String) {
    let answers = desk.write("answers", answers);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hanare"));
    command.args(["--lang", language, "audit", "site", "new", file]).current_dir(desk.at("."));
    let output = command.stdin(fs::File::open(answers).unwrap()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn answers() -> String {
    format!("{}\n{LAST}\n", ALL.join("\n"))
}

#[test]
fn answers_become_a_site_file_that_says_that_and_no_more() {
    let desk = Desk::new();
    let (status, out, talk) = answering(&desk, "ja", "kofu.toml", &answers());
    assert_eq!(status, 0, "{out} {talk}");
    assert!(talk.contains("オフィスの ID") && out.contains("kofu.toml"), "{talk} {out}");
    let text = fs::read_to_string(desk.at("kofu.toml")).unwrap();
    let site = Site::read(&text, |_| true).unwrap();
    assert_eq!(site.office.as_str(), "kofu");
    assert_eq!(site.office_name.as_deref(), Some("甲府 \"離れ\" \\ [x]"));
    assert_eq!((site.company_name.as_ref(), site.time_zone.as_str()), (None, "Asia/Tokyo"));
    let [business, guest] = site.networks.as_slice() else { panic!("{text}") };
    assert_eq!((business.prefixes.len(), business.gateway.len(), business.client_isolation), (2, 1, true));
    assert_eq!((guest.role, guest.prefixes.len(), guest.client_isolation), (NetworkRole::Guest, 0, false));
    let [sato, ito] = site.persons.as_slice() else { panic!("{text}") };
    assert_eq!(
        (sato.name.as_deref(), sato.roles.as_slice()),
        (Some("佐藤花子"), &[PersonRole::Attester][..])
    );
    assert_eq!((ito.name.as_ref(), ito.roles.len()), (None, 2));
    assert_eq!(site.tunnel.unwrap().endpoint_interface.as_deref(), Some("hn0"));
    assert_eq!(site.dns.unwrap().resolvers.len(), 1);
    let kept = site.retention;
    assert_eq!(
        (kept.entry_log_min_days, kept.footage_min_hours, kept.personal_data_max_days),
        (Some(90), None, Some(365))
    );
    // Wi-Fi is there; of the others it is stated that they are not.
    assert_eq!(site.none.into_iter().collect::<Vec<_>>(), [DeviceClass::Printers, DeviceClass::Nas]);
    assert_eq!(desk.run(&["site", "check", "kofu.toml"]).0, 0);
    let (status, _, _) = answering(&desk, "en", "kofu.toml", &answers());
    assert_eq!((status, fs::read_to_string(desk.at("kofu.toml")).unwrap()), (4, text), "what is there stays");
}

#[test]
fn answers_that_end_early_or_cannot_be_used_write_nothing() {
    let desk = Desk::new();
    let new = |answers: &str| {
        let (status, _, talk) = answering(&desk, "en", "x.toml", answers);
        assert!(!desk.at("x.toml").exists(), "{answers}");
        (status, talk)
    };
    let early = format!("{}\n", ALL.join("\n"));
    for (answers, word) in [
        ("", "ended"),
        (early.as_str(), "ended"),
        ("\n", "empty"),
        ("Kofu Office\n", "not an id"),
        ("kofu\ngujo/1\n", "another office"),
        ("kofu\n\n\n\n\nMars/Olympus\n", "time zone"),
        ("kofu\n\n\n\n\n\nlan\nkitchen\n", "kitchen"),
        ("kofu\n\n\n\n\n\nlan\nguest\n10.0.0.1/8\n", "prefix"),
        ("kofu\n\n\n\n\n\nlan\nguest\n\n\nperhaps\n", "yes or no"),
        ("kofu\n\n\n\n\n\n\nsato\n\n\nsato\n", "already"),
    ] {
        let (status, talk) = new(answers);
        assert_eq!(status, 3, "{answers}: {talk}");
        assert!(talk.contains(word), "{answers}: {talk}");
    }
}

#[test]
fn nothing_but_a_name_is_a_site_file_too() {
    let desk = Desk::new();
    let empty = "\n".repeat(18);
    let (status, out, talk) = answering(&desk, "en", "x.toml", &format!("kofu\n{empty}"));
    assert_eq!(status, 0, "{out} {talk}");
    assert_eq!(fs::read_to_string(desk.at("x.toml")).unwrap(), "version = 1\noffice = \"kofu\"\n");
}
