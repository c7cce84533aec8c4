//! README as a new user follows it: its six commands, exactly as they are written there, from nothing to the first room.

use std::process::Stdio;
use std::time::{Duration, Instant};

use hanare_lab::{Host, Program, Result, inside, until, until_some};

const LIMIT: Duration = Duration::from_mins(2);
const README: &str = include_str!("../../../../README.md");

/// The commands of a section, up to the next heading: indented lines that call `hanare`.
fn commands(heading: &str) -> Vec<&'static str> {
    let (_, section) = README.split_once(heading).unwrap_or_else(|| panic!("README lacks {heading}"));
    let section = section.split("\n### ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("hanare "))
        .collect()
}

/// A machine with nothing of ours on it but the command.
fn machine(host: &Host) -> Result<()> {
    host.sh("mount -t tmpfs none /var/lib").map(drop)
}

/// A shell with the command in its search path.
fn shell(host: &Host, program: &Program) -> std::process::Command {
    let mut command = host.command("sh");
    let path = format!("{}:{}", program.path().parent().unwrap().display(), hanare_lab::search_path());
    command.env("PATH", path).env("LANG", "C");
    command
}

#[test]
fn both_languages_have_the_same_six_commands() {
    let commands = commands("### From nothing to the first room");
    assert_eq!(commands.len(), 6, "{commands:?}");
    assert_eq!(commands, self::commands("### 何もない状態から最初の部屋まで"));
}

#[test]
fn its_six_commands_lead_from_nothing_to_the_first_room() {
    inside("readme::its_six_commands_lead_from_nothing_to_the_first_room", LIMIT, |lab| {
        let program = Program::built()?;
        let segment = lab.segment("net")?;
        let (hq, pc) = (lab.host("hq")?, lab.host("pc")?);
        lab.plug(&hq, &segment, "eth0", &["192.0.2.1/24"])?;
        lab.plug(&pc, &segment, "eth0", &["192.0.2.10/24"])?;
        machine(&hq)?;
        machine(&pc)?;
        let commands = commands("### From nothing to the first room");
        let (server, room) = commands.split_at(4);
        let start = Instant::now();
        // Pasted into a shell in one go, with the server's own name in place of the example's.
        let script = server.join("\n").replace("hq.example.jp", "192.0.2.1");
        let mut paste = shell(&hq, &program);
        paste.args(["-ec", &format!("{script}\nwait")]);
        let typed = hq.spawn("paste", &mut paste)?;
        let invite = until_some("the invite", Duration::from_secs(20), || {
            typed.said().lines().find(|line| line.starts_with("hanare1:")).map(str::to_owned)
        })
        .unwrap_or_else(|error| panic!("{error}: {}", typed.said()));
        // At the PC's keyboard: the invite is asked for, and typed.
        let mut join = pc.command("socat");
        let line = format!(
            "EXEC:{},pty,setsid,ctty,stderr",
            room[0].replacen("hanare", &program.path().to_string_lossy(), 1)
        );
        join.args(["-t", "20", "-", &line]).stdout(Stdio::piped());
        let joined = hanare_lab::run(&mut join, &format!("{invite}\n"), LIMIT)?;
        assert!(joined.stdout.contains("kofu/306"), "{joined:?}");
        let mut up = shell(&pc, &program);
        up.args(["-ec", room[1]]);
        let up = pc.spawn("up", &mut up)?;
        until("an answer from headquarters through the tunnel", Duration::from_secs(20), || {
            pc.pings("10.88.0.1".parse().unwrap(), 1).unwrap_or(false)
        })
        .unwrap_or_else(|error| panic!("{error}: {}", up.said()));
        println!(
            "measured: README's six commands, {} ms from nothing to the first room",
            start.elapsed().as_millis()
        );
        Ok(())
    });
}
