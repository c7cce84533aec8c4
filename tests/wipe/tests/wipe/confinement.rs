//! `volume open --confine` on the real machine: what people and programs write beside their work, and swap. A laboratory has
//! mounts of its own; swap and the kernel's settings are the machine's, and are put back.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use hanare_lab::{SETTINGS, Settings};
use hanare_wipe_tests::{Found, Image, Machine, Mounted, Planter, Result, Seed, Told, scan};

use crate::world::{PARTIAL, PASS, PLACE, inside, mount, run, swap_changes, text, verdict};

/// The directories for temporary files; the work home comes with them.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// A machine with a work home, and swap on a disk in the clear.
pub(crate) struct Desk {
    pub(crate) machine: Machine,
    mounted: Mounted,
    pub(crate) volume: PathBuf,
    home: PathBuf,
    policy: PathBuf,
    swap: PlainSwap,
}

/// Swap in the clear on a loop device; taken out of use whatever becomes of the test, as is what confinement has changed.
struct PlainSwap {
    machine: Machine,
    device: String,
    _alone: (Settings, fs::File),
}

impl PlainSwap {
    fn new(file: &Path, machine: &Machine) -> Result<Self> {
        let alone = swap_changes()?;
        let alone = (Settings::keep(), alone);
        fs::File::create(file)?.set_len(16 << 20)?;
        let device = run("losetup", &["--find", "--show", text(file)])?.trim().to_owned();
        run("mkswap", &[&device])?;
        run("swapon", &["--priority", "7", &device])?;
        Ok(Self { machine: machine.clone(), device, _alone: alone })
    }
}

impl Drop for PlainSwap {
    fn drop(&mut self) {
        let _ = self.machine.run(&["wipe", "volume", "lock", "--yes"]);
        let _ = run("swapoff", &[&self.device]);
        let _ = run("losetup", &["--detach", &self.device]);
    }
}

/// What confinement changes.
#[derive(Debug, PartialEq)]
struct Surroundings {
    swap: Vec<String>,
    settings: Vec<String>,
    mounts: Vec<String>,
}

impl Desk {
    pub(crate) fn new(kind: &str) -> Result<Self> {
        let place = Path::new(PLACE);
        let image = Image::make(&place.join("disk.img"), 256, "ext4", &["-O", "inline_data", "-I", "256"])?;
        let mounted = image.mount("")?;
        let machine = Machine::with_copy(&mounted.join("state"), place)?;
        let (volume, home, policy) = (place.join("work"), place.join("home"), place.join("policy.toml"));
        fs::create_dir(&home)?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        let swap = PlainSwap::new(&place.join("swap.img"), &machine)?;
        let wanted = format!(
            "version = 1\nname = \"kofu\"\n[volume]\nkinds = [\"{kind}\"]\nsize = \"64M\"\nmount = \"{}\"\n\
             [work]\nallowed = [\"{PLACE}\"]\n[confine]\npaths = [\"/tmp\", \"/var/tmp\", \"{}\"]\n[limits]\ndirty = \"1T\"\n",
            volume.display(),
            home.display()
        );
        fs::write(&policy, wanted)?;
        let desk = Self { machine, mounted, volume, home, policy, swap };
        desk.must(&["wipe", "volume", "create", "--standalone", "--policy", text(&desk.policy)])?;
        Ok(desk)
    }

    pub(crate) fn must(&self, arguments: &[&str]) -> Result<Told> {
        let told = self.machine.run(arguments)?;
        assert_eq!(told.status, Some(0), "{arguments:?}: {}", told.text);
        Ok(told)
    }

    pub(crate) fn opening(&self) -> [&str; 6] {
        ["wipe", "volume", "open", "--confine", "--policy", text(&self.policy)]
    }

    pub(crate) fn end(&self) -> Result<Told> {
        self.machine.run(&["wipe", "run", "--yes", "--standalone", "--policy", text(&self.policy)])
    }

    fn places(&self) -> [&Path; 3] {
        [Path::new(TEMPORARY[0]), Path::new(TEMPORARY[1]), &self.home]
    }

    fn confined(&self) -> Result<(Vec<String>, String)> {
        let told = self.must(&["wipe", "volume", "status"])?;
        let confined = told.list("confined");
        let confined = confined.iter().filter_map(|path| Some(path.as_str()?.to_owned())).collect();
        Ok((confined, told.word("swap").to_owned()))
    }

    fn receipts(&self) -> Result<usize> {
        let list = self.must(&["wipe", "receipt", "list"])?;
        Ok(list.list("receipts").len())
    }

    fn surroundings(&self) -> Result<Surroundings> {
        let swap = fs::read_to_string("/proc/swaps")?;
        // Its name and its priority.
        let name = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {}", words.first().unwrap_or(&""), words.last().unwrap_or(&""))
        };
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let here = |line: &&str| {
            let point = line.split(' ').nth(4).unwrap_or_default();
            self.places().iter().any(|place| text(place) == point) || point == text(&self.volume)
        };
        Ok(Surroundings {
            swap: swap.lines().skip(1).map(name).collect(),
            settings: SETTINGS.iter().map(fs::read_to_string).collect::<std::io::Result<_>>()?,
            mounts: mounts.lines().filter(here).map(str::to_owned).collect(),
        })
    }
}

