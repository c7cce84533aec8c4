//! Canaries: files with random tokens, planted in a tree and beside it before it is erased; the tokens exist in memory only.
//!
//! Those in the tree are erased with it. Those beside it stand for what the recipe never sees, such as blocks that an earlier
//! version of a file has left: they are only given back, and what is done to free space has to reach them. They never have a
//! name, so that a crash leaves none behind.

use std::os::fd::OwnedFd;

use hanare_host::storage::{Extent, attributes, extents};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, openat};
use rustix::io::write;

use crate::root::Root;

/// Canaries in a tree, and as many beside it.
const COUNT: usize = 4;
/// Bytes of a token.
const TOKEN: usize = 16;
/// Bytes of a canary's data: one block of nearly every file system.
const DATA: usize = 4096;

/// The canaries of one tree.
#[derive(Debug)]
pub(crate) struct Canaries {
    device: u64,
    tokens: Vec<[u8; TOKEN]>,
    /// How many of them have a name in the tree.
    named: u64,
    /// Those beside the tree, for as long as they are held.
    beside: Vec<OwnedFd>,
    /// Those in the tree, until it is known where they lie.
    inside: Vec<OwnedFd>,
    /// Those beside the tree that were planted later, until then.
    late: Vec<OwnedFd>,
    /// Where they, their names and attributes lie on the device: offset and length.
    places: Vec<(u64, u64)>,
    /// How many there are to be.
    wanted: usize,
    /// How many of them have a place on the device.
    placed: usize,
}

impl Canaries {
    /// Plants them, `beside` the tree too where what is freed can be reached for certain. Where there is no room for them, there
    /// are fewer: see [`Canaries::missing`]. They have their places once the caller has written back, all in one go.
    pub(crate) fn plant(root: &Root, beside: bool) -> Self {
        let mut canaries = Self {
            device: root.identity.device,
            tokens: Vec::new(),
            named: 0,
            beside: Vec::new(),
            inside: Vec::new(),
            late: Vec::new(),
            places: Vec::new(),
            wanted: 0,
            placed: 0,
        };
        let count = if beside { COUNT } else { 0 };
        canaries.wanted = COUNT + count;
        canaries.beside = (0..count).map_while(|_| canaries.plant_beside(root)).collect();
        canaries.inside = (0..COUNT).map_while(|_| canaries.plant_one(root)).collect();
        canaries
    }

    /// After the write-back: sees where they lie.
    pub(crate) fn find(&mut self, root: &Root) {
        let inside = std::mem::take(&mut self.inside);
        self.placed = 0;
        for file in self.beside.iter().chain(&inside) {
            let places = places_of(file);
            self.placed += usize::from(!places.is_empty());
            self.places.extend(places);
        }
        self.places.extend(inside.iter().flat_map(attributes_of));
        if !inside.is_empty() {
            // Their names are in the directory's own blocks.
            self.places.extend(places_of(&root.top));
        }
    }

    /// How many of them have no place on the device, so that nothing can be told of them.
    pub(crate) fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.placed)
    }

    /// Plants beside the tree what had no room before: there is some once the tree's own names are gone. They have their places
    /// once the caller has written back.
    pub(crate) fn plant_again(&mut self, root: &Root) {
        if self.wanted > COUNT {
            self.late = (0..self.missing()).map_while(|_| self.plant_beside(root)).collect();
        }
    }

    /// After that write-back: sees where those lie.
    pub(crate) fn find_again(&mut self) {
        for file in std::mem::take(&mut self.late) {
            let places = places_of(&file);
            self.placed += usize::from(!places.is_empty());
            self.places.extend(places);
            self.beside.push(file);
        }
    }

    /// Gives those beside the tree back: from now on they are free space.
    pub(crate) fn let_go(&mut self) {
        self.beside.clear();
    }

    fn token(&mut self) -> Option<[u8; TOKEN]> {
        let mut token = [0; TOKEN];
        SystemRandom::new().fill(&mut token).ok()?;
        self.tokens.push(token);
        Some(token)
    }

    /// In the same file system; nameless, and without an attribute, which would lie in the inode's own record.
    fn plant_beside(&mut self, root: &Root) -> Option<OwnedFd> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = openat(&root.parent, c".", flags, Mode::RUSR | Mode::WUSR).ok()?;
        let token = self.token()?;
        filled(&file, &token).then_some(file)
    }

    fn plant_one(&mut self, root: &Root) -> Option<OwnedFd> {
        let token = self.token()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = format!(".hanare-{}", hex::encode(token));
        let file = openat(&root.top, name, flags, Mode::RUSR | Mode::WUSR).ok()?;
        self.named += 1;
        let _ = fsetxattr(&file, "user.hanare", &token, XattrFlags::empty());
        filled(&file, &token).then_some(file)
    }

    /// How many files of the tree they are.
    pub(crate) fn count(&self) -> u64 {
        self.named
    }

    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    pub(super) fn places(&self) -> &[(u64, u64)] {
        &self.places
    }

    /// How many tokens are in these bytes, as they are or as a name.
    pub(super) fn found_in(&self, bytes: &[u8]) -> u64 {
        let found = self.tokens.iter().filter(|token| {
            let name = hex::encode(token);
            contains(bytes, token.as_slice()) || contains(bytes, name.as_bytes())
        });
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    }
}

