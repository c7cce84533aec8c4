//! Invites that are none, or not any more, or not for here.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{Headquarters, inside};

const LIMIT: Duration = Duration::from_mins(3);

#[test]
fn an_invite_that_is_none_says_why_and_leaves_nothing() {
    inside("bad_invites::an_invite_that_is_none_says_why_and_leaves_nothing", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let (program, host) = (deployment.program.clone(), pc.host.clone());
        let join = |refusal: Refusal, text: &str| refusal.of(&program, &host, &["join", "-"], text);
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        let invite = invite.trim();
        let before = host.sh("ip -j address")?.stdout;
        // Every single character, exchanged and left out.
        let prefix = "hanare1:".len();
        let step = if hanare_e2e::long() { 1 } else { 7 };
        let mut tried = 0;
        for at in (prefix..invite.len()).step_by(step).filter(|at| invite.as_bytes()[*at] != b'-') {
            let other = if invite.as_bytes()[at] == b'a' { "b" } else { "a" };
            for replacement in [other, ""] {
                let garbled = format!("{}{replacement}{}", &invite[..at], &invite[at + 1..]);
                assert_eq!(pc.node.join(&garbled)?.code(), Some(3), "{garbled}");
                tried += 1;
            }
        }
        println!("measured: {tried} invites with one wrong or missing character, all 3");
        join(Refusal(3, "invite-damaged"), &invite[..invite.len() / 2])?;
        join(Refusal(3, "invite-empty"), "")?;
        join(Refusal(3, "invite-empty"), "\n")?;
        join(Refusal(3, "invite-damaged"), "wireguard://192.0.2.1")?;
        for text in ["hanare1:", "hanare2:abcd", "\u{3042}"] {
            assert_eq!(pc.node.join(text)?.code(), Some(3), "{text}");
        }
        Refusal(3, "unreadable").of(&program, &host, &["join", "/no/such/file"], "")?;
        Refusal(2, "invite-in-argv").of(&program, &host, &["join", invite], "")?;
        Refusal(2, "invite-wanted").of(&program, &host, &["join"], "")?;
        let state = host.directory().join("state");
        let left: Vec<_> =
            std::fs::read_dir(&state).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "a damaged invite leaves nothing behind: {left:?}");
        assert_eq!(host.sh("ip -j address")?.stdout, before);

        let expiring = ["invite", "kofu/306", "--kind", "endpoint", "--name", "late", "--expires", "1s"];
        let late = deployment.hq.admin(&expiring)?.stdout;
        std::thread::sleep(Duration::from_secs(2));
        join(Refusal(6, "invite-expired"), &late)?;
        // As it was told over the phone: no prefix, no groups, capitals, blanks around it.
        let told = format!("  {}  \n", invite[prefix..].replace('-', "").to_uppercase());
        assert_eq!(pc.node.join(&told)?.code(), Some(0), "{told}");
        Ok(())
    });
}

#[test]
fn used_expired_and_elsewhere_are_told_apart() {
    inside("bad_invites::used_expired_and_elsewhere_are_told_apart", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let (first, second) = (deployment.place("first")?, deployment.place("second")?);
        let program = deployment.program.clone();
        let args = ["invite", "kofu/306", "--kind", "endpoint", "--name", "pc", "--expires", "5s"];
        let invite = deployment.hq.admin(&args)?.stdout;
        assert_eq!(first.node.join(&invite)?.code(), Some(0));
        assert_eq!(first.node.join(&invite)?.code(), Some(0), "the same device again is good");
        Refusal(6, "invite-used").of(&program, &second.host, &["join", "-"], &invite)?;
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        assert!(ledger.contains("join.refused"), "{ledger}");
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(first.node.join(&invite)?.code(), Some(0), "also when it has expired");
        assert_eq!(second.node.join(&invite)?.code(), Some(6));
        let other = deployment.hq.invite("kofu/306", "endpoint", "pc-2")?;
        Refusal(4, "already-enrolled").of(&program, &first.host, &["join", "-"], &other)?;
        Ok(())
    });
}

