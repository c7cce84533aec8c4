//! What the two services tell systemd (`sd_notify(3)`): that they serve, once they do, and that they end.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Host, inside};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);

/// A manager's socket, which the command gets.
fn manager(host: &Host, command: &mut Command) -> UnixDatagram {
    let path = host.directory().join("notify");
    let _absent = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    command.env("NOTIFY_SOCKET", path);
    socket
}

fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).expect("a word to the manager");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn both_services_say_when_they_serve_and_when_they_end() {
    inside("readiness::both_services_say_when_they_serve_and_when_they_end", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        let program = deployment.program.clone();
        for (host, words, serves, asks) in [
            (deployment.hq.host.clone(), ["hq", "serve"].as_slice(), "hnhq0", ["hq", "status"].as_slice()),
            (pc.host.clone(), ["up"].as_slice(), "hn0", ["status"].as_slice()),
        ] {
            let mut command = program.command(&host, &[&["--json"], words].concat());
            let manager = manager(&host, &mut command);
            let mut daemon = host.spawn("notified", &mut command)?;
            let ready = heard(&manager);
            assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
            let status = ready.lines().find(|line| line.starts_with("STATUS=")).unwrap_or_default();
            assert!(status.contains(serves), "{ready}");
            // It answers by then.
            let answer = program.attempt(&host, &[&["--json"], asks].concat(), "")?.json()?;
            assert_eq!(answer["interface"], serves, "{answer}");
            // One document, of who serves.
            let said = daemon.said();
            let documents: Vec<Value> =
                said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let [document] = &documents[..] else { panic!("{said}") };
            assert_eq!(document["schema"], format!("hanare.{}/1", words.join(".")), "{document}");
            assert_eq!(
                (&document["interface"], &document["pid"]),
                (&serves.into(), &daemon.pid().into()),
                "{document}"
            );
            daemon.stop(Duration::from_secs(10))?;
            assert!(heard(&manager).lines().any(|line| line == "STOPPING=1"));
        }
        Ok(())
    });
}
