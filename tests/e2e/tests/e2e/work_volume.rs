//! The work volume on this machine's own kernel: in memory, and encrypted by the file system on a loop device.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hanare_lab::{Host, Lab, Program, Result, inside};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);
/// What work data looks like here.
const CANARY: &str = "CANARY-of-a-working-day";

/// A machine that is not enrolled, with a volume of one kind.
struct Room {
    host: Host,
    program: Program,
    mountpoint: PathBuf,
}

impl Room {
    fn new(lab: &Lab, kind: &str) -> Result<Self> {
        let host = lab.host("pc")?;
        let mountpoint = host.directory().join("work");
        let room = Self { host, program: Program::built()?, mountpoint };
        room.hanare(&format!("volume create --kind {kind} --size 64M --standalone"))?;
        Ok(room)
    }

    fn attempt(&self, line: &str) -> Result<(Option<i32>, Value)> {
        let words: Vec<&str> = ["--json", "wipe"].into_iter().chain(line.split(' ')).collect();
        let output = self.program.attempt(&self.host, &words, "")?;
        Ok((output.code(), output.json()?))
    }

    fn hanare(&self, line: &str) -> Result<Value> {
        let (code, document) = self.attempt(line)?;
        assert_eq!(code, Some(0), "{line}: {document}");
        Ok(document)
    }

    fn open(&self) -> Result<()> {
        self.hanare(&format!("volume open --mount {}", self.mountpoint.display())).map(drop)
    }

    fn shell(&self, script: &str) -> Result<String> {
        let script = format!("cd {} && {script}", self.mountpoint.display());
        Ok(self.host.run("sh", ["-c", &script], "", LIMIT)?.must()?.stdout)
    }

    /// A process in the volume's directory with a nameless file open, one with a file mapped or being followed.
    fn occupy(&self) -> Vec<std::process::Child> {
        let scripts = ["exec 3<>nameless; echo x >&3; rm nameless; exec sleep 300", "exec tail -f secret"];
        let start = |script: &str| {
            let mut command = self.host.command("sh");
            let script = format!("cd {} && {script}", self.mountpoint.display());
            command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("a process in the volume")
        };
        let children = scripts.map(start).into();
        // Both are where they should be.
        std::thread::sleep(Duration::from_millis(500));
        children
    }

    fn receipts(&self) -> Result<usize> {
        let list = self.hanare("receipt list")?;
        Ok(list["receipts"].as_array().map_or(0, Vec::len))
    }
}

fn count(path: &Path) -> usize {
    let bytes = std::fs::read(path).expect("the backing");
    bytes.windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count()
}

/// Works, is interrupted by the end of the day with files open, and finds an empty volume the next time.
fn a_day(room: &Room) -> Result<Value> {
    room.open()?;
    room.shell(&format!(
        "yes {CANARY} | head -c 3000000 > secret; mkdir {CANARY}; echo x > {CANARY}/{CANARY}"
    ))?;
    let status = room.hanare("volume status")?;
    assert_eq!(status["state"], "open", "{status}");
    assert_eq!(status["mountpoint"].as_str(), room.mountpoint.to_str(), "{status}");
    let holders = room.occupy();
    let ended = room.hanare("run --yes --standalone")?;
    assert_eq!(ended["verdict"], "pass", "{ended}");
    assert_eq!(
        (&ended["volume"]["key_destroyed"], &ended["verified"]["remnants"]),
        (&true.into(), &0.into())
    );
    for mut holder in holders {
        assert!(!holder.wait().expect("an end").success(), "a process that used the volume lived on");
    }
    assert_eq!(room.hanare("volume status")?["state"], "locked");
    assert_eq!(room.receipts()?, 1);
    room.open()?;
    assert_eq!(room.shell("ls")?.trim(), "", "the volume was not made anew");
    let locked = room.hanare("volume lock --yes")?;
    assert_eq!(locked["volume"]["key_destroyed"], true, "{locked}");
    assert_eq!(room.receipts()?, 2);
    Ok(ended)
}

#[test]
fn a_day_in_memory_ends_with_every_page_overwritten() {
    inside("work_volume::a_day_in_memory_ends_with_every_page_overwritten", LIMIT, |lab| {
        let room = Room::new(lab, "ram")?;
        let ended = a_day(&room)?;
        assert_eq!(ended["method"], "clear", "{ended}");
        assert!(ended["verified"]["reread_bytes"].as_u64() > Some(3_000_000), "{ended}");
        println!("measured: 3 MB in memory gone after {} s", ended["volume"]["seconds"]);
        Ok(())
    });
}

