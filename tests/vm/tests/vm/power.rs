//! Five ways to power off: the key goes with each, the next boot says so before anyone can log in, and there is one receipt.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use serde_json::Value;

use crate::scan::{CANARY, count};
use crate::tear_down::{HANARE, open_a_volume, work};

/// What a person or an accident does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Orderly,
    Forced,
    TwiceForced,
    Sysrq,
    Cut,
}

impl Way {
    const ALL: [Self; 5] = [Self::Cut, Self::Orderly, Self::Forced, Self::TwiceForced, Self::Sysrq];

    const fn script(self) -> &'static str {
        match self {
            Self::Orderly => "systemctl poweroff",
            Self::Forced => "systemctl poweroff -f",
            Self::TwiceForced => "systemctl poweroff -ff",
            Self::Sysrq => "echo o > /proc/sysrq-trigger",
            Self::Cut => "true",
        }
    }
}

fn cycle(image: &Image, folder: &Path, way: Way, number: usize) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    if number == 0 {
        open_a_volume(&mut guest)?;
    } else {
        guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
    }
    work(&mut guest, false)?;
    let boot = guest.run("cat /proc/sys/kernel/random/boot_id")?.must()?.said;
    if way == Way::Cut {
        guest.cut();
    } else {
        guest.switch_off_with(way.script())?;
        if way == Way::Orderly {
            let memory = guest.memory()?;
            let found = count(&memory, CANARY.as_bytes());
            println!("measured: {found} canaries in memory after an orderly power-off");
            assert_eq!(found, 0, "work data is left in memory");
        }
        guest.cut();
    }
    let found = count(&Guest::disk(folder), CANARY.as_bytes());
    println!("measured: {found} canaries on the disk after {way:?}");
    assert_eq!(found, 0, "work data is left on the disk after {way:?}");
    let mut guest = Guest::boot(image, folder)?;
    let status = guest.run(&format!("{HANARE} wipe volume status"))?.must()?.json()?;
    assert_eq!(status["state"], "locked", "{status}");
    let list = guest.run(&format!("{HANARE} wipe receipt list"))?.must()?.json()?;
    let receipts = list["receipts"].as_array().cloned().unwrap_or_default();
    assert_eq!(receipts.len(), number + 1, "{list}");
    let newest = receipts.last().cloned().unwrap_or(Value::Null);
    assert_eq!(
        (newest["boot_id"].as_str(), newest["cause"].as_str()),
        (Some(boot.trim()), Some("power-lost")),
        "{list}"
    );
    let order = guest.run(
        "systemctl show -p ActiveEnterTimestampMonotonic --value hanare-wipe-resume.service systemd-user-sessions.service",
    )?;
    let times: Vec<u64> = order.said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(times[..], [ours, log_in] if 0 < ours && ours <= log_in), "{}", order.said);
    guest.switch_off_with("systemctl poweroff")?;
    Ok(())
}

#[test]
fn after_every_way_to_power_off_nothing_is_left_and_the_next_boot_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let image = Image::make().expect("an image");
    for (number, way) in Way::ALL.into_iter().enumerate() {
        cycle(&image, folder.path(), way, number).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
}
