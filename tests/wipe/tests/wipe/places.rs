//! Where programs leave work besides: told by `plan`, confined or erased by a policy that names it.

use std::fs;
use std::path::Path;

use hanare_wipe_tests::{Found, Image, Machine, Planter, Result, Seed, Told, scan};
use serde_json::Value;

use crate::world::{PASS, PLACE, inside, mount, run, swap_changes, text, verdict};

/// In a person's home, as `plan` knows them.
const PERSONAL: [(&str, &str); 6] = [
    ("cache", ".cache/thumbnails"),
    ("cache", ".cache/mozilla"),
    ("trash", ".local/share/Trash/files"),
    ("browser", ".mozilla/firefox"),
    ("browser", ".config/chromium"),
    ("recent", ".local/share/recently-used.xbel"),
];
/// The system's.
const SHARED: [(&str, &str); 2] = [("print-spool", "/var/spool/cups"), ("journal", "/var/log/journal")];

/// What `plan` says of a kind of place: whether all of it that is there is covered by `cover`, and how many there are.
fn covered(plan: &Told, kind: &str, cover: &str) -> (bool, usize) {
    let says = |spot: &Value, member: &str, word: &str| spot.get(member).is_some_and(|value| value == word);
    let mut there = plan.list("places");
    there.retain(|spot| says(spot, "kind", kind) && says(spot, "found", "found"));
    (there.iter().all(|spot| says(spot, "cover", cover)), there.len())
}

fn plant(seed: Seed, place: &Path) -> Result<()> {
    let planter = Planter::new(seed);
    if place.extension().is_some_and(|ending| ending == "xbel") {
        return planter.file(place, 8192);
    }
    fs::create_dir_all(place)?;
    planter.plant(place, 10, 2)
}

#[test]
fn trash_thumbnails_recent_files_browser_cache_print_spool_journal_and_core_dumps() {
    inside("places::trash_thumbnails_recent_files_browser_cache_print_spool_journal_and_core_dumps", || {
        // Where a crash leaves memory is the whole machine's setting.
        let _alone = swap_changes()?;
        let place = Path::new(PLACE);
        let image = Image::make(&place.join("disk.img"), 256, "ext4", &["-O", "inline_data", "-I", "256"])?;
        let mounted = image.mount("")?;
        let (home, volume, seed) = (mounted.join("sato"), place.join("work"), Seed::of("places"));
        // A person of this laboratory only, and a spool and a journal of its own.
        let accounts =
            fs::read_to_string("/etc/passwd")? + &format!("sato:x:1000:1000::{}:/bin/sh\n", home.display());
        fs::write(place.join("passwd"), accounts)?;
        mount(&["--bind", text(&place.join("passwd")), "/etc/passwd"])?;
        for (_, path) in SHARED {
            let above = Path::new(path).parent().ok_or("no parent")?;
            mount(&["-t", "tmpfs", "lab", text(above)])?;
            fs::create_dir(path)?;
        }
        for (_, name) in PERSONAL {
            plant(seed, &home.join(name))?;
        }
        let machine = Machine::with_copy(&mounted.join("state"), place)?;
        let plan = machine.run(&["wipe", "plan"])?;
        for (kind, _) in PERSONAL {
            let (uncovered, count) = covered(&plan, kind, "nothing");
            assert!(uncovered && count > 0, "{kind}: {}", plan.text);
        }
        let policy = place.join("policy.toml");
        let wanted = format!(
            "version = 1\nname = \"kofu\"\n[volume]\nkinds = [\"fscrypt\"]\nsize = \"64M\"\nmount = \"{}\"\n\
             [work]\nallowed = [\"{PLACE}\", \"/var/spool\", \"/var/log\"]\ntrees = [\"{}\"]\n[limits]\ndirty = \"1T\"\n\
             [confine]\npaths = [\"/tmp\", \"/var/tmp\", \"{}\", \"{}\"]\n",
            volume.display(),
            home.display(),
            SHARED[0].1,
            SHARED[1].1
        );
        fs::write(&policy, wanted)?;
        let policy = text(&policy);
        for arguments in [&["create", "--standalone"][..], &["open", "--confine"]] {
            let line = [&["wipe", "volume"], arguments, &["--policy", policy]].concat();
            let told = machine.run(&line)?;
            assert_eq!(told.status, Some(0), "{}", told.text);
        }
        for (_, path) in SHARED {
            plant(seed, Path::new(path))?;
        }
        // A program that crashes leaves no memory behind.
        let crash = "ulimit -c unlimited; sh -c 'kill -SEGV $$'; ls";
        let left = run("sh", &["-c", &format!("cd {}; {crash}", volume.display())])?;
        assert_eq!(left.trim(), "", "a core dump");
        let plan = machine.run(&["wipe", "plan", "--policy", policy])?;
        let places = PERSONAL
            .map(|(kind, _)| (kind, "tree"))
            .into_iter()
            .chain(SHARED.map(|(kind, _)| (kind, "confined")));
        for (kind, cover) in places {
            let (all, count) = covered(&plan, kind, cover);
            assert!(all && count > 0, "{kind}: {}", plan.text);
        }
        let told = machine.run(&["wipe", "run", "--yes", "--standalone", "--policy", policy])?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert!(!home.exists());
        for (_, path) in SHARED {
            assert_eq!(fs::read_dir(path)?.count(), 0, "{path}");
        }
        assert_eq!(scan(mounted.unmount()?.path(), seed)?, Found::new());
        Ok(())
    });
}
