//! `wipe run --policy`: the volume first, then what the policy calls work beside it, under one receipt; judged by what it demands.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_wipe_tests::{Found, Image, Machine, Mounted, Planter, Random, Result, Seed, Told, scan};
use serde_json::Value;

use crate::world::{PARTIAL, PASS, PLACE, careless, inside, long, mount, run, swap_stays, text, verdict};

/// A machine whose state, work volume and leftovers lie on one ext4.
pub(crate) struct Office {
    pub(crate) machine: Machine,
    pub(crate) mounted: Mounted,
    pub(crate) volume: PathBuf,
    pub(crate) tree: PathBuf,
    policy: PathBuf,
    pub(crate) seed: Seed,
}

impl Office {
    /// With a policy that accepts `kinds`; `more` is what else it says.
    pub(crate) fn new(kinds: &str, more: &str) -> Result<Self> {
        let place = Path::new(PLACE);
        let image = Image::make(&place.join("disk.img"), 512, "ext4", &["-O", "inline_data", "-I", "256"])?;
        let mounted = image.mount("")?;
        let machine = Machine::new(&mounted.join("state"))?;
        let (volume, tree, policy) = (place.join("work"), mounted.join("tree"), place.join("policy.toml"));
        fs::create_dir(&tree)?;
        let office = Self { machine, mounted, volume, tree, policy, seed: Seed::of("office") };
        office.write_policy(&office.tree, kinds, more)?;
        Ok(office)
    }

    fn write_policy(&self, tree: &Path, kinds: &str, more: &str) -> Result<()> {
        let Self { volume, policy, .. } = self;
        let (volume, tree) = (volume.display(), tree.display());
        let text = format!(
            "version = 1\nname = \"kofu\"\n[volume]\nkinds = [{kinds}]\nsize = \"64M\"\nmount = \"{volume}\"\n\
             [work]\nallowed = [\"{PLACE}\"]\ntrees = [\"{tree}\", \"{PLACE}/absent\"]\n{more}\n\
             [limits]\ndirty = \"1T\"\n"
        );
        Ok(fs::write(policy, text)?)
    }

    pub(crate) fn create(&self) -> Result<Told> {
        let told = self.machine.run(&[
            "wipe",
            "volume",
            "create",
            "--standalone",
            "--policy",
            text(&self.policy),
        ])?;
        assert_eq!(told.status, Some(0), "{}", told.text);
        Ok(told)
    }

    pub(crate) fn opening(&self) -> [&str; 5] {
        ["wipe", "volume", "open", "--policy", text(&self.policy)]
    }

    pub(crate) fn open(&self) -> Result<()> {
        let told = self.machine.run(&self.opening())?;
        assert_eq!(told.status, Some(0), "{}", told.text);
        assert_eq!(told.word("path"), text(&self.volume));
        Ok(())
    }

    pub(crate) fn arguments(&self) -> [&str; 6] {
        ["wipe", "run", "--yes", "--standalone", "--policy", text(&self.policy)]
    }

    pub(crate) fn end(&self) -> Result<Told> {
        self.machine.run(&self.arguments())
    }

    pub(crate) fn state(&self) -> Result<String> {
        Ok(self.machine.run(&["wipe", "volume", "status"])?.word("state").to_owned())
    }

    pub(crate) fn receipts(&self) -> Result<usize> {
        let told = self.machine.run(&["wipe", "receipt", "list"])?;
        assert_eq!(told.status, Some(0), "{}", told.text);
        Ok(told.list("receipts").len())
    }

    /// The receipt that `told` names, as it was signed.
    fn receipt(told: &Told) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(told.word("receipt"))?)?)
    }

    pub(crate) fn remnants(self) -> Result<Found> {
        let seed = self.seed;
        scan(self.mounted.unmount()?.path(), seed)
    }
}

/// The reasons in `skipped`, in their order.
pub(crate) fn reasons(told: &Told) -> Vec<String> {
    told.list("skipped").iter().filter_map(|entry| Some(entry.get("reason")?.as_str()?.to_owned())).collect()
}

