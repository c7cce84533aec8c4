//! README's first command, ended in every way: whatever happens, nothing stays behind.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hanare_lab::{Lab, Output, Program, Result, inside, inside_alone, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(6);
/// One whole demo of a slow build on a busy machine.
const WHOLE: Duration = Duration::from_mins(2);
/// From the end of the first process to that of the last.
const SOON: Duration = Duration::from_secs(5);

/// What this laboratory, which has processes and files of its own, holds.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    processes: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
}

impl Traces {
    fn now() -> Self {
        let entries = |path: &str| std::fs::read_dir(path).into_iter().flatten().flatten();
        let pids = entries("/proc").filter_map(|entry| entry.file_name().into_string().ok());
        let processes = pids.filter(|pid| runs(pid)).collect();
        let places = ["/run", "/run/netns", "/run/hanare", "/run/wireguard", "/run/lab/tmp", "/dev/shm"];
        let files = places.into_iter().flat_map(entries).map(|entry| entry.path()).collect();
        Self { processes, files }
    }
}

/// Whether this is a process that has not ended. The first process here is this test, which reaps nobody's orphans: what
/// is a zombie is gone on a machine with an init.
fn runs(pid: &str) -> bool {
    if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| !state.trim_start().starts_with(['Z', 'X']))
}

/// The program as another user built it: beside it lies `hanare`, and nobody can read the rest of that user's files.
fn installed(_: &Lab) -> Result<PathBuf> {
    // Not below /run: the demo's own laboratory hides that.
    let directory = PathBuf::from("/mnt");
    let mut mount = Command::new("mount");
    hanare_lab::run(mount.args(["-t", "tmpfs", "-o", "mode=755", "none"]).arg(&directory), "", SOON)?
        .must()?;
    let built = Program::built()?;
    for name in ["hanare", "xtask"] {
        std::fs::copy(built.path().with_file_name(name), directory.join(name)).unwrap();
    }
    tun_for_everybody(&directory)?;
    Ok(directory.join("xtask"))
}