#[test]
fn another_headquarters_at_the_same_address_is_refused() {
    inside("bad_invites::another_headquarters_at_the_same_address_is_refused", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let (program, host) = (deployment.program.clone(), deployment.hq.host.clone());
        let state = host.directory().join("state");
        let state = state.to_string_lossy();
        // The same headquarters, put back to a time before the invite: its certificate is right, the invite is foreign.
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        host.sh(&format!("cp -a {state} {state}.before"))?;
        deployment.hq.start_again()?;
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        host.sh(&format!("mv {state} {state}.after"))?;
        host.sh(&format!("cp -a {state}.before {state}"))?;
        deployment.hq.start_again()?;
        Refusal(6, "invite-unknown").of(&program, &pc.host, &["join", "-"], &invite)?;
        // Somebody else altogether.
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        host.sh(&format!("rm -r {state}"))?;
        let init = ["--company", "thief", "--endpoint", "192.0.2.1:51820"];
        let mut thief = Headquarters::open(&host, &program, &init, &[])?;
        Refusal(6, "not-headquarters").of(&program, &pc.host, &["join", "-"], &invite)?;
        // The right one is back, and so is the invite.
        thief.daemon.stop(Duration::from_secs(10))?;
        host.sh(&format!("rm -r {state}"))?;
        host.sh(&format!("mv {state}.after {state}"))?;
        deployment.hq.start_again()?;
        assert_eq!(pc.node.join(&invite)?.code(), Some(0), "no refusal by others burns it");
        Ok(())
    });
}

#[test]
fn a_sheet_wants_the_code_that_was_told_and_five_wrong_ones_block_it() {
    inside("bad_invites::a_sheet_wants_the_code_that_was_told_and_five_wrong_ones_block_it", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let (program, host) = (deployment.program.clone(), pc.host.clone());
        let file = host.directory().join("sheet.txt");
        let path = file.to_string_lossy().into_owned();
        let sheet = |name: &str| -> hanare_lab::Result<String> {
            let words = ["invite", "kofu/306", "--kind", "endpoint", "--sheet", "--name", name];
            let invited = deployment.hq.ask(&words)?;
            std::fs::write(&file, invited["invite"].as_str().unwrap()).unwrap();
            Ok(invited["code"].as_str().unwrap().to_owned())
        };
        // What goes to the printer does not carry the code.
        let words = ["invite", "kofu/306", "--kind", "endpoint", "--sheet"];
        let printed = deployment.hq.admin(&words)?;
        let is_code = |word: &&str| word.len() == 7 && word.chars().filter(char::is_ascii_digit).count() == 6;
        let told = printed.stderr.split([' ', '.']).find(is_code).unwrap();
        assert!(!printed.stdout.contains(told), "{printed:?}");

        let code = sheet("lost")?;
        let wrong = format!("{}{}", if code.starts_with('9') { '0' } else { '9' }, &code[1..]);
        Refusal(3, "code-wanted").of(&program, &host, &["join", &path], "")?;
        Refusal(3, "code-wanted").of(
            &program,
            &host,
            &["join", "-"],
            &std::fs::read_to_string(&file).unwrap(),
        )?;
        Refusal(3, "code-malformed").of(&program, &host, &["join", &path], "12345\n")?;
        // Each is tried in both languages: two, and four wrong codes.
        for _ in 0..2 {
            Refusal(6, "invite-code").of(&program, &host, &["join", &path], &wrong)?;
        }
        for code in [&wrong, &code] {
            Refusal(6, "invite-blocked").of(&program, &host, &["join", &path], code)?;
        }
        assert!(deployment.hq.ask(&["ledger", "list"])?.to_string().contains("invite.blocked"));

        let code = sheet("pc")?;
        let join =
            |input: &str| Ok::<_, hanare_lab::Error>(program.attempt(&host, &["join", &path], input)?.code());
        assert_eq!(join(&wrong)?, Some(6), "of another sheet");
        assert_eq!(join(&code.replace('-', " "))?, Some(0));
        assert_eq!(join("")?, Some(0), "the same device again needs no code");
        Ok(())
    });
}
