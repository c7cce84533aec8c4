//! `hanare up --detach`: says that a tunnel runs only of the one that it started.

use std::time::Duration;

use hanare_e2e::{Deployment, Place, Refusal};
use hanare_lab::{Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(2);
const DETACH: [&str; 3] = ["--json", "up", "--detach"];

fn process(place: &Place) -> Result<u64> {
    Ok(place.node.status()?["pid"].as_u64().unwrap_or_default())
}

#[test]
fn a_second_tunnel_in_the_background_is_refused_and_leaves_the_first_its_log() {
    inside(
        "background::a_second_tunnel_in_the_background_is_refused_and_leaves_the_first_its_log",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let mut pc = deployment.place("pc")?;
            pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
            let program = Program::built()?;
            let started =
                program.attempt(&pc.host, &["--json", "-v", "up", "--detach"], "")?.must()?.json()?;
            pc.node.wait_for("up", Duration::from_secs(20))?;
            assert_eq!(started["pid"], process(&pc)?);
            let log = started["log"].as_str().unwrap().to_owned();
            let said = pc.host.sh(&format!("cat {log}"))?.stdout;
            assert!(!said.is_empty());
            for more in [&[][..], &["--interface", "hn7"]] {
                Refusal(4, "busy").of(&program, &pc.host, &[&DETACH[1..], more].concat(), "")?;
            }
            assert!(pc.host.sh(&format!("cat {log}"))?.stdout.starts_with(&said));
            assert_eq!(started["pid"], process(&pc)?, "the first one goes on");
            program.run(&pc.host, &["down"])?;

            for _ in 0..3 {
                let both = [(); 2].map(|()| {
                    let (program, host) = (program.clone(), pc.host.clone());
                    std::thread::spawn(move || program.attempt(&host, &DETACH, ""))
                });
                let mut ended = Vec::new();
                for one in both {
                    let output = one.join().unwrap()?;
                    if output.good() {
                        assert_eq!(output.json()?["pid"], process(&pc)?);
                    } else {
                        Refusal(4, "busy").read(&output);
                    }
                    ended.push(output.code());
                }
                ended.sort();
                assert_eq!(ended, [Some(0), Some(4)]);
                program.run(&pc.host, &["down"])?;
            }
            assert_eq!(pc.host.sh("ls /run/hanare")?.stdout.matches("up.log").count(), 1);
            Ok(())
        },
    );
}
