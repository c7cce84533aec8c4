//! Canaries: files with random tokens in the volume, made when it is opened and looked for in its raw blocks when it has ended.
//! Some come by way of what is confined to it. Outside the volume the tokens are in the runtime directory only, which is in memory: whoever ends the volume asks no disk for
//! them, because one that stalls must not keep the key alive.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hanare_host::storage::extents;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{Mode, OFlags, open};
use serde::{Deserialize, Serialize};

use crate::outcome::Verified;

/// Where they are: out of a person's way, readable for root only.
const FOLDER: &str = ".hanare";
const COUNT: usize = 8;
/// Bytes of a token; its hexadecimal digits are what is written and looked for.
const TOKEN: usize = 16;
/// A canary fills this much: one block.
const BLOCK: usize = 4096;

/// What was planted, as read back from the volume.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Canaries {
    tokens: Vec<String>,
    /// How many of them were planted through directories that are confined to the volume.
    #[serde(default)]
    beside: usize,
    /// Where on the device data and names lie: offset and length.
    places: Vec<(u64, u64)>,
}

/// Plants them at the top of a volume.
pub(super) fn plant(volume: &Path) -> io::Result<Canaries> {
    let folder = volume.join(FOLDER);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    for _ in 0..COUNT {
        let token = token()?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(&token))?;
        fill(&mut file, &token)?;
    }
    File::open(&folder)?.sync_all()?;
    Ok(Canaries::read(volume))
}

fn token() -> io::Result<String> {
    let mut token = [0; TOKEN];
    SystemRandom::new().fill(&mut token).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(hex::encode(token))
}

fn fill(file: &mut File, token: &str) -> io::Result<()> {
    file.write_all(&token.bytes().cycle().take(BLOCK).collect::<Vec<u8>>())?;
    file.sync_all()
}

impl Canaries {
    /// Plants one more by way of each directory that is confined to the volume on `device`, as people's programs write there:
    /// nameless, so that nobody finds it among their things.
    ///
    /// # Errors
    /// The first directory whose files lie elsewhere, or take none.
    pub(super) fn plant_beside(&mut self, confined: &[PathBuf], device: u64) -> Result<(), PathBuf> {
        for place in confined {
            self.plant_by_way_of(place, device).map_err(|error| {
                tracing::warn!(%error, place = %place.display(), "a canary was not planted");
                place.clone()
            })?;
        }
        Ok(())
    }

    fn plant_by_way_of(&mut self, place: &Path, device: u64) -> io::Result<()> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mut file = File::from(open(place, flags, Mode::RUSR | Mode::WUSR)?);
        if file.metadata()?.dev() != device {
            return Err(io::Error::other("it is not on the volume"));
        }
        let token = token()?;
        fill(&mut file, &token)?;
        self.places.extend(extents(&file, 16)?.iter().map(|extent| (extent.physical, extent.length)));
        self.tokens.push(token);
        self.beside += 1;
        Ok(())
    }

    /// Writes them down in memory.
    pub(super) fn remember(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&serde_json::to_vec(self)?)
    }

    /// What was written down; none of a volume that was not finished, or where somebody removed it.
    pub(super) fn recall(path: &Path) -> Self {
        fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    fn read(volume: &Path) -> Self {
        let mut canaries = Self::default();
        let folder = volume.join(FOLDER);
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        for path in &files {
            let token = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if token.len() == 2 * TOKEN && fs::read(path).is_ok_and(|data| data.starts_with(token.as_bytes()))
            {
                canaries.tokens.push(token.to_owned());
            }
        }
        for path in files.iter().chain(std::iter::once(&folder)) {
            let found = File::open(path).and_then(|file| extents(&file, 16)).unwrap_or_default();
            canaries.places.extend(found.iter().map(|extent| (extent.physical, extent.length)));
        }
        canaries
    }

    /// Whether there is something to look for, and a place to look.
    pub(super) fn is_complete(&self) -> bool {
        let planted = COUNT + self.beside;
        self.tokens.len() == planted && self.places.len() > planted
    }

    /// Looks for every token in the raw blocks where they were written.
    pub(super) fn look_for(&self, raw: &Path) -> io::Result<Verified> {
        let file = File::open(raw)?;
        // What is in memory of it is no proof.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        // Canaries are a sample of what was in the volume.
        let mut verified = Verified { sampled: true, ..Verified::default() };
        for (offset, length) in &self.places {
            let mut bytes = vec![0; usize::try_from(*length).unwrap_or(BLOCK)];
            file.read_exact_at(&mut bytes, *offset)?;
            verified.reread_bytes += length;
            let found = self.tokens.iter().filter(|token| contains(&bytes, token.as_bytes()));
            verified.remnants += found.count() as u64;
        }
        Ok(verified)
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_by_way_of_a_directory_that_lies_elsewhere_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().to_owned();
        let device = fs::metadata(&here).unwrap().dev();
        let mut canaries = plant(directory.path()).unwrap();
        let other = PathBuf::from("/proc");
        assert_eq!(canaries.plant_beside(std::slice::from_ref(&other), device), Err(other));
        assert_eq!(canaries.plant_beside(std::slice::from_ref(&here), device + 1), Err(here));
        assert_eq!((canaries.beside, canaries.tokens.len()), (0, COUNT));
    }

    #[test]
    fn a_token_in_a_raw_block_is_a_remnant() {
        let directory = tempfile::tempdir().unwrap();
        let planted = plant(directory.path()).unwrap();
        planted.remember(&directory.path().join("list")).unwrap();
        let mut canaries = Canaries::recall(&directory.path().join("list"));
        assert_eq!(canaries.tokens.len(), COUNT);
        assert!(!Canaries::recall(&directory.path().join("none")).is_complete());
        let raw = directory.path().join("raw");
        let mut image = vec![0u8; 3 * BLOCK];
        image[BLOCK + 5..BLOCK + 5 + 2 * TOKEN].copy_from_slice(canaries.tokens[0].as_bytes());
        fs::write(&raw, &image).unwrap();
        canaries.places = vec![(0, 4096), (4096, 4096), (8192, 4096)];
        assert_eq!(
            canaries.look_for(&raw).unwrap(),
            Verified { reread_bytes: 12288, remnants: 1, sampled: true }
        );
        canaries.places = vec![(1 << 20, 4096)];
        assert!(canaries.look_for(&raw).is_err(), "a place that cannot be read is no proof");
    }
}
