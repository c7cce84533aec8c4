//! An admin copies a person's work from headquarters: with a reason, on the ledger, and the person hears of it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{inside, until};

use crate::desk::{Desk, until_held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(4);
const SOON: Duration = Duration::from_mins(1);
const REASON: &str = "本人の依頼により";

#[test]
fn an_admin_copies_files_older_versions_and_whole_trees_and_the_person_hears_of_it() {
    inside(
        "taking::an_admin_copies_files_older_versions_and_whole_trees_and_the_person_hears_of_it",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let mut hanako = add(&deployment, "hanako", "aoba")?;
            let desk = Desk::new(&mut deployment, "pc")?;
            desk.open(&deployment, &mut hanako, true)?;
            let large = vec![b'x'; 3 << 20];
            let odd = "見積/🍣: v1 (conflict taro 2026-11-26T05:04:03Z).xlsx";
            desk.write("memo", b"one");
            desk.write(odd, &large);
            until_held(&deployment, "hanako", &[("memo", b"one"), (odd, &large)])?;
            // A version's time is in whole seconds.
            std::thread::sleep(Duration::from_secs(2));
            let then = deployment.hq.host.run("date", ["-u", "+%Y-%m-%dT%H:%M:%SZ"], "", SOON)?;
            let then = then.must()?.stdout.trim().to_owned();
            std::thread::sleep(Duration::from_secs(2));
            desk.write("memo", b"two");
            until_held(&deployment, "pc", &[("memo", b"two"), (odd, &large)])?;

            let base = deployment.hq.host.directory();
            let place = |name: &str| base.join(name).display().to_string();
            let get = |arguments: &[&str]| {
                let arguments = [&["--json", "handover", "get"], arguments].concat();
                deployment.program.attempt(&deployment.hq.host, &arguments, "")
            };
            let (whole, old, one, room) = (place("whole"), place("old"), place("one"), place("room"));
            let got = get(&["hanako", &whole, "--reason", REASON])?.must()?.json()?;
            assert_eq!((&got["files"], &got["failed"]), (&2.into(), &0.into()), "{got}");
            assert_eq!(fs::read(base.join("whole/memo")).unwrap(), b"two");
            assert_eq!(fs::read(base.join("whole").join(odd)).unwrap(), large);
            assert_eq!(fs::metadata(&whole).unwrap().mode() & 0o777, 0o700);
            get(&["hanako", "memo", &old, "--at", &then, "--reason", REASON])?.must()?;
            assert_eq!(fs::read(&old).unwrap(), b"one");
            get(&["person:hanako", "見積", &one, "--reason", REASON])?.must()?;
            assert_eq!(fs::read(base.join("one").join(&odd["見積/".len()..])).unwrap(), large);
            get(&["kofu/306", &room, "--reason", REASON])?.must()?;
            assert_eq!(fs::read(base.join("room/hanako/memo")).unwrap(), b"two");

            // What is there is never overwritten, and nothing is asked of headquarters for it.
            for (code, status, arguments) in [
                ("file-exists", 4, &["hanako", "memo", &old, "--reason", REASON][..]),
                ("file-exists", 4, &["hanako", &whole, "--reason", REASON]),
                ("usage-missing-argument", 2, &["hanako", &place("none")]),
                ("text", 3, &["hanako", &place("none"), "--reason", " "]),
                ("handover-path", 3, &["hanako", "../memo", &place("none"), "--reason", REASON]),
                ("nothing-held", 3, &["hanako", "mem", &place("none"), "--reason", REASON]),
                ("handover-nobody", 3, &["taro", &place("none"), "--reason", REASON]),
            ] {
                Refusal(status, code).read(&get(arguments)?);
            }
            assert!(!base.join("none").exists());
            assert_eq!(fs::read(&old).unwrap(), b"one");
            let ledger = deployment.hq.ask(&["ledger", "list"])?;
            let kinds = ledger["records"].as_array().unwrap();
            assert_eq!(kinds.iter().filter(|entry| entry["kind"] == "handover.taken").count(), 4, "{ledger}");
            let ledger = ledger.to_string();
            assert!(
                ledger.contains(REASON) && !ledger.contains("memo") && !ledger.contains("見積"),
                "{ledger}"
            );

            // She reads of each where her work is open.
            let mut said = String::new();
            until("the person's notice", SOON, || {
                let status =
                    deployment.program.attempt(&desk.place.host, &["--lang", "ja", "work", "status"], "");
                said = status.map(|status| status.stdout).unwrap_or_default();
                said.matches(REASON).count() == 4
            })?;
            assert!(said.contains("IT 管理者が、あなたのファイル 2 個"), "{said}");
            Ok(())
        },
    );
}
