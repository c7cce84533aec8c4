//! Full disks where a node keeps its state and where an admin wants a file: what was said holds, what could not be kept is said.

use std::time::Duration;

use hanare_e2e::{Deployment, Place, Refusal};
use hanare_lab::{Host, Result, inside, until};

const LIMIT: Duration = Duration::from_mins(3);

/// Fills the disk to its last block.
fn fill(host: &Host, directory: &str) -> Result<()> {
    for block in ["64k", "4k", "1"] {
        host.attempt(&format!(
            "dd if=/dev/zero of={directory}/fill bs={block} oflag=append conv=notrunc status=none"
        ))?;
    }
    Ok(())
}

fn warned(place: &Place, code: &str) -> bool {
    let status = place.node.status().unwrap_or_default();
    status["warnings"].as_array().into_iter().flatten().any(|warning| warning["code"] == code)
}

#[test]
fn a_node_with_a_full_disk_obeys_headquarters_and_writes_it_down_later() {
    inside("full_disk::a_node_with_a_full_disk_obeys_headquarters_and_writes_it_down_later", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let state = pc.host.directory().join("state").display().to_string();
        pc.host.sh(&format!("mount -t tmpfs -o size=1m hanare {state}"))?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        pc.node.up(&[])?;
        let stored = |name: &str| pc.host.attempt(&format!("cat {state}/node/{name}")).map(|cat| cat.stdout);
        let lease = stored("lease.json")?;
        fill(&pc.host, &state)?;
        // A lease with another port of the API comes to every node.
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        deployment.hq.start_again_with(&["--api", "0.0.0.0:8443"])?;
        until("the warning", Duration::from_secs(20), || warned(&pc, "not-written"))?;
        assert_eq!(stored("lease.json")?, lease, "the old one is whole");
        let hq = deployment.hq.addresses[0];
        until("an answer", Duration::from_secs(20), || pc.host.pings(hq, 1).unwrap_or(false))?;
        pc.host.sh(&format!("rm {state}/fill"))?;
        until("the lease on the disk", Duration::from_secs(5), || !warned(&pc, "not-written"))?;
        assert_ne!(stored("lease.json")?, lease);

        // The worst word of all.
        fill(&pc.host, &state)?;
        deployment.hq.admin(&["node", "revoke", "pc", "--yes"])?;
        pc.node.wait_for("revoked", Duration::from_secs(5))?;
        assert!(warned(&pc, "not-written") && !pc.host.pings(hq, 1)?);
        assert_eq!(stored("revoked.json")?, "");
        pc.host.sh(&format!("rm {state}/fill"))?;
        until("the tombstone on the disk", Duration::from_secs(5), || !warned(&pc, "not-written"))?;
        assert!(stored("revoked.json")?.contains("tombstone"));
        assert!(pc.node.daemon.as_mut().is_some_and(|up| up.ended().is_ok_and(|ended| ended.is_none())));
        Ok(())
    });
}

#[test]
fn no_node_is_made_whose_only_key_has_no_place() {
    inside("full_disk::no_node_is_made_whose_only_key_has_no_place", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let (hq, program) = (&deployment.hq, &deployment.program);
        let small = hq.host.directory().join("small").display().to_string();
        hq.host.sh(&format!("mkdir {small}"))?;
        hq.host.sh(&format!("mount -t tmpfs -o size=256k small {small}"))?;
        let file = format!("{small}/phone.conf");
        let add = |more: &[&str]| {
            let all = ["node", "add", "kofu/306", "--kind", "external", "--name", "phone", "--wg-quick"];
            [&all[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        fill(&hq.host, &small)?;
        let refused = add(&[file.as_str()]);
        let words: Vec<&str> = refused.iter().map(String::as_str).collect();
        Refusal(4, "unwritable").of(program, &hq.host, &words, "")?;
        assert_eq!(hq.ask(&["node", "list"])?["nodes"].as_array().unwrap().len(), 0);
        assert!(!hq.host.attempt(&format!("test -e {file}"))?.good());
        hq.host.sh(&format!("rm {small}/fill"))?;
        hq.admin(&words)?;
        let text = hq.host.sh(&format!("cat {file}"))?.stdout;
        assert!(text.starts_with("[Interface]") && text.ends_with('\n') && !text.contains('\0'), "{text}");
        // What nobody could read is taken back as well.
        let shown = add(&["-"]).join(" ").replace("phone", "tablet");
        let line = format!("{} --runtime /run/hanare {shown} > /dev/full", program.path().display());
        let output = hq.host.run("sh", ["-c", line.as_str()], "", LIMIT)?;
        assert_eq!(output.code(), Some(4), "{output:?}");
        assert!(hq.ask(&["node", "show", "tablet"])?["revoked_at"].is_string());
        Ok(())
    });
}
