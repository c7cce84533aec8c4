//! Six ways to power off, one of them a panic: the key goes with each, and the next boot writes one receipt before log-in.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use serde_json::Value;

use crate::by_policy::resumed_before_log_in;
use crate::scan::{CANARY, count};
use crate::tear_down::{HANARE, end_with_a_gigabyte_dirty, only_the_control, open_a_volume, work};

/// What a person or an accident does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Orderly,
    Forced,
    TwiceForced,
    Sysrq,
    Panic,
    Cut,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::Cut, Self::Orderly, Self::Forced, Self::TwiceForced, Self::Sysrq, Self::Panic];

    const fn script(self) -> &'static str {
        match self {
            Self::Orderly => "systemctl poweroff",
            Self::Forced => "systemctl poweroff -f",
            Self::TwiceForced => "systemctl poweroff -ff",
            Self::Sysrq => "echo o > /proc/sysrq-trigger",
            // QEMU ends where the kernel restarts the machine.
            Self::Panic => "echo 1 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger",
            Self::Cut => "true",
        }
    }
}

impl Way {
    /// What the receipt says: where systemd-shutdown runs, our hook is told of it; otherwise the power was lost, as far as anybody
    /// knows.
    const fn cause(self) -> &'static str {
        match self {
            Self::Orderly | Self::Forced => "shutdown",
            Self::TwiceForced | Self::Sysrq | Self::Panic | Self::Cut => "power-lost",
        }
    }
}

/// One working day on an open volume that ends this way, and the next boot.
fn cycle(image: &Image, mut guest: Guest, folder: &Path, way: Way, earlier: usize) -> Result<()> {
    work(&mut guest)?;
    // The control must be findable where work must not be: on the disk always, in memory until the power goes.
    let in_memory = count(&guest.memory()?, CANARY.as_bytes());
    assert!(in_memory > 1000, "{in_memory} canaries in memory while work is open: the scan finds nothing");
    let boot = guest.run("cat /proc/sys/kernel/random/boot_id")?.must()?.said;
    if way != Way::Cut {
        guest.switch_off_with(way.script())?;
    }
    if way == Way::Orderly {
        let found = count(&guest.memory()?, CANARY.as_bytes());
        println!("measured: {found} canaries in memory after an orderly power-off, {in_memory} before");
        assert_eq!(found, 0, "work data is left in memory");
    }
    guest.cut();
    let found = count(&Guest::disk(folder), CANARY.as_bytes());
    println!("measured: {found} canaries on the disk after {way:?}, all of the file beside the volume");
    assert!(only_the_control(found), "{found} canaries are left on the disk after {way:?}");
    let mut guest = Guest::boot(image, folder)?;
    let status = guest.run(&format!("{HANARE} wipe volume status"))?.must()?.json()?;
    assert_eq!(status["state"], "locked", "{status}");
    let list = guest.run(&format!("{HANARE} wipe receipt list"))?.must()?.json()?;
    let receipts = list["receipts"].as_array().cloned().unwrap_or_default();
    assert_eq!(receipts.len(), earlier + 1, "{list}");
    let newest = receipts.last().cloned().unwrap_or(Value::Null);
    assert_eq!(
        (newest["boot_id"].as_str(), newest["cause"].as_str()),
        (Some(boot.trim()), Some(way.cause())),
        "{list}"
    );
    resumed_before_log_in(&mut guest)?;
    guest.switch_off_with("systemctl poweroff")
}

fn open_again(guest: &mut Guest) -> Result<()> {
    guest.run(&format!("{HANARE} wipe volume open"))?.must().map(drop)
}

#[test]
fn after_every_way_to_power_off_nothing_is_left_and_the_next_boot_says_so() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let open = |guest: &mut Guest| if number == 0 { open_a_volume(guest, "") } else { open_again(guest) };
        let opened =
            Guest::boot(&image, folder.path()).and_then(|mut guest| open(&mut guest).map(|()| guest));
        opened
            .and_then(|guest| cycle(&image, guest, folder.path(), way, number))
            .unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
}

/// What `cargo xtask test` runs of all this: two boots.
#[test]
fn shortest_a_gigabyte_dirty_then_a_power_cut_then_the_next_boot() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    let mut guest = Guest::boot(&image, folder.path()).expect("a guest");
    end_with_a_gigabyte_dirty(&mut guest).expect("the end of a day");
    open_again(&mut guest).expect("the next day");
    cycle(&image, guest, folder.path(), Way::Cut, 1).expect("a power cut");
}
