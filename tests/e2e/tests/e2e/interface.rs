//! What scripts rely on: names and types of JSON members, defaults, one document on stdout and nothing else.

use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Headquarters, Program, Result, inside};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

/// RFC 3339 in UTC.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    assert!(text.len() == 20 && text.bytes().enumerate().all(shape), "{value} is not a time");
}

#[track_caller]
fn assert_number(value: &Value, from: f64) {
    assert!(value.as_f64().is_some_and(|number| number >= from), "{value} is not a number from {from}");
}

/// One document of the schema that the subcommand's path names, one line, and nothing else on either stream.
#[track_caller]
fn document(program: &Program, place: &hanare_lab::Host, words: &[&str], input: &str) -> Result<Value> {
    let output = program.attempt(place, &[&["--json"], words].concat(), input)?.must()?;
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
    assert_eq!(output.stderr, "", "talk is kept back: {words:?}");
    let document = output.json()?;
    let path: Vec<&str> =
        words.iter().take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase())).copied().collect();
    let schema = document["schema"].as_str().unwrap_or_default();
    let named = (1..=path.len()).any(|count| schema == format!("hanare.{}/1", path[..count].join(".")));
    assert!(named, "{schema} for {words:?}");
    Ok(document)
}

#[test]
fn an_admins_commands_answer_as_promised() {
    inside("interface::an_admins_commands_answer_as_promised", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let segment = lab.segment("net")?;
        lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
        let init = ["--company", "aoba", "--endpoint", "hq.example.jp:51820,192.0.2.1:51820"];
        let more = ["--overlay", "10.99.0.0/16", "--overlay6", "fd12:3456:789a::/48"];
        let networks = ["--network", "192.168.10.0/24", "192.168.11.0/24", "--internet", "none"];
        let words = [&["hq", "init"], &init[..], &more, &networks].concat();
        let made = document(&program, &host, &words, "")?;
        assert_eq!(made["overlay"], serde_json::json!(["10.99.0.0/16", "fd12:3456:789a::/48"]));
        let hq = Headquarters::open_again(&host, &program)?;
        let ask = |words: &[&str]| document(&program, &host, words, "");

        let status = ask(&["hq", "status"])?;
        assert_eq!(status["interface"], "hnhq0");
        assert_eq!(status["addresses"], serde_json::json!(["10.99.0.1", "fd12:3456:789a::1"]));
        assert_eq!(status["public_key"].as_str().map(str::len), Some(44));
        assert_eq!((&status["listen"], &status["api"]), (&"[::]:51820".into(), &"[::]:51821".into()));
        assert_eq!(status["endpoints"], serde_json::json!(["hq.example.jp:51820", "192.0.2.1:51820"]));
        assert_eq!(status["nodes"], serde_json::json!({"enrolled": 0, "up": 0}));

        assert_eq!(ask(&["company", "list"])?["companies"][0]["id"], "aoba", "init makes its company");
        assert_eq!(ask(&["company", "add", "aoba"])?["created"], false, "equal data changes nothing");
        ask(&["company", "add", "midori", "--name", "みどり"])?;
        let room = ask(&["room", "add", "kofu/306", "--company", "aoba"])?;
        assert!(room.to_string().contains("10.99.1.0/24"), "the next free /24: {room}");
        assert!(ask(&["office", "list"])?.to_string().contains("kofu"), "a missing office is made");
        ask(&["office", "add", "gujo", "--name", "郡上", "--site-key", "floor", "3"])?;
        ask(&["office", "add", "kofu-2", "--site-key", "floor=3", "--site-key", "address=1-2, a=b"])?;
        let site = &ask(&["office", "show", "kofu-2"])?["site"];
        assert_eq!(*site, serde_json::json!({"floor": "3", "address": "1-2, a=b"}));
        ask(&["office", "show", "gujo"])?;
        ask(&["room", "show", "kofu/306"])?;
        ask(&["room", "list"])?;
        let invite = ask(&["invite", "kofu/306", "--kind", "endpoint", "--name", "pc"])?;
        assert!(invite["invite"].as_str().unwrap().starts_with("hanare1:"));
        assert_time(&invite["expires_at"]);
        let line = hq.invite("kofu/306", "gateway", "gw")?;
        assert!(line.ends_with('\n') && line.lines().count() == 1 && line.starts_with("hanare1:"), "{line}");
        let drawn = hq.admin(&["invite", "kofu/306", "--kind", "endpoint", "--name", "x", "--qr"])?.stdout;
        assert!(drawn.lines().count() > 10, "the line and its QR code");
        for time in ["1s", "90m", "48h", "30d"] {
            ask(&["invite", "kofu/306", "--kind", "endpoint", "--expires", time])?;
        }
        ask(&["node", "add", "kofu/306", "--kind", "external", "--name", "phone"])?;
        let nodes = ask(&["node", "list"])?;
        assert_eq!(nodes["nodes"][0]["kind"], "external");
        assert_time(&nodes["nodes"][0]["enrolled_at"]);
        ask(&["node", "show", "phone"])?;
        ask(&["policy", "show"])?;
        let records = ask(&["ledger", "list"])?;
        assert_time(&records["records"][0]["at"]);
        let later = ask(&["ledger", "list", "--since", "2100-01-01T00:00:00Z"])?;
        assert_eq!(later["records"], serde_json::json!([]));

        // Verified by the key that is stored beside it, a ledger is not verified: 7. With the key from elsewhere: 0.
        let export = host.directory().join("ledger");
        let file = export.to_string_lossy().into_owned();
        let exported = ask(&["ledger", "export", &file])?;
        let key = host.directory().join("key.pub");
        std::fs::write(&key, exported["key"].as_str().unwrap()).unwrap();
        let key = key.to_string_lossy().into_owned();
        let verify = |words: &[&str]| program.attempt(&host, &[&["ledger", "verify"], words].concat(), "");
        assert_eq!(verify(&[])?.code(), Some(7));
        assert_eq!(verify(&[&file])?.code(), Some(7));
        assert_eq!(verify(&[&file, "--key", &key])?.code(), Some(0));
        let text = std::fs::read_to_string(&export).unwrap();
        std::fs::write(&export, text.replacen("midori", "modori", 1)).unwrap();
        assert_eq!(verify(&[&file, "--key", &key])?.code(), Some(1));
        ask(&["node", "revoke", "phone", "--reason", "lost", "--yes"])?;
        Ok(())
    });
}

