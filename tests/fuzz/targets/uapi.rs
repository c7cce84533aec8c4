//! The UAPI parser: whatever a client of the socket writes is a request or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The parser alone, as a file: the crate around it would bring an asynchronous runtime and netlink, instrumented, and
// minutes of building for nothing that a text could reach.
#[path = "../../../crates/tunnel/src/uapi/parse.rs"]
#[expect(dead_code, reason = "only the parser is called")]
mod parse;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // With and without the two lines that every real request has around it, so that few inputs fail at the door.
    for request in [text.to_string(), format!("set=1\n{text}\n\n")] {
        match parse::parse(&request, &|name: &str| name.len().try_into().ok()) {
            Ok(parse::Request::Get) => assert!(request.starts_with("get=1")),
            Ok(parse::Request::Set(set)) => {
                assert!(request.starts_with("set=1"));
                let lines = request.lines().count();
                assert!(set.peers.len() < lines, "more peers than lines");
                assert!(set.peers.iter().map(|peer| peer.allowed_ips.len()).sum::<usize>() < lines);
            }
            Err(error) => assert!(error.errno() > 0),
        }
    }
});
