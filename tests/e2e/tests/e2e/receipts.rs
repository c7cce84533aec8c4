//! Receipts of wipes come to headquarters through the tunnel, and headquarters says of which openings none came.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{inside, until};
use serde_json::Value;

use crate::desk::{Desk, until_held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(3);
const SOON: Duration = Duration::from_mins(1);

#[test]
fn receipts_come_to_headquarters_and_an_opening_without_one_is_never_good() {
    inside(
        "receipts::receipts_come_to_headquarters_and_an_opening_without_one_is_never_good",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let mut hanako = add(&deployment, "hanako", "aoba")?;
            let desk = Desk::new(&mut deployment, "pc")?;
            let wipes = || -> Value {
                let shown = deployment.hq.ask(&["node", "show", "pc"]);
                shown.map_or(Value::Null, |shown| shown["wipes"].clone())
            };
            let status = || deployment.program.attempt(&deployment.hq.host, &["--json", "hq", "status"], "");
            let becomes = |standing: &str| {
                let became = until(standing, SOON, || wipes()["standing"] == standing);
                assert!(became.is_ok(), "not {standing}: {}", wipes());
            };
            assert_eq!((wipes()["standing"].as_str(), status()?.code()), (Some("none"), Some(0)));
            let on_pc = |line: &[&str]| deployment.program.attempt(&desk.place.host, line, "");
            let mountpoint = desk.place.host.directory().join("volume").display().to_string();
            on_pc(&["wipe", "volume", "create", "--kind", "ram", "--size", "64M"])?.must()?;
            on_pc(&["wipe", "volume", "open", "--mount", &mountpoint])?.must()?;
            desk.open(&deployment, &mut hanako, true)?;
            becomes("open");
            desk.write("secret-plan", b"work");
            until_held(&deployment, "pc", &[("secret-plan", b"work")])?;
            until("the volume as the machine tells it", SOON, || {
                wipes()["told"]["volume"]["open"] == true && wipes()["told"]["volume"]["kind"] == "ram"
            })?;
            on_pc(&["work", "close"])?.must()?;
            becomes("unknown");
            assert_eq!(status()?.code(), Some(7), "what is unknown is not good");
            // What headquarters does not have of what is in it is counted, whoever ends it.
            let leave = format!("echo left > {mountpoint}/left");
            desk.place.host.run("sh", ["-c", &leave], "", SOON)?.must()?;
            let run = on_pc(&["--json", "wipe", "run", "--yes"])?.json()?;
            assert_eq!((&run["lost"], &run["sealed"]), (&1.into(), &0.into()), "{run}");
            becomes(run["verdict"].as_str().unwrap());
            assert_eq!(status()?.code(), Some(0));
            let last = wipes()["last"].clone();
            assert_eq!((&last["volume_kind"], &last["late"]), (&"ram".into(), &false.into()), "{last}");
            assert_eq!((&last["lost"], &wipes()["told"]["sealed"]), (&1.into(), &0.into()), "{}", wipes());
            // The same for whoever locks it.
            let came = || -> hanare_lab::Result<usize> {
                let ledger = deployment.hq.ask(&["ledger", "list"])?;
                let came = |entry: &&Value| entry["kind"] == "receipt.came";
                Ok(ledger["records"].as_array().unwrap().iter().filter(came).count())
            };
            assert_eq!(came()?, 1);
            on_pc(&["wipe", "volume", "open", "--mount", &mountpoint])?.must()?;
            let leave = format!("echo one > {mountpoint}/one; echo two > {mountpoint}/two");
            desk.place.host.run("sh", ["-c", &leave], "", SOON)?.must()?;
            let lock = on_pc(&["--json", "wipe", "volume", "lock", "--yes"])?.json()?;
            assert_eq!((&lock["lost"], &lock["sealed"]), (&2.into(), &0.into()), "{lock}");
            until("the second receipt", SOON, || came().is_ok_and(|came| came == 2))?;
            assert_eq!(wipes()["last"]["lost"], 2, "{}", wipes());
            // What came is what was signed, for anybody.
            let folder = deployment.hq.host.directory().join("receipts");
            deployment.hq.ask(&["node", "receipts", "pc", &folder.display().to_string()])?;
            let mut written = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let file = written.find(|path| path.extension().is_some_and(|ending| ending == "json"));
            let (file, key) = (file.unwrap().display().to_string(), folder.join("node.pub"));
            let verify = ["wipe", "receipt", "verify", &file, "--key", &key.display().to_string()];
            deployment.program.run(&deployment.hq.host, &verify)?;

            // The machine is lost: revoked, and what is known of it is written down in both languages, signed.
            let folder = deployment.hq.host.directory().join("lost");
            let out = folder.display().to_string();
            let gone = deployment.hq.ask(&["node", "lost", "pc", "--yes", "--out", &out])?;
            assert_eq!((&gone["revoked_now"], &gone["was_open"]), (&true.into(), &false.into()), "{gone}");
            assert_eq!(gone["openings"][0]["person"], "hanako", "{gone}");
            assert_eq!(gone["held"][0]["files"], 1, "{gone}");
            let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
            let (japanese, english) = (read("sheet.ja.txt"), read("sheet.en.txt"));
            for (sheet, words) in [
                (
                    &japanese,
                    ["個人データの項目", "不明", "hanako のファイル 1 個", "仕事は ram のボリューム"],
                ),
                (&english, ["Items of personal data", "unknown", "1 files", "on a volume of kind ram"]),
            ] {
                assert!(words.iter().all(|word| sheet.contains(word)), "{sheet}");
                assert!(!sheet.contains("secret-plan"), "{sheet}");
            }
            let signers = folder.join("signers");
            std::fs::write(&signers, format!("hq {}", read("hq.pub"))).unwrap();
            let check =
                "ssh-keygen -Y verify -f signers -I hq -n hanare-evidence -s facts.json.sig < facts.json";
            deployment.hq.host.run("sh", ["-c", &format!("cd {out} && {check}")], "", SOON)?.must()?;
            // A machine that is gone already is written down again, and nobody is refused for what is unknown.
            let again = deployment.hq.ask(&["node", "lost", "pc", "--yes"])?;
            assert_eq!((&again["revoked_now"], &again["node"]["state"]), (&false.into(), &"revoked".into()));
            let nobody = ["node", "lost", "nobody", "--yes"];
            Refusal(3, "missing").of(&deployment.program, &deployment.hq.host, &nobody, "")?;
            Ok(())
        },
    );
}

