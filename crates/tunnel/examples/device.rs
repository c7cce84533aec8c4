//! Runs a bare device in the foreground: `device IFNAME`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().next_back().unwrap_or_default();
    hanare_tunnel::device::run(&hanare_tunnel::device::DeviceOptions { name, detached: false }, || {})?;
    Ok(())
}