#[test]
fn a_nodes_status_answers_as_promised() {
    inside("interface::a_nodes_status_answers_as_promised", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc: Place = deployment.place("pc")?;
        let (program, host) = (deployment.program.clone(), pc.host.clone());
        let exit = |words: &[&str]| Ok::<_, hanare_lab::Error>(program.attempt(&host, words, "")?.code());
        assert_eq!(exit(&["status"])?, Some(1), "not enrolled");
        // Who may not read the firewall is not told that it is closed, nor that it is open.
        let may_nothing = format!("setpriv --bounding-set=-all {} --json status", program.path().display());
        let blind = host.attempt(&may_nothing)?;
        assert_eq!((blind.code(), &blind.json()?["kill_switch"]), (Some(1), &Value::Null), "{blind:?}");
        assert!(blind.stdout.contains("kill-switch-unread"), "{blind:?}");
        let invite = deployment.hq.admin(&["invite", "kofu/306", "--kind", "endpoint"])?.stdout;
        let file = host.directory().join("invite");
        std::fs::write(&file, &invite).unwrap();
        // From a file, with a name of the node's own choice.
        let joined = document(&program, &host, &["join", &file.to_string_lossy(), "--name", "desk"], "")?;
        assert_eq!(joined["node"], "desk");
        assert_time(&joined["lease_until"]);
        let before = pc.node.status()?;
        assert_eq!((&before["state"], &before["kill_switch"]), (&"down".into(), &"open".into()));

        assert_eq!(document(&program, &host, &["up", "--detach"], "")?["interface"], "hn0");
        pc.node.wait_for("up", Duration::from_secs(20))?;
        assert_eq!(exit(&["status"])?, Some(0));
        let status = document(&program, &host, &["status"], "")?;
        assert_eq!(status["interface"], "hn0");
        assert_eq!(status["addresses"][0], "10.88.1.1");
        assert_eq!(status["kill_switch"], "closed");
        assert_eq!((&status["unlocked_until"], &status["warnings"]), (&Value::Null, &serde_json::json!([])));
        assert_time(&status["lease_until"]);
        let hq = status["hq"].as_array().unwrap();
        assert_eq!(hq.len(), 2, "one for each endpoint");
        let active: Vec<&Value> = hq.iter().filter(|hq| hq["active"] == true).collect();
        assert_eq!(active.len(), 1);
        for member in ["rx_bytes", "tx_bytes", "rtt_seconds", "last_handshake_seconds"] {
            assert_number(&active[0][member], 0.0);
        }
        assert!(hq.iter().all(|hq| hq["endpoint"].is_string()));
        // Headquarters looks at its data plane once a second.
        hanare_lab::until("headquarters' count", Duration::from_secs(3), || {
            let status = deployment.hq.ask(&["hq", "status"]).unwrap_or_default();
            status["nodes"] == serde_json::json!({"enrolled": 1, "up": 1})
        })?;

        // `wg show` sees it, and nobody sets it.
        assert!(host.sh("wg show hn0")?.stdout.contains("latest handshake"));
        let set = host.attempt("wg set hn0 listen-port 5")?;
        assert!(!set.good() && set.stderr.contains("Operation not permitted"), "{set:?}");

        let unlocked = document(&program, &host, &["unlock", "--reason", "test", "--for", "3s"], "")?;
        assert_eq!(unlocked["seconds"], 3);
        // It becomes the program, and is told from all others; only root of the machine may mount what that takes.
        let groups = pc.host.attempt("mount -t cgroup2 none /sys/fs/cgroup")?.good();
        let become_it =
            ["--json", "unlock", "--reason", "test", "--for", "3s", "--", "cat", "/proc/self/cgroup"];
        let became = program.attempt(&host, &become_it, "")?;
        if groups {
            assert_eq!((became.code(), &became.json()?["program"]), (Some(0), &"cat".into()), "{became:?}");
        } else {
            assert_eq!((became.code(), &became.json()?["code"]), (Some(4), &"no-control-groups".into()));
            program.run(&host, &["unlock", "--reason", "test", "--for", "3s"])?;
        }
        assert_eq!(became.stderr.contains("0::/hanare-portal-"), groups, "{became:?}");
        let open = pc.node.status()?;
        assert_eq!(open["kill_switch"], "unlocked");
        assert_time(&open["unlocked_until"]);

        assert_eq!(document(&program, &host, &["down"], "")?["stopped"], true);
        hanare_lab::until("the lock", Duration::from_secs(10), || {
            pc.node.status().is_ok_and(|status| status["kill_switch"] == "closed")
        })?;
        let locked = pc.node.status()?;
        assert_eq!((&locked["state"], exit(&["status"])?), (&"locked".into(), Some(1)));
        // Headquarters away: degraded, with a warning and what to do, 7.
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        pc.node.start(&[])?;
        pc.node.wait_for("degraded", Duration::from_secs(5))?;
        assert_eq!(exit(&["status"])?, Some(7));
        hanare_lab::until("a warning", Duration::from_secs(30), || {
            let status = pc.node.status().unwrap_or_default();
            let warning = &status["warnings"][0];
            ["code", "text", "fix"]
                .iter()
                .all(|part| warning[*part].as_str().is_some_and(|text| !text.is_empty()))
        })?;
        assert_eq!(exit(&["leave"])?, Some(2), "it destroys");
        assert_eq!(document(&program, &host, &["leave", "--dry-run"], "")?["dry_run"], true);
        assert_eq!(document(&program, &host, &["leave", "--yes"], "")?["left"], true);
        // Also while the daemon says goodbye: never an error, never anything but this.
        let after = pc.node.wait_for("down", Duration::from_secs(5)).and_then(|_| pc.node.status())?;
        assert_eq!((&after["state"], &after["kill_switch"]), (&"down".into(), &"open".into()));
        Ok(())
    });
}
