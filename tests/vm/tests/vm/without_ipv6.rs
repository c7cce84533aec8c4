//! A kernel that has no IPv6 at all (`ipv6.disable=1`), on both sides: a room joins and reaches headquarters by IPv4.

use hanare_vm::{Guest, Image, Result};

use crate::systemd::{HQ, headquarters, up};

fn a_room(image: &Image, folder: &std::path::Path) -> Result<()> {
    let mut guest = Guest::boot_with(image, folder, "ipv6.disable=1")?;
    // The family is not there: not a socket, not a setting.
    guest.run("test ! -e /proc/sys/net/ipv6 && test ! -e /proc/net/if_inet6")?.must()?;
    headquarters(&mut guest)?;
    let status = guest.run(&format!("{HQ} --json hq status"))?.must()?.said;
    assert!(status.contains("\"forwarding\":true"), "{status}");
    up(&mut guest)?;
    guest.run("ping -c 3 -W 2 10.88.0.1")?.must()?;
    // The same machine is closed to all but the tunnel.
    assert_ne!(guest.run("ping -c 1 -W 1 192.0.2.1")?.status, 0);
    guest.run("hanare leave --yes")?.must()?;
    guest.run("ping -c 1 -W 1 192.0.2.1")?.must()?;
    Ok(())
}

#[test]
fn a_room_joins_where_neither_side_has_ipv6() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    a_room(&image, folder.path()).expect("the guest");
}
