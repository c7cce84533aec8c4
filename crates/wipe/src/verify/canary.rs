//! Canaries: files with random tokens, planted in a tree before it is erased; the tokens exist in memory only.

use std::os::fd::OwnedFd;

use hanare_host::storage::extents;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, fsync, openat};
use rustix::io::write;

use crate::root::Root;

/// Canaries in a tree.
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
    /// Where they and their names lie on the device: offset and length.
    places: Vec<(u64, u64)>,
}

impl Canaries {
    /// Plants them. Where there is no room for them, there are fewer.
    pub(crate) fn plant(root: &Root) -> Self {
        let mut canaries = Self { device: root.identity.device, tokens: Vec::new(), places: Vec::new() };
        let files: Vec<OwnedFd> = (0..COUNT).map_while(|_| canaries.plant_one(root)).collect();
        if files.is_empty() {
            return canaries;
        }
        // Their names are in the directory's own blocks.
        let _ = fsync(&root.top);
        for holder in files.iter().chain(std::iter::once(&root.top)) {
            let found = extents(holder, 64).unwrap_or_default();
            let plain = found.iter().filter(|extent| extent.plain);
            canaries.places.extend(plain.map(|extent| (extent.physical, extent.length)));
        }
        canaries
    }

    fn plant_one(&mut self, root: &Root) -> Option<OwnedFd> {
        let mut token = [0; TOKEN];
        SystemRandom::new().fill(&mut token).ok()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = format!(".hanare-{}", hex::encode(token));
        let file = openat(&root.top, name, flags, Mode::RUSR | Mode::WUSR).ok()?;
        self.tokens.push(token);
        let data: Vec<u8> = token.iter().copied().cycle().take(DATA).collect();
        let _ = fsetxattr(&file, "user.hanare", &token, XattrFlags::empty());
        let written = write(&file, &data).ok()?;
        (written == DATA && fsync(&file).is_ok()).then_some(file)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.tokens.len()).unwrap_or(0)
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
    fn a_token_is_found_as_data_and_as_a_name() {
        let token = [0xa5; TOKEN];
        let canaries = Canaries { device: 0, tokens: vec![token, [1; TOKEN]], places: Vec::new() };
        let mut block = vec![0; 4096];
        assert_eq!(canaries.found_in(&block), 0);
        block[100..100 + TOKEN].copy_from_slice(&token);
        assert_eq!(canaries.found_in(&block), 1);
        let name = format!("x.hanare-{}y", hex::encode(token));
        assert_eq!(canaries.found_in(name.as_bytes()), 1);
    }
}