#[test]
fn every_kind_of_canary_in_the_volume_and_beside_it_is_gone() {
    inside("by_policy::every_kind_of_canary_in_the_volume_and_beside_it_is_gone", || {
        let _swap = swap_stays()?;
        let office = Office::new("\"fscrypt\"", "")?;
        assert_eq!(office.create()?.word("kind"), "fscrypt");
        office.open()?;
        Planter::new(office.seed).plant(&office.volume, 200, 20)?;
        Planter::new(office.seed).plant(&office.tree, 200, 20)?;
        let told = office.machine.run(&[
            "wipe",
            "run",
            "--dry-run",
            "--standalone",
            "--policy",
            text(&office.policy),
        ])?;
        assert_eq!((told.status, told.number("files")), (Some(0), 200 + 20 * 13), "{}", told.text);
        assert_eq!(told.number("absent"), 1, "{}", told.text);
        assert_eq!((office.state()?.as_str(), office.receipts()?, office.tree.exists()), ("open", 0, true));
        let told = office.end()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!(told.document["volume"]["key_destroyed"], true, "{}", told.text);
        // The weaker of the two that were used.
        assert_eq!((told.number("verified/remnants"), told.word("method")), (0, "clear"));
        assert!(told.number("verified/reread_bytes") > 200 * 4096, "{}", told.text);
        assert_eq!(
            (office.state()?.as_str(), office.receipts()?, office.tree.exists()),
            ("locked", 1, false)
        );
        let receipt = Office::receipt(&told)?;
        // The tree that was not there is on record.
        assert_eq!((told.number("absent"), &receipt["outcome"]["absent"]), (1, &1.into()), "{receipt}");
        assert_eq!(
            (&receipt["policy"]["name"], &receipt["volume_kind"]),
            (&"kofu".into(), &"fscrypt".into())
        );
        let text = fs::read_to_string(told.word("receipt"))?;
        assert!(!text.contains("tree") && !text.contains(PLACE), "a path is in the receipt: {text}");
        assert_eq!(office.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn what_is_not_as_the_policy_demands_is_no_pass() {
    inside("by_policy::what_is_not_as_the_policy_demands_is_no_pass", || {
        let _swap = swap_stays()?;
        let office = Office::new("\"ram\"", "")?;
        office.create()?;
        let cryptographic = "[demand]\nmethods = [\"cryptographic erase (module not validated)\"]";
        for (kinds, more, wanted) in [
            ("\"ram\"", "", &[][..]),
            ("\"dm-crypt\", \"fscrypt\"", "", &["volume-kind"]),
            ("\"ram\"", cryptographic, &["method"]),
            ("\"ram\"", "[confine]\npaths = [\"/tmp\", \"/var/tmp\"]", &["not-confined"]),
            ("\"ram\"", "[demand]\ninit_on_free = true", &["freed-memory"]),
        ] {
            office.write_policy(&office.tree, kinds, more)?;
            office.open()?;
            fs::create_dir_all(&office.tree)?;
            Planter::new(office.seed).files(&office.tree, 20)?;
            Planter::new(office.seed).files(&office.volume, 20)?;
            let told = office.end()?;
            let blanked = fs::read_to_string("/proc/cmdline")?.contains("init_on_free=1");
            if wanted == ["freed-memory"] && blanked {
                assert_eq!(verdict(&told), PASS, "{}", told.text);
                continue;
            }
            assert_eq!(verdict(&told), if wanted.is_empty() { PASS } else { PARTIAL }, "{}", told.text);
            assert_eq!(reasons(&told), wanted, "{}", told.text);
            // Whatever is demanded, what was there is gone.
            assert_eq!((office.state()?.as_str(), office.tree.exists()), ("locked", false));
        }
        // Opened where the policy does not look, and not opened at all.
        office.write_policy(&office.tree, "\"ram\"", "")?;
        let elsewhere = Path::new(PLACE).join("elsewhere");
        let told = office.machine.run(&["wipe", "volume", "open", "--mount", text(&elsewhere)])?;
        assert_eq!(told.status, Some(0), "{}", told.text);
        fs::write(elsewhere.join("file"), "work")?;
        let told = office.end()?;
        assert_eq!(
            (verdict(&told), reasons(&told)),
            (PARTIAL, vec!["volume-elsewhere".into()]),
            "{}",
            told.text
        );
        fs::create_dir(&office.tree)?;
        let told = office.end()?;
        assert_eq!(
            (verdict(&told), reasons(&told)),
            (PARTIAL, vec!["volume-not-open".into()]),
            "{}",
            told.text
        );
        assert_eq!(told.document["volume"], Value::Null, "{}", told.text);
        let told = office.end()?;
        assert_eq!((told.status, told.word("code")), (Some(4), "nothing-to-wipe"), "{}", told.text);
        Ok(())
    });
}

#[test]
fn memory_that_a_key_has_to_wait_for_is_no_pass() {
    inside("by_policy::memory_that_a_key_has_to_wait_for_is_no_pass", || {
        let _swap = swap_stays()?;
        let office = Office::new("\"fscrypt\"", "")?;
        office.create()?;
        let allowing = |limit: &str| -> Result<Told> {
            office.write_policy(&office.tree, "\"fscrypt\"", "")?;
            let text = fs::read_to_string(&office.policy)?.replace("dirty = \"1T\"", limit);
            fs::write(&office.policy, text)?;
            office.open()?;
            // Nobody writes it back: what is dirty is younger than the kernel's half a minute.
            fs::write(office.volume.join("file"), vec![7; 8 << 20])?;
            office.end()
        };
        let told = allowing("dirty = \"1M\"")?;
        assert_eq!((verdict(&told), reasons(&told)), (PARTIAL, vec!["dirty-memory".into()]), "{}", told.text);
        assert_eq!(told.document["volume"]["key_destroyed"], true, "{}", told.text);
        assert_eq!(verdict(&allowing("dirty = \"1T\"")?), PASS);
        Ok(())
    });
}

#[test]
fn a_tree_that_may_not_be_erased_keeps_no_key_alive() {
    inside("by_policy::a_tree_that_may_not_be_erased_keeps_no_key_alive", || {
        let _swap = swap_stays()?;
        let office = Office::new("\"ram\"", "")?;
        office.create()?;
        let precious = office.mounted.join("precious");
        fs::create_dir(&precious)?;
        fs::write(precious.join("file"), "stays")?;
        let link = || -> Result<()> { Ok(symlink(&precious, &office.tree)?) };
        let bind = || -> Result<()> {
            fs::create_dir(&office.tree)?;
            mount(&["--bind", text(&precious), text(&office.tree)])
        };
        let away = || run("umount", &[text(&office.tree)]).and_then(|_| Ok(fs::remove_dir(&office.tree)?));
        let attacks: [(&dyn Fn() -> Result<()>, &str); 2] = [(&link, "not-evaluated"), (&bind, "mount")];
        for (attack, kind) in attacks {
            let _ = fs::remove_dir(&office.tree).or_else(|_| fs::remove_file(&office.tree));
            attack()?;
            // Who does not look what is there by now destroys it.
            careless(&office.tree)?;
            assert!(!precious.join("file").exists(), "the attack is none");
            fs::write(precious.join("file"), "stays")?;
            office.open()?;
            fs::write(office.volume.join("file"), "work")?;
            let told = office.end()?;
            assert_eq!((verdict(&told), told.skipped(kind)), (PARTIAL, 1), "{}", told.text);
            assert_eq!(reasons(&told), ["tree-refused"], "{}", told.text);
            assert_eq!(told.document["volume"]["key_destroyed"], true, "{}", told.text);
            assert_eq!(office.state()?, "locked");
            // With nothing else to be done the refusal is the answer, with its place in the policy where it is the policy's.
            let receipts = office.receipts()?;
            for word in ["--yes", "--dry-run"] {
                let told = office.machine.run(&[
                    "wipe",
                    "run",
                    word,
                    "--standalone",
                    "--policy",
                    text(&office.policy),
                ])?;
                let code = if kind == "mount" { "wipe-policy" } else { "tree-refused" };
                assert_eq!((told.status, told.word("code")), (Some(3), code), "{}", told.text);
            }
            assert_eq!(office.receipts()?, receipts);
            assert_eq!(fs::read_to_string(precious.join("file"))?, "stays");
        }
        away()?;
        // What is kept may be called by another name.
        fs::create_dir_all(office.tree.join("inner"))?;
        let kept = Path::new(PLACE).join("kept");
        symlink(office.tree.join("inner"), &kept)?;
        office.write_policy(&office.tree, "\"ram\"", &format!("keep = [\"{}\"]", kept.display()))?;
        let told = office.end()?;
        assert_eq!((told.status, told.word("code")), (Some(6), "tree-refused"), "{}", told.text);
        assert!(office.tree.join("inner").exists());
        Ok(())
    });
}

#[test]
fn kill_9_in_the_middle_of_a_day_s_end_then_resume() {
    inside("by_policy::kill_9_in_the_middle_of_a_day_s_end_then_resume", || {
        let _swap = swap_stays()?;
        let mut random = Random::by_the_clock();
        println!("measured: {random:?}");
        let office = Office::new("\"fscrypt\"", "")?;
        office.create()?;
        let prepare = || -> Result<()> {
            office.open()?;
            Planter::new(office.seed).plant(&office.volume, 500, 5)?;
            fs::create_dir_all(&office.tree)?;
            Planter::new(office.seed).plant(&office.tree, 3000, 20)
        };
        prepare()?;
        let started = Instant::now();
        let told = office.end()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        let whole = started.elapsed();
        let (opening, marker) = (
            office.machine.state().join("wipe/opening.json"),
            office.machine.state().join("wipe/pending.json"),
        );
        let (mut in_volume, mut in_trees) = (0, 0);
        let rounds = if long() { 100 } else { 20 };
        let mut round = 0;
        // By chance all of them may miss one of the two: then there are more.
        while round < rounds || (in_volume.min(in_trees) == 0 && round < 10 * rounds) {
            round += 1;
            prepare()?;
            let mut child = office.machine.spawn(&office.arguments())?;
            // The volume ends within a small part of the time: half of the rounds are for that.
            let most = u64::try_from(whole.as_micros())? / if round % 2 == 0 { 1 } else { 4 };
            std::thread::sleep(Duration::from_micros(random.below(most)));
            child.kill()?;
            child.wait()?;
            let pending = marker.exists();
            let told = office.machine.run(&["wipe", "resume"])?;
            let was_resumed = told.document.get("verdict").is_some();
            in_trees += u32::from(pending);
            in_volume += u32::from(was_resumed && !pending);
            assert!(matches!(told.status, Some(0 | 7)), "{}", told.text);
            assert!(!pending || told.status == Some(7), "a pass after an interruption: {}", told.text);
            if office.state()? == "open" {
                // Killed before the order was noted: nothing was done, and the day is ended anew.
                let told = office.end()?;
                assert_eq!(verdict(&told), PASS, "{}", told.text);
            }
            assert!(
                !office.tree.exists() && !opening.exists() && !marker.exists(),
                "round {round}: {}",
                told.text
            );
            assert_eq!(office.receipts()?, round + 1, "receipts after round {round}: {}", told.text);
            let last = office.machine.run(&["wipe", "receipt", "list"])?;
            let last = last.document["receipts"][round]["path"].as_str().unwrap_or_default().to_owned();
            let receipt: Value = serde_json::from_str(&fs::read_to_string(last)?)?;
            assert_eq!(receipt["policy"]["name"], "kofu", "{receipt}");
            assert_eq!(receipt["outcome"]["volume"]["key_destroyed"], true, "{receipt}");
        }
        println!(
            "measured: of {round} {in_volume} were interrupted in the volume, {in_trees} in the trees; a whole one took {whole:?}"
        );
        assert!(in_volume > 0 && in_trees > 0, "no instant was in the middle of one of them");
        assert_eq!(office.remnants()?, Found::new());
        Ok(())
    });
}
