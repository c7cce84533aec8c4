//! SIGKILL at every step that the undo log records: the next start, and then `leave` or a stop, put the machine back as it was.

use std::time::Duration;

use hanare_e2e::behind::{self, NETWORKS};
use hanare_e2e::{Deployment, Room};
use hanare_lab::{Daemon, Host, Node, Program, Result, inside, until, until_some};
use rustix::process::{Pid, Signal, kill_process};

use crate::undo::{machine, settings};

const LIMIT: Duration = Duration::from_mins(20);
const START: Duration = Duration::from_secs(30);
/// Far more than any start here records.
const MANY: usize = 100;

/// How a start ended that was to die at a step.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Killed,
    /// It has fewer steps: it came up, stopped when it was asked to, and was not killed.
    Stopped,
}

/// Starts `arguments` so that the kernel kills it as it syncs the undo log for the `step`th time (strace injects the signal): what
/// that line stands for is written down and not yet made, and all before it is made. If it comes up it is asked to stop, and
/// may still die of what it writes down then.
fn start_to_die(program: &Program, host: &Host, arguments: &[&str], step: usize) -> Result<End> {
    let log = host.directory().join("state").join("undo.jsonl");
    let inject = format!("--inject=fdatasync:signal=SIGKILL:when={step}");
    let path = format!("--trace-path={}", log.display());
    let wrapper = ["strace", "--quiet=all", &path, "--trace=fdatasync", &inject, "--"];
    let mut command = program.command_under(&wrapper, host, &[&["-v"], arguments].concat());
    let mut daemon = host.spawn(&format!("to-die-{step}"), &mut command)?;
    let is_up = |daemon: &mut Daemon| {
        let ended = daemon.ended().ok().flatten();
        ended.is_some().then_some(false).or_else(|| serves(program, host, arguments).then_some(true))
    };
    if until_some(&format!("the end at step {step}, or a start"), START, || is_up(&mut daemon))? {
        // Under strace the host process is its only child.
        let hands = daemon.children().first().and_then(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
        kill_process(hands.expect("the host process"), Signal::TERM).unwrap();
    }
    let status = daemon.wait(START)?;
    alone(host)?;
    if status.success() {
        return Ok(End::Stopped);
    }
    let by = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(by, Some(9), "step {step}: {status}\n{}", daemon.said());
    assert!(log.exists(), "step {step} is written down");
    Ok(End::Killed)
}

/// Whether the daemon that `arguments` start says that it is up.
fn serves(program: &Program, host: &Host, arguments: &[&str]) -> bool {
    let ask: &[&str] = if arguments[0] == "hq" { &["--json", "hq", "status"] } else { &["--json", "status"] };
    let Ok(said) = program.attempt(host, ask, "").and_then(|output| output.json()) else { return false };
    said["state"] == "up" || (said["forwarding"] == true && said["firewall"] == "in-force")
}

/// Waits until nobody but its holder runs on the machine: a killed host process's worker has to notice by itself.
fn alone(host: &Host) -> Result<()> {
    let of = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let (holder, here) = (host.pid(), of(host.pid()));
    until(&format!("quiet on {}", host.name()), Duration::from_secs(5), || {
        let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .all(|pid: u32| pid == holder || of(pid) != here)
    })
    .map(drop)
}

/// The machine but its firewall, whose kill switch outlives every end until `leave`.
fn without_tables(machine: &str) -> String {
    machine.lines().filter(|line| !line.contains("\"nftables\"")).collect()
}

fn assert_same(step: usize, before: &str, after: &str) {
    let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert!(before == after, "killed at step {step}: {changed:#?}");
}

/// Kills `up` at every step, twice: the second start undoes what the first one did, `leave` what the second did.
fn up_dies_at_every_step(
    deployment: &Deployment<'_>,
    host: &Host,
    (kind, arguments): (&str, &[&str]),
) -> Result<usize> {
    let program = &deployment.program;
    let machine = || Ok::<_, hanare_lab::Error>(machine(host)? + &settings(host)?);
    let before = machine()?;
    let mut traces = 0;
    for step in 1..MANY {
        let name = format!("{}-{step}", host.name());
        let invite = deployment.hq.invite("kofu/306", kind, &name)?;
        Node::new(host, program).join(&invite)?.must()?;
        let first = start_to_die(program, host, arguments, step)?;
        let second = start_to_die(program, host, arguments, step)?;
        assert_eq!(first, second, "two starts record the same");
        traces += usize::from(without_tables(&before) != without_tables(&machine()?));
        program.run(host, &["leave", "--yes"])?;
        assert_same(step, &before, &machine()?);
        // A room has one gateway.
        deployment.hq.admin(&["node", "revoke", &name, "--yes"])?;
        if first == End::Stopped {
            // What is made on the tunnel's device goes with it; rules, settings and the resolver stay.
            assert!(traces >= 3, "only {traces} kills of {} left anything", step - 1);
            return Ok(step - 1);
        }
    }
    panic!("`up` does not come to an end of its steps");
}

#[test]
fn up_killed_at_every_step_is_put_back_by_the_next_start_and_by_leave() {
    inside("undo_steps::up_killed_at_every_step_is_put_back_by_the_next_start_and_by_leave", LIMIT, |lab| {
        let init = [&NETWORKS[..], &["--dns", "192.168.10.5"]].concat();
        let mut deployment = Deployment::open_with(lab, &init)?;
        let place = deployment.place("pc")?;
        let steps = up_dies_at_every_step(&deployment, &place.host, ("endpoint", &["up"]))?;
        assert!(steps >= 5, "{steps}");
        println!(
            "measured: `up` killed at each of its {steps} recorded steps, the machine was as before each time"
        );
        Ok(())
    });
}

#[test]
fn leave_killed_while_it_undoes_is_finished_by_the_next() {
    inside("undo_steps::leave_killed_while_it_undoes_is_finished_by_the_next", LIMIT, |lab| {
        let init = [&NETWORKS[..], &["--dns", "192.168.10.5"]].concat();
        let mut deployment = Deployment::open_with(lab, &init)?;
        let mut place = deployment.place("pc")?;
        let host = place.host.clone();
        let before = machine(&host)? + &settings(&host)?;
        let mut half = 0;
        for step in 1..MANY {
            let invite = deployment.hq.invite("kofu/306", "endpoint", &format!("pc-{step}"))?;
            place.node = Node::new(&host, &deployment.program);
            place.node.join(&invite)?.must()?;
            place.node.up(&[])?;
            if let Some(daemon) = &mut place.node.daemon {
                daemon.kill()?;
            }
            let whole = without_tables(&(machine(&host)? + &settings(&host)?));
            // Each of its messages over a socket: to the kernel, and to headquarters.
            let inject = format!("--inject=sendto:signal=SIGKILL:when={step}");
            let wrapper = ["strace", "--quiet=all", "-o", "/dev/null", "--trace=sendto", &inject, "--"];
            let mut leave = deployment.program.command_under(&wrapper, &host, &["leave", "--yes"]);
            let ended = hanare_lab::run(&mut leave, "", START)?;
            let now = without_tables(&(machine(&host)? + &settings(&host)?));
            half += usize::from(now != without_tables(&before) && now != whole);
            deployment.program.run(&host, &["leave", "--yes"])?;
            assert_same(step, &before, &(machine(&host)? + &settings(&host)?));
            deployment.hq.admin(&["node", "revoke", &format!("pc-{step}"), "--yes"])?;
            if ended.good() {
                println!("measured: `leave` killed at {} messages, {half} of them in the middle", step - 1);
                assert!(half >= 2, "only {half} kills of {} were in the middle", step - 1);
                return Ok(());
            }
        }
        panic!("`leave` does not come to an end of its messages");
    });
}

#[test]
fn a_gateway_killed_at_every_step_is_put_back_by_the_next_start_and_by_leave() {
    let name = "undo_steps::a_gateway_killed_at_every_step_is_put_back_by_the_next_start_and_by_leave";
    inside(name, LIMIT, |lab| {
        let init = [&NETWORKS[..], &["--dns", "192.168.10.5"]].concat();
        let mut deployment = Deployment::open_with(lab, &init)?;
        let Room { gateway, .. } = Room::build(&mut deployment, "kofu/306", "gw")?;
        gateway.host.sh("ip link set eth1 down")?;
        gateway.host.sh("sysctl -q -w net.ipv6.conf.eth0.accept_ra=1 net.ipv4.conf.eth0.rp_filter=1")?;
        let up = ("gateway", &["up", "--lan", "eth1"][..]);
        let steps = up_dies_at_every_step(&deployment, &gateway.host, up)?;
        assert!(steps >= 8, "{steps}");
        println!(
            "measured: `up --lan` killed at each of its {steps} recorded steps, the machine was as before each time"
        );
        Ok(())
    });
}

#[test]
fn headquarters_killed_at_every_step_is_put_back_by_the_next_start_and_its_end() {
    let name = "undo_steps::headquarters_killed_at_every_step_is_put_back_by_the_next_start_and_its_end";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open_with(lab, &NETWORKS)?;
        behind::server(&deployment)?;
        let host = deployment.hq.host.clone();
        deployment.hq.daemon.stop(START)?;
        alone(&host)?;
        let before = machine(&host)? + &settings(&host)?;
        let (mut steps, mut traces) = (0, 0);
        while start_to_die(&deployment.program, &host, &["hq", "serve"], steps + 1)? == End::Killed {
            steps += 1;
            traces += usize::from(before != machine(&host)? + &settings(&host)?);
            deployment.hq.start_again()?;
            deployment.hq.daemon.stop(START)?;
            alone(&host)?;
            assert_same(steps, &before, &(machine(&host)? + &settings(&host)?));
        }
        assert_same(steps + 1, &before, &(machine(&host)? + &settings(&host)?));
        assert!(steps >= 4 && traces > steps / 2, "{traces} kills of {steps} left anything");
        println!(
            "measured: `hq serve` killed at each of its {steps} recorded steps, the machine was as before each time"
        );
        Ok(())
    });
}
