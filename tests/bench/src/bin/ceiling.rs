//! `ceiling IFNAME PORT PEER`: the most that a data plane on this house's input and output could do. Protects nothing.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [interface, port, peer] = arguments.as_slice() else { return ExitCode::from(2) };
    let (Ok(port), Ok(peer)) = (port.parse(), peer.parse()) else { return ExitCode::from(2) };
    match hanare_bench::run(interface, port, peer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(4),
    }
}