#[test]
fn what_people_write_beside_their_work_lies_on_the_volume() {
    inside("confinement::what_people_write_beside_their_work_lies_on_the_volume", || {
        let desk = Desk::new("fscrypt")?;
        let before = desk.surroundings()?;
        assert_eq!(before.swap, [format!("{} 7", desk.swap.device)], "this machine has swap of its own");
        let modes =
            |desk: &Desk| desk.places().map(|place| fs::metadata(place).map_or(0, |seen| seen.mode()));
        let modes_before = modes(&desk);
        assert_eq!(desk.confined()?, (Vec::new(), "plain".to_owned()));
        desk.must(&desk.opening())?;
        let places: Vec<String> = desk.places().iter().map(|place| text(place).to_owned()).collect();
        assert_eq!(desk.confined()?, (places, "zram".to_owned()));
        assert_eq!(modes(&desk), modes_before);
        let device = fs::metadata(&desk.volume)?.dev();
        let seed = Seed::of("desk");
        for place in desk.places() {
            assert_eq!(fs::metadata(place)?.dev(), device, "{}", place.display());
            let below = place.join("hanare-test");
            fs::create_dir(&below)?;
            Planter::new(seed).plant(&below, 20, 5)?;
        }
        let during = desk.surroundings()?;
        assert!(
            during.settings[0].starts_with("|/bin/false") && during.settings[1].trim() == "0",
            "{during:?}"
        );
        // The plan says what lies where.
        let plan = desk.machine.run(&["wipe", "plan", "--policy", text(&desk.policy)])?;
        let spots = plan.list("places");
        let temporary = spots.iter().filter(|spot| spot["kind"] == "temporary");
        assert!(
            temporary.clone().count() == 2 && temporary.clone().all(|spot| spot["cover"] == "confined"),
            "{spots:?}"
        );
        // One canary by way of each, beside the eight in the volume: nothing that people see.
        for place in desk.places() {
            assert_eq!(fs::read_dir(place)?.count(), 1, "{}", place.display());
        }
        let canaries = |desk: &Desk| -> Result<u64> {
            let told = desk.end()?;
            assert_eq!(verdict(&told), PASS, "{}", told.text);
            Ok(told.number("verified/reread_bytes") / 4096)
        };
        assert_eq!(canaries(&desk)?, 8 + 1 + 3);
        assert_eq!(desk.surroundings()?, before);
        assert_eq!(desk.confined()?, (Vec::new(), "plain".to_owned()));
        for place in desk.places() {
            assert!(!place.join("hanare-test").exists(), "{}", place.display());
        }
        assert_eq!(scan(desk.mounted.unmount()?.path(), seed)?, Found::new());
        Ok(())
    });
}

#[test]
fn what_escapes_the_volume_is_noticed() {
    inside("confinement::what_escapes_the_volume_is_noticed", || {
        let desk = Desk::new("ram")?;
        let before = desk.surroundings()?;
        desk.must(&desk.opening())?;
        fs::write(desk.volume.join("file"), "work")?;
        run("umount", &["/tmp"])?;
        mount(&["-t", "tmpfs", "other", text(&desk.home)])?;
        let (confined, swap) = desk.confined()?;
        assert_eq!((confined, swap.as_str()), (vec![TEMPORARY[1].to_owned()], "zram"));
        run("swapon", &["--priority", "7", &desk.swap.device])?;
        assert_eq!(desk.confined()?.1, "plain");
        // As an update of the system does.
        fs::write("/proc/sys/kernel/core_pattern", "core")?;
        let told = desk.end()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        let count = |reason: &str| {
            let skipped = told.list("skipped");
            skipped.iter().find(|entry| entry["reason"] == reason).and_then(|entry| entry["count"].as_u64())
        };
        // Two directories, and the swap area.
        assert_eq!((count("escaped"), count("plain-swap")), (Some(3), Some(1)), "{}", told.text);
        assert_eq!(count("core-dumps"), Some(1), "{}", told.text);
        assert_eq!(desk.surroundings()?, before);
        Ok(())
    });
}

