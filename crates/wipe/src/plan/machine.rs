//! What of the machine decides how much a wipe can promise: swap, and whether freed memory is blanked.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// What of the machine matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Swap in use.
    pub swap: Vec<SwapArea>,
    /// Whether freed memory is blanked.
    pub init_on_free: Blanking,
}

/// One swap area in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwapArea {
    /// Its device or file.
    pub path: PathBuf,
    /// What is written there.
    pub kind: SwapMedium,
}

/// What memory that is swapped out becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapMedium {
    /// Compressed memory: it never reaches a disk.
    Zram,
    /// A disk, encrypted. With which key, and who has it, is not to be seen from here.
    Encrypted,
    /// A disk, readable.
    Plain,
}

/// Whether the kernel blanks memory when it is freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blanking {
    /// It was told to.
    On,
    /// It was told not to.
    Off,
    /// It was told nothing, and does what it was built for; Debian's kernels do not blank.
    Unsaid,
}

impl Machine {
    /// Looks at this machine.
    ///
    /// # Errors
    /// What the system says if `/proc` cannot be read.
    pub fn look() -> io::Result<Self> {
        let swaps = match std::fs::read_to_string("/proc/swaps") {
            // A kernel without swap.
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let swap =
            swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(area).collect();
        Ok(Self { swap, init_on_free: blanking(&std::fs::read_to_string("/proc/cmdline")?) })
    }
}

fn area(name: &str) -> SwapArea {
    // The kernel writes blanks in octal; a device has none in its name.
    let path = PathBuf::from(name.replace("\\040", " "));
    let device = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let node = device.strip_prefix("/dev").ok().and_then(Path::to_str).unwrap_or_default();
    let encrypted = || {
        let uuid = std::fs::read_to_string(format!("/sys/class/block/{node}/dm/uuid"));
        uuid.is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
    };
    let kind = if node.starts_with("zram") {
        SwapMedium::Zram
    } else if !node.is_empty() && encrypted() {
        SwapMedium::Encrypted
    } else {
        SwapMedium::Plain
    };
    SwapArea { path, kind }
}

/// The last word counts, as in the kernel (`kstrtobool`).
fn blanking(line: &str) -> Blanking {
    let mut said = line.split_whitespace().filter_map(|word| word.strip_prefix("init_on_free="));
    match said.next_back().and_then(|value| value.chars().next()) {
        Some('1' | 'y' | 'Y' | 't' | 'T') => Blanking::On,
        Some('0' | 'n' | 'N' | 'f' | 'F') => Blanking::Off,
        _ => Blanking::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_the_kernels_command_line_counts() {
        assert_eq!(blanking("quiet init_on_free=1\n"), Blanking::On);
        assert_eq!(blanking("init_on_free=1 ro init_on_free=0"), Blanking::Off);
        assert_eq!(blanking("ro xinit_on_free=1"), Blanking::Unsaid);
    }

    #[test]
    fn what_is_not_known_to_be_safe_is_plain() {
        assert_eq!(area("/dev/no-such-device").kind, SwapMedium::Plain);
        assert_eq!(area("/swap\\040file"), SwapArea { path: "/swap file".into(), kind: SwapMedium::Plain });
        assert_eq!(area("/dev/zram0").kind, SwapMedium::Zram);
    }
}