/// Debian's udev lets everybody open the device, and the kernel says who may make an interface; a machine without udev keeps it
/// for root. Here, and nowhere else, it is as on the former.
fn tun_for_everybody(directory: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let device = Path::new("/dev/net/tun");
    let seen = std::fs::metadata(device).unwrap();
    if seen.mode() & 0o006 == 0o006 {
        return Ok(());
    }
    let node = directory.join("tun");
    let kind = rustix::fs::FileType::CharacterDevice;
    rustix::fs::mknodat(rustix::fs::CWD, &node, kind, 0o666.into(), seen.rdev()).unwrap();
    std::fs::set_permissions(&node, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut mount = Command::new("mount");
    hanare_lab::run(mount.arg("--bind").args([&node, device]), "", SOON)?.must().map(drop)
}

/// A command line of the demo, as an ordinary user where this is root.
fn demo(program: &Path, more: &[&str]) -> Command {
    let mut command = Command::new("env");
    command.args(["--unset=HANARE_LAB", "--unset=HANARE_BIN", "LANG=en_US.UTF-8", "TMPDIR=/run/lab/tmp"]);
    command.args(["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]);
    if !std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295")) {
        // In an ordinary user's own namespace there is no other user to become.
        command = Command::new("env");
        command.args(["--unset=HANARE_LAB", "--unset=HANARE_BIN", "LANG=en_US.UTF-8", "TMPDIR=/run/lab/tmp"]);
    }
    command.arg(program).args(["demo", "--built"]).args(more);
    command
}

#[track_caller]
fn assert_whole(output: &Output) -> Value {
    assert!(output.good(), "{output:?}");
    let first = output.stdout.lines().next().unwrap_or_default();
    let report: Value = serde_json::from_str(first).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(
        (&report["enrolled"], &report["externals"], &report["tunnels_up"]),
        (&5.into(), &1.into(), &6.into())
    );
    for flag in ["ping_ok", "ping6_ok", "digest_ok", "isolation_ok"] {
        assert_eq!(report[flag], true, "{flag}");
    }
    for bytes in ["bytes_to_hq", "bytes_to_room"] {
        assert!(report[bytes].as_u64() >= Some(20_000_000), "{bytes}");
    }
    // Read back from headquarters, all of it, and nothing left in the room.
    let handover = &report["handover"];
    assert_eq!(
        (&handover["files"], &handover["bytes"], &handover["digest_ok"], &handover["sealed"]),
        (&5.into(), &5_000_000.into(), &true.into(), &0.into()),
        "{handover}"
    );
    assert_eq!((&report["wipe"]["verdict"], &report["wipe"]["remnants"]), (&"pass".into(), &0.into()));
    let underlay = &report["underlay"];
    assert_eq!(underlay["other"], serde_json::json!({}), "{underlay}");
    assert!(
        underlay["wireguard"].as_u64() > Some(1000) && underlay["api_tls"].as_u64() > Some(10),
        "{underlay}"
    );
    report
}

#[test]
fn an_ordinary_user_sees_it_whole_and_looks_around() {
    inside_alone("demo::an_ordinary_user_sees_it_whole_and_looks_around", LIMIT, |lab| {
        let program = installed(lab)?;
        let before = Traces::now();
        let typed = "on headquarters hanare --json hq status\non aoba-pc1 hanare --json status\nexit\n";
        let output = hanare_lab::run(&mut demo(&program, &["--json", "--keep"]), typed, WHOLE)?;
        let report = assert_whole(&output);
        println!("measured: demo of a debug build by an ordinary user, {} s inside", report["seconds"]);
        let later: Vec<Value> =
            output.stdout.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
        let schemas: Vec<&str> = later.iter().filter_map(|document| document["schema"].as_str()).collect();
        assert_eq!(schemas, ["hanare.hq.status/1", "hanare.status/1"], "{output:?}");
        assert_eq!(later[1]["state"], "up");
        until("the end of everything", SOON, || Traces::now() == before)?;
        Ok(())
    });
}

#[test]
fn killed_at_any_moment_it_leaves_nothing() {
    inside("demo::killed_at_any_moment_it_leaves_nothing", LIMIT, |lab| {
        let program = installed(lab)?;
        let before = Traces::now();
        for moment in [300, 2500, 7000] {
            let mut command = demo(&program, &[]);
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(moment));
            let many = Traces::now().processes.len() - before.processes.len();
            assert!(many > 2, "it is under way: {many}");
            child.kill().unwrap();
            child.wait().unwrap();
            let took = until("the end of everything", SOON, || Traces::now() == before);
            let took = took.unwrap_or_else(|error| panic!("{error}: {:?} and not {before:?}", Traces::now()));
            println!(
                "measured: demo killed after {moment} ms with {many} processes, gone {} ms later",
                took.as_millis()
            );
        }
        Ok(())
    });
}

#[test]
fn ctrl_c_at_the_keyboard_leaves_nothing() {
    inside("demo::ctrl_c_at_the_keyboard_leaves_nothing", LIMIT, |lab| {
        let program = installed(lab)?;
        let before = Traces::now();
        for moment in [300, 4000] {
            let line = demo(&program, &[]);
            let words: Vec<_> = line.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            // A terminal of its own: ^C reaches every process of the foreground, as it does at a keyboard.
            let exec = format!("EXEC:env {},pty,setsid,ctty,stderr", words.join(" "));
            let mut command = Command::new("socat");
            command.args(["-", &exec]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut socat = command.spawn().unwrap();
            let mut keyboard = socat.stdin.take().unwrap();
            std::thread::sleep(Duration::from_millis(moment));
            let many = Traces::now().processes.len() - before.processes.len();
            assert!(many > 2, "it is under way: {many}");
            keyboard.write_all(b"\x03").unwrap();
            let start = Instant::now();
            // The keyboard stays plugged in: the end is the key's doing, not the terminal's.
            until("the demo's end", SOON, || socat.try_wait().is_ok_and(|status| status.is_some()))?;
            until("the end of everything", SOON, || Traces::now() == before)?;
            drop(keyboard);
            println!(
                "measured: ^C after {moment} ms with {many} processes, gone {} ms later",
                start.elapsed().as_millis()
            );
        }
        Ok(())
    });
}
