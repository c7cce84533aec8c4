//! A log-in screen, and one that has locked: who gets in, with headquarters and without it.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{Lab, Output, Result, inside, until};
use serde_json::Value;

use crate::kept_desk::{Desk, LIMIT, PASSWORD, SOON, alone};
use crate::person::add;

/// An account that every Debian has and nobody uses: its processes end with the day.
const ACCOUNT: &str = "games";
const PERSON: &str = "[person]\nuser = \"games\"\n";
/// A node says that headquarters is away when it has not answered for so long.
const AWAY: Duration = Duration::from_mins(1);
const WRONG: &str = "wrong horse battery";

impl Desk {
    /// What PAM runs: one field, and the account's name.
    fn log_in(&self, account: &str, typed: &str) -> Result<Output> {
        let words = ["--json", "work", "pam", "--shared"];
        let mut command = self.program.command(&self.place.host, &words);
        hanare_lab::run(command.env("PAM_USER", account), &format!("{typed}\0"), LIMIT)
    }

    fn gets_in(&self, typed: &str) -> Result<()> {
        self.log_in(ACCOUNT, typed)?.must().map(drop)
    }

    fn stays_out(&self, typed: &str, exit: i32, code: &'static str) -> Result<()> {
        Refusal(exit, code).read(&self.log_in(ACCOUNT, typed)?);
        Ok(())
    }

    /// A line on the agent's socket, as another user sends it.
    fn asks(&self, line: &str) -> Result<String> {
        let script = format!("echo '{line}' | socat -t 5 - UNIX-CONNECT:/run/hanare/agent.sock");
        let mut command = self.place.host.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", &script]);
        Ok(hanare_lab::run(&mut command, "", SOON)?.stdout)
    }

    fn until_active(&self) -> Result<()> {
        let active = || self.ask(&["work", "status"]);
        until("a day", SOON, || active().is_ok_and(|status| status["handover"]["active"] == true)).map(drop)
    }

    fn until_headquarters_is_away(&self) -> Result<()> {
        let is_away = || self.ask(&["status"]).is_ok_and(|status| status["state"] == "degraded");
        until("the node knows that headquarters is away", AWAY, is_away).map(drop)
    }
}

#[test]
fn a_temporary_password_is_changed_in_the_one_field_and_the_new_one_unlocks_without_headquarters() {
    let _alone = alone();
    let name = "log_in::a_temporary_password_is_changed_in_the_one_field_and_the_new_one_unlocks_without_headquarters";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, PERSON)?;
        let (old, code) = (hanako.temporary.clone(), hanako.phone.code());
        desk.stays_out(&format!("hanako {old} {code}"), 6, "work-pam-change")?;
        desk.stays_out(&format!("hanako {old} {PASSWORD} {PASSWORD}x {code}"), 3, "work-pam-new")?;
        for account in ["root", "daemon"] {
            let typed = format!("hanako {old} {PASSWORD} {PASSWORD} {code}");
            Refusal(6, "work-pam-account").read(&desk.log_in(account, &typed)?);
        }
        assert_eq!(desk.volume()?, "locked");
        desk.gets_in(&format!("hanako {old} {PASSWORD} {PASSWORD} {code}"))?;
        assert_eq!(desk.volume()?, "open");

        deployment.hq.daemon.kill()?;
        let begun = Instant::now();
        desk.gets_in(&format!("hanako {PASSWORD}"))?;
        desk.gets_in(&format!("hanako {PASSWORD} 000000"))?;
        desk.gets_in(PASSWORD)?;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: headquarters was asked", begun.elapsed());
        // One answer for all that is wrong, and then none to anybody for a while.
        for wrong in [WRONG, &old, "", "taro", PASSWORD] {
            desk.stays_out(&format!("hanako {wrong}x"), 6, "work-pam-wrong")?;
        }
        for typed in [PASSWORD, WRONG] {
            desk.stays_out(&format!("hanako {typed}"), 6, "work-pam-wait")?;
        }
        std::thread::sleep(Duration::from_secs(31));
        desk.gets_in(&format!("hanako {PASSWORD}"))?;

        // Other users of the machine neither guess, nor leave a hash of their own, nor keep the day busy.
        for line in [
            r#"{"verb":"salt"}"#,
            r#"{"verb":"unlock","hashes":["AAAA"]}"#,
            r#"{"verb":"keep","person":"hanako","hash":"AAAA"}"#,
            r#"{"verb":"finish"}"#,
        ] {
            let said = desk.asks(line)?;
            assert!(said.contains("forbidden"), "{line}: {said}");
        }
        for place in [desk.place.host.directory().display().to_string(), "/run/hanare".to_owned()] {
            let found = desk.place.host.run("grep", ["-rl", PASSWORD, &place], "", SOON)?;
            assert!(
                matches!(found.code(), Some(1 | 2)) && found.stdout.is_empty(),
                "it lies there: {found:?}"
            );
        }
        // It is known in one process's memory and nowhere else.
        desk.agent.as_mut().unwrap().kill()?;
        desk.start(|_| {})?;
        desk.until_active()?;
        for _ in 0..7 {
            // It is no try of anybody's.
            desk.stays_out(&format!("hanako {PASSWORD}"), 6, "work-pam-unknown")?;
        }
        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        let code = hanako.phone.code();
        desk.gets_in(&format!("hanako {PASSWORD} {code}"))?;
        desk.gets_in(&format!("hanako {PASSWORD}"))?;
        desk.ask(&["work", "close"])?;
        desk.stays_out(&format!("hanako {PASSWORD}"), 3, "work-pam")
    });
}

