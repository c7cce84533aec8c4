//! Mounts as `/proc/self/mountinfo` lists them.

use std::io;

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number for it (`stx_mnt_id`).
    pub id: u64,
    /// The file system's type, such as `ext4` or `fuse.sshfs`.
    pub kind: String,
    /// What is mounted: a device's path, a share, or a word.
    pub source: String,
    /// Options of the file system (not of the mount).
    pub options: String,
}

impl Mount {
    /// The mount with this number; `None` if it is not in this process's namespace.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn by_id(id: u64) -> io::Result<Option<Self>> {
        let text = std::fs::read("/proc/self/mountinfo")?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().filter_map(parse).find(|mount| mount.id == id))
    }
}

/// One line; see proc(5).
fn parse(line: &str) -> Option<Mount> {
    let (place, file_system) = line.split_once(" - ")?;
    let id = place.split(' ').next()?.parse().ok()?;
    let mut words = file_system.split(' ');
    let (kind, source) = (words.next()?.to_owned(), unescape(words.next()?));
    Some(Mount { id, kind, source, options: words.next().unwrap_or_default().to_owned() })
}

/// Blanks, tabs, newlines and backslashes are written in octal.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_and_without_optional_fields() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/a\\040b rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!((mount.id, mount.kind.as_str(), mount.source.as_str()), (36, "ext3", "/dev/a b"));
        assert_eq!(mount.options, "rw,errors=continue");
        assert_eq!(parse("1 0 0:1 / / rw - tmpfs none rw").unwrap().kind, "tmpfs");
        assert_eq!(parse("nonsense"), None);
    }
}
