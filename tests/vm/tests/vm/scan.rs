//! Looking for canaries in a file of any size: a disk, or memory.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// What work data looks like in these tests: repeated, so that some of it is on every page.
pub(crate) const CANARY: &str = "HANARE-CANARY-of-the-work-volume-";

/// How often `wanted` is in the file.
pub(crate) fn count(path: &Path, wanted: &[u8]) -> usize {
    let mut file = File::open(path).expect("the file to scan");
    let (mut buffer, zeros) = (vec![0u8; 8 << 20], vec![0u8; 8 << 20]);
    let (mut found, mut kept) = (0, 0);
    loop {
        let read = file.read(&mut buffer[kept..]).expect("readable");
        if read == 0 {
            return found;
        }
        let end = kept + read;
        let bytes = &buffer[..end];
        // Most of a disk.
        let mut at = if *bytes == zeros[..end] { end } else { 0 };
        while let Some(next) = bytes[at..].iter().position(|byte| *byte == wanted[0]) {
            at += next;
            if bytes[at..].starts_with(wanted) {
                found += 1;
                at += wanted.len();
            } else {
                at += 1;
            }
        }
        // What is cut by the end is looked at with what comes next.
        kept = end.min(wanted.len() - 1);
        let from = end - kept;
        buffer.copy_within(from..end, 0);
    }
}

#[test]
fn the_scanner_finds_what_is_there_also_across_its_own_reads() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut content = vec![b'H'; (8 << 20) - 10];
    content.extend(CANARY.as_bytes());
    content.extend(vec![0; 1000]);
    content.extend(CANARY.as_bytes());
    std::fs::write(file.path(), &content).expect("written");
    assert_eq!(count(file.path(), CANARY.as_bytes()), 2);
    assert_eq!(count(file.path(), b"HANARE-CANARY-of-another"), 0);
}