#[test]
fn a_password_that_ends_in_six_digits_unlocks_and_is_no_wrong_proof() {
    let _alone = alone();
    let name = "log_in::a_password_that_ends_in_six_digits_unlocks_and_is_no_wrong_proof";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, PERSON)?;
        let new = "horse battery 123456";
        let (old, code) = (hanako.temporary.clone(), hanako.phone.code());
        desk.gets_in(&format!("hanako {old} {new} {new} {code}"))?;
        // The tunnel is started anew: it knows of no session, and headquarters is there.
        desk.place.node.daemon.as_mut().unwrap().stop(SOON)?;
        desk.place.node.start(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        assert_ne!(desk.ask(&["work", "status"])?["state"], "open");
        for typed in [new.to_owned(), format!("hanako {new}")] {
            desk.gets_in(&typed)?;
        }
        let refused = || -> Result<bool> {
            let ledger = deployment.hq.ask(&["ledger", "list"])?;
            Ok(ledger.to_string().contains("work.refused"))
        };
        assert!(!refused()?, "headquarters took it for a wrong proof");
        desk.stays_out("hanako horse battery 123457", 6, "work-proof")?;
        assert!(refused()?);
        let code = hanako.phone.code();
        desk.gets_in(&format!("hanako {new} {code}"))?;
        assert_eq!(desk.ask(&["work", "status"])?["state"], "open");
        Ok(())
    });
}

#[test]
fn without_headquarters_whoever_says_the_same_twice_begins_alone_and_a_no_is_a_no() {
    let _alone = alone();
    let name = "log_in::without_headquarters_whoever_says_the_same_twice_begins_alone_and_a_no_is_a_no";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, PERSON)?;
        desk.first(&mut hanako)?;
        desk.shell("echo yesterday > yesterday")?;
        desk.ask(&["work", "close"])?;
        let code = hanako.phone.code();
        desk.stays_out(&format!("hanako {WRONG} {code}"), 6, "work-proof")?;
        assert_eq!(desk.volume()?, "locked", "headquarters has said no");

        deployment.hq.daemon.kill()?;
        desk.until_headquarters_is_away()?;
        for slip in [WRONG, PASSWORD] {
            desk.stays_out(&format!("hanako {slip} {code}"), 5, "work-alone-repeat")?;
            assert_eq!(desk.volume()?, "locked", "once is not enough");
        }
        desk.gets_in(&format!("hanako {PASSWORD} {code}"))?;
        assert_eq!((desk.volume()?.as_str(), desk.shell("ls")?.as_str()), ("open", ""));
        let status = || -> Result<Value> { Ok(desk.ask(&["work", "status"])?["handover"].clone()) };
        let standing = status()?;
        assert_eq!((&standing["alone"], &standing["person"]), (&true.into(), &"hanako".into()), "{standing}");
        desk.gets_in(&format!("hanako {PASSWORD}"))?;
        desk.stays_out(&format!("hanako {WRONG}"), 6, "work-pam-wrong")?;

        // Headquarters is back, and whoever types a code is proven there, or is not.
        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.stays_out(&format!("hanako {PASSWORD} 000000"), 6, "work-proof")?;
        let code = hanako.phone.code();
        desk.gets_in(&format!("hanako {PASSWORD} {code}"))?;
        until("the day is hers", SOON, || status().is_ok_and(|standing| standing["alone"] == false))?;
        until("yesterday", SOON, || desk.shell("cat yesterday").is_ok_and(|said| said == "yesterday\n"))?;
        desk.ask(&["work", "close"]).map(drop)
    });
}

