//! What is erased.

use std::fs;
use std::path::Path;

use hanare_wipe_tests::{Planter, Seed};

use super::contender::Contender;

/// Files for the slow implementations: the ratio is per file.
const FOR_THE_SLOW: u64 = 5_000;
/// The size of a large file in MiB, and of one for the slow: the ratio is per GiB.
const LARGE: u64 = 4096;
const LARGE_FOR_THE_SLOW: u64 = 1024;

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
    /// The same over 1,000 directories.
    MillionSpread,
}

impl Workload {
    pub(super) const ALL: [Self; 5] =
        [Self::Small, Self::Large, Self::Day, Self::Million, Self::MillionSpread];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Day => "day",
            Self::Million => "million",
            Self::MillionSpread => "million-spread",
        }
    }

    /// As it is called in `--tests` and in the table.
    pub(super) fn test(self, is_discarding: bool) -> String {
        let name = self.name();
        if is_discarding { name.to_owned() } else { format!("{name}:nodiscard") }
    }

    /// Of the disk. Without discard all that is free is filled: there it is small.
    pub(super) const fn mebibytes(self, is_discarding: bool) -> u64 {
        match self {
            Self::Small | Self::Large | Self::Day if is_discarding => 12 * 1024,
            Self::Large | Self::Million | Self::MillionSpread => 6 * 1024,
            Self::Small | Self::Day => 2 * 1024,
        }
    }

    pub(super) const fn mkfs(self) -> &'static [&'static str] {
        match self {
            Self::Million | Self::MillionSpread => &["-N", "1200000"],
            Self::Small | Self::Large | Self::Day => &["-N", "200000"],
        }
    }

    pub(super) const fn has_canaries(self) -> bool {
        !matches!(self, Self::Million | Self::MillionSpread)
    }

    /// Who takes part.
    pub(super) const fn contenders(self, is_discarding: bool) -> &'static [Contender] {
        use Contender::{Hanare, Overwrite, Rm, RmTrim, Shred, Srm};
        match (self, is_discarding) {
            (Self::Small | Self::Day, true) => &[Hanare, Rm, RmTrim, Shred, Srm],
            (Self::Large, true) => &[Hanare, Overwrite, Rm, RmTrim, Shred, Srm],
            (Self::Small | Self::Day, false) => &[Hanare, Rm],
            (Self::Large, false) => &[Hanare, Overwrite, Rm],
            (Self::Million | Self::MillionSpread, true) => &[Hanare],
            (Self::Million | Self::MillionSpread, false) => &[],
        }
    }

    /// How much of it there is for somebody.
    pub(super) fn load(self, is_slow: bool, is_tiny: bool) -> Load {
        let few = |files: u64| {
            let files = if is_slow { files.min(FOR_THE_SLOW) } else { files };
            if is_tiny { files / 100 } else { files }
        };
        let piece = |mebibytes: u64| if is_tiny { mebibytes / 32 } else { mebibytes };
        match self {
            Self::Small => Load { small: few(100_000), large: 0, mebibytes: 0 },
            Self::Large => Load {
                small: 0,
                large: 1,
                mebibytes: piece(if is_slow { LARGE_FOR_THE_SLOW } else { LARGE }),
            },
            // As many large ones for each small one, however many there are.
            Self::Day => {
                let small = few(20_000);
                Load { small, large: small.div_ceil(5000), mebibytes: piece(64) }
            }
            Self::Million | Self::MillionSpread => {
                Load { small: if is_tiny { 10_000 } else { 1_000_000 }, large: 0, mebibytes: 0 }
            }
        }
    }

    /// Makes it.
    pub(super) fn plant(self, tree: &Path, seed: Seed, load: Load) -> hanare_wipe_tests::Result<()> {
        let planter = Planter::new(seed);
        let small = usize::try_from(load.small)?;
        match self {
            Self::Small => planter.files(tree, small)?,
            Self::Large => {}
            Self::Day => planter.plant(tree, small, small / 40)?,
            Self::Million | Self::MillionSpread => {
                let mut place = tree.to_path_buf();
                for number in 0..load.small {
                    if self == Self::MillionSpread && number % 1000 == 0 {
                        place = tree.join(format!("folder-{number}"));
                        fs::create_dir(&place)?;
                    }
                    fs::write(place.join(number.to_string()), b"x")?;
                }
            }
        }
        for number in 0..load.large {
            large(&planter, &tree.join(format!("large-{number}")), load.mebibytes)?;
        }
        // Everybody begins with a tree that is on the disk.
        hanare_wipe_tests::write_back(tree)
    }
}

/// How much is planted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Small files.
    pub(super) small: u64,
    /// Large ones.
    pub(super) large: u64,
    /// Their size.
    pub(super) mebibytes: u64,
}

impl Load {
    /// All files, whatever a day's work made of them.
    pub(super) fn files(self) -> u64 {
        self.small + self.large
    }

    /// About how many bytes they hold on the disk.
    pub(super) fn bytes(self) -> u64 {
        (self.small << 12) + ((self.large * self.mebibytes) << 20)
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
