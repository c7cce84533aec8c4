//! Two nodes in one network: the second is refused, whether the first one runs or is locked, and opens nothing of it.

use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Host, Output, Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(2);

/// Runs a command of the second node, whose state and runtime directories are its own.
fn second(host: &Host, program: &Program, words: &[&str], input: &str) -> Result<Output> {
    let place = host.directory().join("second");
    let mut command = host.command(program.path());
    command.args(["--lang", "en", "--json", "--state"]).arg(place.join("state"));
    command.arg("--runtime").arg(place.join("run")).args(words);
    hanare_lab::run(&mut command, input, LIMIT)
}

/// The code of a refusal with exit status 4, and why.
fn refused(output: &Output) -> (String, String) {
    assert_eq!(output.code(), Some(4), "{output:?}");
    let document = output.json().unwrap();
    let text = |part: &str| document[part].as_str().unwrap_or_default().to_owned();
    (text("code"), text("cause"))
}

#[test]
fn a_second_node_in_one_network_is_refused_and_the_first_one_stays_as_it_is() {
    let name = "neighbours::a_second_node_in_one_network_is_refused_and_the_first_one_stays_as_it_is";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let (host, program) = (pc.host.clone(), deployment.program.clone());
        std::fs::create_dir_all(host.directory().join("second")).unwrap();
        let invite = deployment.hq.invite("gujo/101", "endpoint", "other")?;
        second(&host, &program, &["join", "-"], &invite)?.must()?;
        let mut pc = pc;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        pc.node.up(&[])?;
        let rules = || host.sh("nft -s -j list ruleset").map(|output| output.stdout);
        let before = rules()?;
        let up = ["up", "--interface", "hn1"];
        for _ in 0..3 {
            let (code, cause) = refused(&second(&host, &program, &up, "")?);
            let pid = pc.node.status()?["pid"].to_string();
            assert!(code == "busy" && cause.contains(&pid), "{code}: {cause}");
        }
        // Also where the second one had a tunnel of its own, and so the file that says that the rules are its.
        let file = |of: &str| host.directory().join(of).join("kill_switch.json");
        for own_rules in [false, true] {
            if own_rules {
                std::fs::copy(file("state"), file("second/state")).unwrap();
            }
            for words in [&["leave", "--yes"][..], &["unlock", "--reason", "x", "--for", "1m"]] {
                let (code, _) = refused(&second(&host, &program, words, "")?);
                assert_eq!(code, "busy", "{words:?}");
            }
            assert_eq!(rules()?, before, "the first one's rules are not touched");
        }
        std::fs::remove_file(file("second/state")).unwrap();
        assert!(host.pings(deployment.hq.addresses[0], 2)?, "the first one notices nothing");

        // It has ended, and stays locked.
        program.run(&host, &["down"])?;
        for words in [&up[..], &["leave", "--yes"], &["unlock", "--reason", "x", "--for", "1m"]] {
            let (code, _) = refused(&second(&host, &program, words, "")?);
            assert_eq!(code, "other-kill-switch", "{words:?}");
        }
        assert!(host.sh("nft list tables")?.stdout.contains("inet hanare"));
        program.run(&host, &["leave", "--yes"])?;
        let mut command = host.command(program.path());
        let place = host.directory().join("second");
        command
            .arg("--state")
            .arg(place.join("state"))
            .arg("--runtime")
            .arg(place.join("run"))
            .args(["up", "--detach"]);
        hanare_lab::run(&mut command, "", LIMIT)?.must()?;
        second(&host, &program, &["leave", "--yes"], "")?.must()?;
        assert!(!host.sh("nft list tables")?.stdout.contains("hanare"));
        Ok(())
    });
}

#[test]
fn an_account_that_sits_on_the_name_keeps_no_kill_switch_open() {
    inside("neighbours::an_account_that_sits_on_the_name_keeps_no_kill_switch_open", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        let mut squatter = pc.host.command("setpriv");
        squatter.args(["--reuid", "1234", "--regid", "1234", "--clear-groups"]);
        squatter.args(["socat", "-u", "ABSTRACT-LISTEN:hanare-node,fork", "OPEN:/dev/null"]);
        let _squatter = pc.host.spawn("squatter", &mut squatter)?;
        hanare_lab::until("the squatter", Duration::from_secs(5), || {
            pc.host.sh("ss -Hxl").is_ok_and(|said| said.stdout.contains("@hanare-node"))
        })?;
        pc.node.up(&[])?;
        assert!(pc.host.sh("nft list tables")?.stdout.contains("inet hanare"));
        Ok(())
    });
}
