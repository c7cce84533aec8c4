//! What is erased.

use std::fs;
use std::path::Path;

use hanare_wipe_tests::{Planter, Seed};

use super::contender::Contender;

/// Files for implementations that take more than 5 ms for each: the ratio is per file.
const FOR_THE_SLOW: u64 = 5_000;

/// A tree to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workload {
    /// 100,000 files of 4 KiB.
    Small,
    /// One file of 4 GiB.
    Large,
    /// Versions, renames, deletions, attributes, sparse files; many small, some large.
    Day,
    /// 1,000,000 files in one directory, for the memory that it takes.
    Million,
}

impl Workload {
    pub(super) const ALL: [Self; 4] = [Self::Small, Self::Large, Self::Day, Self::Million];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Day => "day",
            Self::Million => "million",
        }
    }

    pub(super) const fn mebibytes(self) -> u64 {
        match self {
            Self::Large => 12 * 1024,
            Self::Small | Self::Day | Self::Million => 6 * 1024,
        }
    }

    pub(super) const fn mkfs(self) -> &'static [&'static str] {
        match self {
            Self::Million => &["-N", "1200000"],
            Self::Small | Self::Large | Self::Day => &["-N", "200000"],
        }
    }

    pub(super) const fn has_canaries(self) -> bool {
        !matches!(self, Self::Million)
    }

    /// Who takes part.
    pub(super) const fn contenders(self, is_discarding: bool) -> &'static [Contender] {
        use Contender::{Hanare, Overwrite, Rm, RmTrim, Shred, Srm};
        match (self, is_discarding) {
            (Self::Small, true) => &[Hanare, Rm, RmTrim, Shred, Srm],
            (Self::Large, true) => &[Hanare, Overwrite, Rm, RmTrim, Shred, Srm],
            (Self::Day, true) => &[Hanare, Rm, RmTrim, Shred],
            (Self::Small | Self::Large | Self::Day, false) | (Self::Million, true) => &[Hanare],
            (Self::Million, false) => &[],
        }
    }

    /// Makes it; how many files there are.
    pub(super) fn plant(self, tree: &Path, seed: Seed, is_slow: bool) -> hanare_wipe_tests::Result<u64> {
        let planter = Planter::new(seed);
        let many = |files: u64| if is_slow { FOR_THE_SLOW } else { files };
        let files = match self {
            Self::Small => many(100_000),
            Self::Large => 1,
            Self::Day => many(20_000),
            Self::Million => 1_000_000,
        };
        let files_usize = usize::try_from(files)?;
        match self {
            Self::Small => planter.files(tree, files_usize)?,
            Self::Large => large(&planter, &tree.join("large"), 4096)?,
            Self::Day => {
                planter.plant(tree, files_usize, files_usize / 40)?;
                for number in 0..4 {
                    large(&planter, &tree.join(format!("large-{number}")), 64)?;
                }
            }
            Self::Million => {
                for number in 0..files {
                    fs::write(tree.join(number.to_string()), b"x")?;
                }
            }
        }
        // Everybody begins with a tree that is on the disk.
        hanare_wipe_tests::write_back(tree)?;
        Ok(files)
    }
}

/// A file of so many MiB, a canary in every sector.
fn large(planter: &Planter, path: &Path, mebibytes: u64) -> hanare_wipe_tests::Result<()> {
    use std::io::Write as _;
    let piece = planter.body(hanare_wipe_tests::Kind::Data, 1, 1 << 20);
    let mut file = fs::File::create(path)?;
    for _ in 0..mebibytes {
        file.write_all(&piece)?;
    }
    Ok(file.sync_all()?)
}