#[test]
fn a_day_under_fscrypt_leaves_nothing_in_the_raw_file() {
    inside("work_volume::a_day_under_fscrypt_leaves_nothing_in_the_raw_file", LIMIT, |lab| {
        let room = Room::new(lab, "fscrypt")?;
        let backing = room.host.directory().join("state/wipe/work.volume");
        let ended = a_day(&room)?;
        assert_eq!(ended["method"], "cryptographic erase (module not validated)", "{ended}");
        assert_eq!(count(&backing), 0);
        println!("measured: fscrypt locked after {} s", ended["volume"]["seconds"]);
        // The control: the same scan finds what is there to be found.
        std::fs::write(room.host.directory().join("plain"), CANARY.repeat(3)).expect("written");
        assert_eq!(count(&room.host.directory().join("plain")), 3);
        Ok(())
    });
}

#[test]
fn a_killed_tear_down_is_finished_by_resume_with_one_receipt() {
    inside("work_volume::a_killed_tear_down_is_finished_by_resume_with_one_receipt", LIMIT, |lab| {
        let room = Room::new(lab, "ram")?;
        for moment in 0..8_u64 {
            room.open()?;
            room.shell(&format!("yes {CANARY} | head -c 20000000 > secret"))?;
            let mut lock = room.program.command(&room.host, &["wipe", "volume", "lock", "--yes"]);
            let mut lock = lock.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
            std::thread::sleep(Duration::from_millis(moment * 25));
            // It may have ended by itself already.
            let _ = lock.kill();
            lock.wait().expect("an end");
            // One that was killed before it wrote its order down is still open, and is not resume's business.
            if room.hanare("volume status")?["state"] == "open" {
                let (code, _) = room.attempt("volume lock --yes")?;
                assert!(matches!(code, Some(0 | 7)));
            }
            let (code, document) = room.attempt("resume")?;
            assert!(matches!(code, Some(0 | 7)), "{document}");
            assert_eq!(room.receipts()?, usize::try_from(moment).unwrap_or(0) + 1, "after {moment}");
            assert_eq!(room.hanare("volume status")?["state"], "locked");
        }
        Ok(())
    });
}

#[test]
fn an_end_that_could_not_be_recorded_is_recorded_once_as_it_was() {
    inside("work_volume::an_end_that_could_not_be_recorded_is_recorded_once_as_it_was", LIMIT, |lab| {
        let room = Room::new(lab, "ram")?;
        room.open()?;
        room.shell(&format!("yes {CANARY} | head -c 3000000 > secret"))?;
        // The disk takes no receipt.
        let receipts = room.host.directory().join("state/wipe/receipts");
        let aside = receipts.with_extension("aside");
        std::fs::rename(&receipts, &aside).expect("moved");
        std::fs::write(&receipts, "in the way").expect("written");
        let (code, document) = room.attempt("run --yes --standalone")?;
        assert!(!matches!(code, Some(0 | 7)), "{document}");
        std::fs::remove_file(&receipts).expect("removed");
        std::fs::rename(&aside, &receipts).expect("moved back");
        // What was seen when it ended is what the receipt says: by now there is nothing left to look at.
        let resumed = room.hanare("resume")?;
        assert_eq!(resumed["verdict"], "pass", "{resumed}");
        assert!(resumed["verified"]["reread_bytes"].as_u64() > Some(3_000_000), "{resumed}");
        assert_eq!(room.receipts()?, 1);
        assert_eq!(room.hanare("resume")?["pending"], false);
        assert_eq!(room.receipts()?, 1);
        Ok(())
    });
}

#[test]
fn a_machine_that_is_not_enrolled_makes_no_volume_unasked() {
    inside("work_volume::a_machine_that_is_not_enrolled_makes_no_volume_unasked", LIMIT, |lab| {
        let room = Room { host: lab.host("pc")?, program: Program::built()?, mountpoint: "/run/work".into() };
        let (code, document) = room.attempt("volume create --kind ram --size 64M")?;
        assert_eq!(code, Some(6), "{document}");
        assert_eq!(room.hanare("volume status")?["state"], "absent");
        let (code, document) = room.attempt("volume open")?;
        assert_eq!((code, document["code"].as_str()), (Some(4), Some("volume-absent")), "{document}");
        Ok(())
    });
}