#[test]
fn a_room_is_closed_once_its_machine_is_there_and_says_that_nothing_waits() {
    let name = "receipts::a_room_is_closed_once_its_machine_is_there_and_says_that_nothing_waits";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        let folder = deployment.hq.host.directory().join("closed").display().to_string();
        let close = ["room", "close", "kofu/306", "--yes", "--out", &folder];
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("plan", b"work");
        until_held(&deployment, "pc", &[("plan", b"work")])?;
        let why = |deployment: &Deployment<'_>, arguments: &[&str], code: &'static str| {
            let said = Refusal(6, code).of(&deployment.program, &deployment.hq.host, arguments, "")?;
            hanare_lab::Result::Ok(said["cause"].as_str().unwrap_or_default().to_owned())
        };
        assert!(why(&deployment, &close, "sealed-wait")?.contains("on pc work is open"));
        deployment.program.run(&desk.place.host, &["work", "close"])?;
        let told = |deployment: &Deployment<'_>| {
            let shown = deployment.hq.ask(&["node", "show", "pc"]);
            shown.is_ok_and(|shown| shown["wipes"]["told"]["sealed"] == 0)
        };
        until("the machine's word that nothing waits", SOON, || told(&deployment))?;
        // The line is away. What the machine said before that says nothing of what it holds now.
        desk.agent.as_mut().unwrap().kill()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        deployment.hq.daemon.kill()?;
        deployment.hq.start_again()?;
        assert!(told(&deployment), "it is what is known");
        let cause = why(&deployment, &close, "sealed-wait")?;
        assert!(cause.contains("nobody knows whether items wait on pc") && cause.contains("20"), "{cause}");
        let revoke = ["node", "revoke", "pc", "--yes"];
        assert!(why(&deployment, &revoke, "node-silent")?.contains("20"));
        let node = deployment.hq.ask(&["node", "show", "pc"])?;
        assert_eq!(node["state"], "enrolled", "{node}");
        // It is there again, says so, and the room can be given up.
        desk.place.node.up(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.start(&deployment)?;
        let mut closed = Value::Null;
        until("a closed room", SOON, || {
            let asked = deployment.hq.ask(&close);
            asked.is_ok_and(|answer| {
                closed = answer;
                true
            })
        })?;
        let certificate = &closed["certificate"];
        assert_eq!(
            (&certificate["abandoned"], &certificate["keys_destroyed"]),
            (&Value::Array(Vec::new()), &1.into())
        );
        Ok(())
    });
}
