//! How people may open their kill switch is policy: it comes with the lease, holds at the node, and stays without headquarters.

use std::time::Duration;

use hanare_e2e::{Deployment, Place, Refusal};
use hanare_lab::{Host, Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(3);
/// How long a node that listens may take to follow.
const FOLLOWS: Duration = Duration::from_secs(5);

fn apply(deployment: &Deployment<'_>, terms: &str) -> Result<()> {
    let file = deployment.hq.host.directory().join("policy.toml");
    std::fs::write(&file, format!("version = 1\n{terms}")).unwrap();
    deployment.hq.admin(&["policy", "check", &file.to_string_lossy()])?;
    deployment.hq.admin(&["policy", "apply", &file.to_string_lossy()]).map(drop)
}

fn unlock(program: &Program, host: &Host, how: &[&str]) -> Result<hanare_lab::Output> {
    let arguments = [["--json", "unlock", "--reason", "test"].as_slice(), how].concat();
    program.attempt(host, &arguments, "")
}

fn until(place: &Place, program: &Program, how: &[&str], code: i32) -> Result<()> {
    hanare_lab::until("the terms", FOLLOWS, || {
        unlock(program, &place.host, how).is_ok_and(|output| output.code() == Some(code))
    })
    .map(drop)
}

#[test]
fn what_a_policy_says_of_unlocks_holds_at_the_node_also_without_headquarters() {
    inside(
        "unlock_terms::what_a_policy_says_of_unlocks_holds_at_the_node_also_without_headquarters",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
            let program = Program::built()?;
            let refused = |code, how: &[&str]| -> Result<()> {
                let arguments = [["unlock", "--reason", "test"].as_slice(), how].concat();
                Refusal(6, code).of(&program, &pc.host, &arguments, "").map(drop)
            };
            // Without a policy half an hour, for everything too: root asks.
            assert_eq!(unlock(&program, &pc.host, &["--for", "30m"])?.code(), Some(0));
            assert_eq!(unlock(&program, &pc.host, &["--for", "2s", "--all"])?.code(), Some(0));

            apply(&deployment, "[unlock]\nminutes = 5\nall = \"nobody\"\n")?;
            until(&pc, &program, &["--for", "2s", "--all"], 6)?;
            refused("hands-refused", &["--for", "2s", "--all"])?;
            refused("unlock-beyond-policy", &["--for", "6m"])?;
            assert_eq!(unlock(&program, &pc.host, &["--for", "5m"])?.code(), Some(0));
            let shown = deployment.hq.admin(&["policy", "show"])?.stdout;
            assert!(shown.contains("minutes = 5"), "{shown}");

            // A node without headquarters keeps the last terms.
            deployment.hq.daemon.kill()?;
            refused("unlock-beyond-policy", &["--for", "6m"])?;
            refused("hands-refused", &["--for", "2s", "--all"])?;
            // Nor does root without a daemon get more.
            program.run(&pc.host, &["down"])?;
            refused("unlock-beyond-policy", &["--for", "6m"])?;
            refused("hands-refused", &["--for", "2s", "--all"])?;
            deployment.hq.start_again()?;
            pc.node.up(&[])?;
            deployment.until_it_pings(&pc.host, Duration::from_secs(15))?;

            // What is open when the terms change does not stay open by the old ones.
            assert_eq!(unlock(&program, &pc.host, &["--for", "5m"])?.code(), Some(0));
            let is_open = || pc.node.status().is_ok_and(|status| status["kill_switch"] == "unlocked");
            for terms in ["minutes = 1", "portal = \"nobody\""] {
                assert!(is_open());
                apply(&deployment, &format!("[unlock]\n{terms}\n"))?;
                hanare_lab::until("the end of what was open", FOLLOWS, || {
                    pc.node.status().is_ok_and(|status| status["kill_switch"] == "closed")
                })?;
                unlock(&program, &pc.host, &["--for", "1m"])?;
            }
            assert!(!is_open());
            until(&pc, &program, &["--for", "2s"], 6)?;
            apply(&deployment, "")?;
            until(&pc, &program, &["--for", "30m", "--all"], 0)
        },
    );
}