#[test]
fn who_owns_the_directory_above_cannot_misdirect_it() {
    inside("confinement::who_owns_the_directory_above_cannot_misdirect_it", || {
        let desk = Desk::new("ram")?;
        let at = |name: &str| Path::new(PLACE).join(name);
        let seen = || fs::read_to_string("/proc/self/mountinfo");
        let (before, mounts_before) = (desk.surroundings()?, seen()?);
        let (people, precious) = (at("people"), at("precious"));
        let (taro, precious_file) = (people.join("taro"), precious.join("file"));
        fs::create_dir(&people)?;
        fs::create_dir(&precious)?;
        fs::write(&precious_file, "stays in sight")?;
        symlink(&precious, &taro)?;
        // Who binds by path hides what the link leads to.
        mount(&["--bind", text(desk.mounted.at()), text(&taro)])?;
        assert!(!precious_file.exists(), "the attack is none");
        run("umount", &[text(&precious)])?;
        let with_taro = [&desk.opening()[..], &["--home", text(&taro)]].concat();
        let told = desk.machine.run(&with_taro)?;
        assert_eq!((told.status, told.word("code")), (Some(3), "volume-unconfinable"), "{}", told.text);
        assert_eq!((desk.surroundings()?, seen()?), (before, mounts_before.clone()));
        assert_eq!(fs::read_to_string(&precious_file)?, "stays in sight");
        // Moved while it is bound, with something else where it was.
        fs::remove_file(&taro)?;
        fs::create_dir(&taro)?;
        desk.must(&with_taro)?;
        fs::write(taro.join("hanare-test"), "work")?;
        fs::rename(&people, at("moved"))?;
        symlink(at("moved"), &people)?;
        let told = desk.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        assert_eq!((verdict(&told), told.skipped("not-evaluated")), (PARTIAL, 1), "{}", told.text);
        assert_eq!(seen()?, mounts_before);
        assert!(!at("moved/taro/hanare-test").exists());
        Ok(())
    });
}

#[test]
fn what_an_end_could_not_put_back_the_next_one_does() {
    inside("confinement::what_an_end_could_not_put_back_the_next_one_does", || {
        let desk = Desk::new("ram")?;
        let before = desk.surroundings()?;
        let ending = ["wipe", "run", "--yes", "--standalone", "--policy", text(&desk.policy)];
        let pattern = Path::new(SETTINGS[0]);
        let core = || desk.machine.failing_on(pattern, "openat", "EIO", &ending);
        let swap = || desk.machine.failing_at("swapoff", "ENOMEM", &ending);
        let ends: [&dyn Fn() -> Result<Told>; 2] = [&core, &swap];
        for end in ends {
            desk.must(&desk.opening())?;
            let told = end()?;
            assert_eq!((told.status, told.word("verdict")), PARTIAL, "{}", told.text);
            assert_ne!(desk.surroundings()?, before, "nothing failed");
            // What is ours by now is not taken for what was there.
            desk.must(&desk.opening())?;
            assert_eq!(verdict(&desk.end()?), PASS);
            assert_eq!(desk.surroundings()?, before);
        }
        Ok(())
    });
}

#[test]
fn killed_at_every_recorded_step_it_is_undone() {
    inside("confinement::killed_at_every_recorded_step_it_is_undone", || {
        let desk = Desk::new("ram")?;
        let before = desk.surroundings()?;
        let mut receipts = 0;
        let mut seen: Vec<Surroundings> = Vec::new();
        // Every record is written back once before it is put in place and once after: before a change, and after it was noted.
        for step in 1.. {
            let ended = desk.machine.killed_at("fsync", step, &desk.opening())?;
            let during = desk.surroundings()?;
            if !seen.contains(&during) {
                seen.push(during);
            }
            let told = desk.machine.run(&["wipe", "resume"])?;
            if !ended {
                assert_eq!(desk.confined()?.0.len(), 3, "{}", told.text);
                break;
            }
            assert!(matches!(told.status, Some(0 | 7)), "step {step}: {}", told.text);
            if desk.must(&["wipe", "volume", "status"])?.word("state") == "open" {
                // Killed behind the last record: everything is in place, and it is open.
                assert_eq!(
                    (desk.confined()?.0.len(), desk.confined()?.1.as_str()),
                    (3, "zram"),
                    "step {step}"
                );
                desk.must(&["wipe", "volume", "lock", "--yes"])?;
            }
            assert_eq!(desk.surroundings()?, before, "step {step}: {}", told.text);
            assert_eq!(desk.must(&["wipe", "volume", "status"])?.word("state"), "locked", "step {step}");
            let now = desk.receipts()?;
            assert!(now == receipts || now == receipts + 1, "step {step}");
            receipts = now;
        }
        println!(
            "measured: {receipts} openings were killed, with {} different states of the machine",
            seen.len()
        );
        // Three mounts, two settings, the new swap, the old one.
        assert!(seen.len() >= 8 && receipts >= 16, "{seen:?}");
        let mut killed = 0;
        for call in ["fsync", "umount2", "swapoff", "swapon", "unlink"] {
            for step in 1.. {
                desk.must(&desk.opening())?;
                fs::write("/tmp/hanare-test", "work")?;
                let ended = desk.machine.killed_at(call, step, &["wipe", "volume", "lock", "--yes"])?;
                let told = desk.machine.run(&["wipe", "resume"])?;
                if desk.must(&["wipe", "volume", "status"])?.word("state") == "open" {
                    // Killed before anything was noted: it is still the person's.
                    desk.must(&["wipe", "volume", "lock", "--yes"])?;
                }
                assert_eq!(desk.surroundings()?, before, "{call} {step}: {}", told.text);
                receipts += 1;
                assert_eq!(desk.receipts()?, receipts, "{call} {step}: {}", told.text);
                if !ended {
                    break;
                }
                killed += 1;
            }
        }
        println!("measured: {killed} ends were killed");
        assert!(killed >= 8, "{killed}");
        Ok(())
    });
}
