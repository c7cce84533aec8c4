//! Confinement on a kernel whose zram is a module that nobody has loaded, as Debian's is.

use hanare_vm::{Guest, Image, Result};

use crate::tear_down::{HANARE, open_a_volume};

fn a_day(guest: &mut Guest) -> Result<()> {
    guest
        .run(
            "grep -q zram /proc/modules && exit 9; dd if=/dev/zero of=/root/swap bs=1M count=64 2>&1 && \
             chmod 600 /root/swap && mkswap /root/swap && swapon /root/swap",
        )?
        .must()?;
    open_a_volume(guest, "")?;
    guest.run("hanare wipe volume lock --yes")?.must()?;
    guest.run(&format!("{HANARE} wipe volume open --confine"))?.must()?;
    let status = guest.run(&format!("{HANARE} wipe volume status"))?.must()?.json()?;
    assert_eq!(status["swap"], "zram", "{status}");
    guest.run(&format!("{HANARE} wipe run --yes --standalone"))?.must()?;
    let left = guest.run("tail -n +2 /proc/swaps | cut -d' ' -f1; ls /sys/block | grep -c zram")?.said;
    assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["/root/swap", "0"], "{left}");
    Ok(())
}

#[test]
fn compressed_memory_takes_the_place_of_swap_although_it_is_a_module() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    let mut guest = Guest::boot(&image, folder.path()).expect("a guest");
    a_day(&mut guest).expect("a day with swap");
}