#[test]
fn whoever_proves_themselves_does_not_go_on_in_what_somebody_else_began() {
    let _alone = alone();
    let name = "log_in::whoever_proves_themselves_does_not_go_on_in_what_somebody_else_began";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, PERSON)?;
        desk.first(&mut hanako)?;
        desk.ask(&["work", "close"])?;
        deployment.hq.daemon.kill()?;
        desk.until_headquarters_is_away()?;
        // Somebody pulls the plug, and begins in her name.
        desk.stays_out(&format!("hanako {WRONG} 000000"), 5, "work-alone-repeat")?;
        desk.gets_in(&format!("hanako {WRONG} 000000"))?;
        desk.shell("echo for-her > autostart")?;
        desk.gets_in(&format!("hanako {WRONG}"))?;
        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        // What was said there is not what she says.
        std::thread::sleep(Duration::from_secs(31));
        let code = hanako.phone.code();
        desk.gets_in(&format!("hanako {PASSWORD} {code}"))?;
        let lies = desk.shell("ls")?;
        assert_eq!(desk.volume()?, "open");
        // At most in the folder for what nobody has proven.
        assert!(!lies.lines().any(|name| name == "autostart"), "a day of her own: {lies}");
        let status = desk.ask(&["work", "status"])?;
        assert_eq!(status["handover"]["alone"], false, "{status}");
        desk.ask(&["work", "close"]).map(drop)
    });
}

#[test]
#[expect(clippy::zombie_processes, reason = "what a test that fails leaves ends with its laboratory")]
fn without_its_agent_a_machine_lets_nobody_in_and_claims_nothing() {
    let _alone = alone();
    let name = "log_in::without_its_agent_a_machine_lets_nobody_in_and_claims_nothing";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, PERSON)?;
        desk.first(&mut hanako)?;
        desk.agent.as_mut().unwrap().kill()?;
        let close = |words: &[&str]| desk.program.attempt(&desk.place.host, words, "");
        Refusal(7, "work-close-unseen").read(&close(&["--json", "work", "close"])?);
        assert_eq!(desk.ask(&["work", "status"])?["state"], "open");
        close(&["work", "close", "--abandon"])?.must()?;
        assert_eq!(desk.ask(&["work", "status"])?["state"], "closed");

        // Both wait for an agent that is being started again, and not for ever.
        let code = hanako.phone.code();
        let mut open = desk.program.command(&desk.place.host, &["--json", "work", "open", "--stdin"]);
        open.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut open = open.spawn().expect("a log-in on a terminal");
        let claim = format!("hanako\n{PASSWORD}\n{code}\n");
        open.stdin.take().unwrap().write_all(claim.as_bytes()).unwrap();
        let typed = format!("hanako {PASSWORD} {code}");
        desk.stays_out(&typed, 5, "agent-silent")?;
        let open = open.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&open.stdout).into_owned();
        assert_eq!(open.status.code(), Some(5), "{said}");
        assert!(said.contains("agent-silent"), "{said}");

        // One that comes while somebody waits lets them in.
        let code = hanako.phone.code();
        let words = ["--json", "work", "pam", "--shared"];
        let mut late = desk.program.command(&desk.place.host, &words);
        late.env("PAM_USER", ACCOUNT).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut late = late.spawn().expect("a log-in screen");
        let typed = format!("hanako {PASSWORD} {code}\0");
        late.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        desk.start(|_| {})?;
        assert!(late.wait().unwrap().success(), "{}", desk.agent.as_ref().unwrap().said());
        assert_eq!(desk.volume()?, "open");
        desk.ask(&["work", "close"]).map(drop)
    });
}

#[test]
#[expect(clippy::zombie_processes, reason = "what a test that fails leaves ends with its laboratory")]
fn a_wish_that_hangs_keeps_no_order_of_headquarters_waiting() {
    let _alone = alone();
    let name = "log_in::a_wish_that_hangs_keeps_no_order_of_headquarters_waiting";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "handover_seconds = 3\n")?;
        desk.first(&mut hanako)?;
        // A line that loses what is large: files do not get through, and what is said of sessions does.
        let lossy = "nft add table inet lossy && \
                     nft add chain inet lossy out '{ type filter hook output priority 50; }' && \
                     nft add rule inet lossy out oifname != lo oifname != hn0 meta length '>' 500 drop";
        desk.place.host.run("sh", ["-c", lossy], "", SOON)?.must()?;
        desk.shell("head -c 3000000 /dev/urandom > large")?;
        let mut close = desk.program.command(&desk.place.host, &["work", "close"]);
        close.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut close = close.spawn().expect("a wish");
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(desk.volume()?, "open", "the wish hangs");
        deployment.hq.ask(&["person", "disable", "hanako", "--yes"])?;
        let begun = Instant::now();
        // Of the two it is headquarters' word that ends the day.
        let ended = desk.until_locked("headquarters");
        close.wait().unwrap();
        println!("measured: disabled during a wish that hangs | {} ms", begun.elapsed().as_millis());
        ended
    });
}
