//! Work volumes on a whole device, which the kernel may call something else at the next boot.

use std::fs;
use std::path::{Path, PathBuf};

use hanare_wipe_tests::{Machine, Result, Told};

use crate::world::{PLACE, inside, run, swap_stays, text};

const MEBIBYTES: u64 = 48;

/// A disk: an image behind a loop device.
struct Disk {
    device: String,
    image: PathBuf,
}

impl Disk {
    fn new(name: &str) -> Result<Self> {
        let image = Path::new(PLACE).join(name);
        fs::write(&image, format!("what {name} holds, line after line\n").repeat(1000))?;
        fs::File::options().write(true).open(&image)?.set_len(MEBIBYTES << 20)?;
        let device = run("losetup", &["--find", "--show", text(&image)])?.trim().to_owned();
        Ok(Self { device, image })
    }

    /// Another disk behind the same name.
    fn becomes(&self, image: &Path) -> Result<()> {
        run("losetup", &["--detach", &self.device])?;
        hanare_lab::until("the device to be free", std::time::Duration::from_secs(10), || {
            run("losetup", &[&self.device]).is_err()
        })?;
        run("losetup", &[&self.device, text(image)]).map(drop)
    }

    fn content(&self) -> Result<Vec<u8>> {
        Ok(fs::read(&self.image)?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("losetup", &["--detach", &self.device]);
    }
}

#[test]
fn another_disk_with_the_volume_s_name_is_never_touched() {
    inside("devices::another_disk_with_the_volume_s_name_is_never_touched", || {
        let _swap = swap_stays()?;
        let machine = Machine::new(&Path::new(PLACE).join("state"))?;
        let (ours, other) = (Disk::new("ours")?, Disk::new("other")?);
        let volume = Path::new(PLACE).join("work");
        let create = |device: &str| {
            let line = ["wipe", "volume", "create", "--standalone", "--yes", "--kind", "fscrypt"];
            machine.run(&[&line[..], &["--size", "40M", device]].concat())
        };
        let opening = ["wipe", "volume", "open", "--mount", text(&volume)];
        let good = |told: Told| assert_eq!(told.status, Some(0), "{}", told.text);
        good(create(&ours.device)?);
        good(machine.run(&opening)?);
        fs::write(volume.join("letter"), "work")?;
        good(machine.run(&["wipe", "volume", "lock", "--yes"])?);
        // What lies behind the part that the volume was given is not its own.
        assert!(ours.content()?.iter().skip(40 << 20).all(|byte| *byte == 0));
        // The next boot finds the disks in another order.
        let before = other.content()?;
        run("losetup", &["--detach", &other.device])?;
        ours.becomes(&other.image)?;
        let told = machine.run(&opening)?;
        assert_eq!((told.status, told.word("code")), (Some(4), "volume-another-device"), "{}", told.text);
        assert!(other.content()? == before, "it was touched by an opening");
        // And a boot after a power cut, when the volume's disk is to be overwritten before anybody can log in.
        ours.becomes(&ours.image)?;
        good(machine.run(&opening)?);
        power_cut(&machine, &volume)?;
        ours.becomes(&other.image)?;
        let told = machine.run(&["wipe", "resume"])?;
        assert_eq!((told.status, told.word("verdict")), (Some(7), "partial"), "{}", told.text);
        assert!(other.content()? == before, "it was touched by a resume");
        // Nor is it taken because somebody says once more what there is already, as a script does at each boot.
        let told = create(&ours.device)?;
        assert_eq!((told.status, told.word("code")), (Some(4), "volume-another-device"), "{}", told.text);
        assert!(other.content()? == before, "it was touched by a create");
        // To use it all the same is somebody's decision.
        fs::remove_file(machine.state().join("wipe/volume.json"))?;
        good(create(&ours.device)?);
        good(machine.run(&opening)?);
        good(machine.run(&["wipe", "volume", "lock", "--yes"])?);
        assert!(other.content()? != before);
        Ok(())
    });
}

/// What a power cut leaves: the record of an opening of another boot, and nothing mounted.
fn power_cut(machine: &Machine, volume: &Path) -> Result<()> {
    run("umount", &[text(volume)])?;
    let below = run("findmnt", &["-n", "-l", "-o", "TARGET", "-t", "ext4"])?;
    for point in below.lines().filter(|point| point.contains("/wipe/hanare-")) {
        run("umount", &[point.trim()])?;
    }
    let record = machine.state().join("wipe/opening.json");
    let mut opening: serde_json::Value = serde_json::from_slice(&fs::read(&record)?)?;
    let boot = opening.pointer_mut("/boot_id").ok_or("no boot in it")?;
    *boot = "00000000-0000-4000-8000-000000000000".into();
    Ok(fs::write(record, serde_json::to_vec(&opening)?)?)
}
