//! What of the machine decides how much a wipe can promise: swap, and whether freed memory is blanked.

use std::io;
use std::path::PathBuf;

use hanare_host::swap::{self, SwapKind};
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
    pub kind: SwapKind,
    /// How large it is.
    pub bytes: u64,
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
        let areas = swap::areas().map_err(io::Error::other)?;
        let swap =
            areas.into_iter().map(|area| SwapArea { path: area.path, kind: area.kind, bytes: area.bytes });
        Ok(Self { swap: swap.collect(), init_on_free: blanking(&std::fs::read_to_string("/proc/cmdline")?) })
    }
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
}
