//! The reader of site files: any text is a site file or an error whose place lies in it, never a panic.
#![no_main]

use hanare_audit::Site;
use libfuzzer_sys::fuzz_target;

const EXAMPLE: &str = include_str!("../../../policies/site.example.toml");

fn check(text: &str) {
    match Site::read(text, |zone| zone == "Asia/Tokyo") {
        Err(error) => {
            let lines = text.lines().count() + 1;
            assert!((1..=lines).contains(&error.position.line), "{error} in {lines} lines");
        }
        // Whoever may allow something is somebody.
        Ok(site) => {
            if let Some(permission) = &site.permission {
                assert!(site.person(&permission.by).is_some());
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&format!("version = 1\noffice = \"kofu\"\n{text}"));
    // The example with some of it replaced.
    if let [at, length, rest @ ..] = data {
        let middle = String::from_utf8_lossy(rest);
        let at = EXAMPLE.floor_char_boundary(usize::from(*at) * EXAMPLE.len() / 256);
        let end = EXAMPLE.floor_char_boundary((at + usize::from(*length)).min(EXAMPLE.len()));
        check(&format!("{}{middle}{}", &EXAMPLE[..at], &EXAMPLE[end..]));
    }
});