/// Fills a canary.
fn filled(file: &OwnedFd, token: &[u8; TOKEN]) -> bool {
    let data: Vec<u8> = token.iter().copied().cycle().take(DATA).collect();
    write(file, &data).is_ok_and(|written| written == DATA)
}

/// Where a file's blocks lie on the device.
fn places_of(holder: &OwnedFd) -> Vec<(u64, u64)> {
    plain(&extents(holder, 64).unwrap_or_default())
}

/// Where its attributes do.
fn attributes_of(holder: &OwnedFd) -> Vec<(u64, u64)> {
    plain(&attributes(holder).unwrap_or_default())
}

fn plain(extents: &[Extent]) -> Vec<(u64, u64)> {
    extents.iter().filter(|extent| extent.plain).map(|extent| (extent.physical, extent.length)).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(wanted) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_beside_a_tree_have_no_name_anywhere() {
        let place = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        std::fs::create_dir(place.join("tree")).unwrap();
        let path = place.join("tree").into_os_string();
        let roots = Root::judge(&[path], std::path::Path::new("/nonexistent")).unwrap();
        let names = |path: &std::path::Path| std::fs::read_dir(path).unwrap().count();
        let mut canaries = Canaries::plant(&roots[0], true);
        assert_eq!((names(&place), names(&place.join("tree"))), (1, COUNT));
        assert_eq!((canaries.tokens.len(), canaries.beside.len(), canaries.count()), (2 * COUNT, COUNT, 4));
        canaries.let_go();
        assert_eq!((names(&place), canaries.beside.len(), canaries.tokens.len()), (1, 0, 2 * COUNT));
        assert_eq!(Canaries::plant(&roots[0], false).beside.len(), 0);
    }

    #[test]
    fn those_without_a_place_are_missing_until_they_are_planted_again() {
        let place = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        std::fs::create_dir(place.join("tree")).unwrap();
        let path = place.join("tree").into_os_string();
        let roots = Root::judge(&[path], std::path::Path::new("/nonexistent")).unwrap();
        let mut canaries = Canaries::plant(&roots[0], true);
        // As where there is no room.
        canaries.inside.clear();
        canaries.beside.truncate(1);
        rustix::fs::syncfs(&roots[0].top).unwrap();
        canaries.find(&roots[0]);
        assert_eq!(canaries.missing(), 2 * COUNT - 1);
        canaries.plant_again(&roots[0]);
        assert_eq!(canaries.missing(), 2 * COUNT - 1, "nobody knows where they lie yet");
        rustix::fs::syncfs(&roots[0].top).unwrap();
        canaries.find_again();
        assert_eq!((canaries.missing(), canaries.beside.len()), (0, 2 * COUNT));
        // Where what is freed cannot be reached there are none beside the tree, also later.
        let mut canaries = Canaries::plant(&roots[0], false);
        canaries.inside.clear();
        canaries.find(&roots[0]);
        canaries.plant_again(&roots[0]);
        canaries.find_again();
        assert_eq!(canaries.missing(), COUNT);
    }

    #[test]
    fn a_token_is_found_as_data_and_as_a_name() {
        let token = [0xa5; TOKEN];
        let tokens = vec![token, [1; TOKEN]];
        let canaries = Canaries {
            device: 0,
            tokens,
            named: 2,
            beside: Vec::new(),
            inside: Vec::new(),
            late: Vec::new(),
            places: Vec::new(),
            wanted: 2,
            placed: 0,
        };
        let mut block = vec![0; 4096];
        assert_eq!(canaries.found_in(&block), 0);
        block[100..100 + TOKEN].copy_from_slice(&token);
        assert_eq!(canaries.found_in(&block), 1);
        let name = format!("x.hanare-{}y", hex::encode(token));
        assert_eq!(canaries.found_in(name.as_bytes()), 1);
    }
}
