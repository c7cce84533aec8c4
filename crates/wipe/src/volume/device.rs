//! A device that a volume lies on, known again: the kernel's names go to whichever disk it finds first, at each boot anew.
//!
//! `create` writes a block of its own at the end of what the volume may take up; whatever would change the device looks for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hanare_host::Deed;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::error::VolumeError;

/// The block: a page, so that any disk writes it whole.
pub(super) const BLOCK: u64 = 4096;
const WORDS: &[u8] = b"hanare work volume, made anew at every opening; ";

/// A random mark, in hexadecimal.
pub(super) fn new_mark() -> io::Result<String> {
    let mut mark = [0; 16];
    SystemRandom::new().fill(&mut mark).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(hex::encode(mark))
}

fn block(mark: &str) -> Vec<u8> {
    let mut block = [WORDS, mark.as_bytes(), b"\n"].concat();
    block.resize(usize::try_from(BLOCK).unwrap_or(0), 0);
    block
}

/// Where it is on a device of which a volume may take up `size` bytes.
pub(super) const fn place(size: u64) -> u64 {
    size / BLOCK * BLOCK - BLOCK
}

/// Marks an open device, durably.
pub(super) fn put(device: &File, size: u64, mark: &str) -> io::Result<()> {
    device.write_all_at(&block(mark), place(size))?;
    device.sync_all()
}

/// Whether a device has the mark.
///
/// # Errors
/// [`VolumeError::AnotherDevice`] if it has not.
pub(super) fn check(path: &Path, size: u64, mark: Option<&str>) -> Result<(), VolumeError> {
    let another = || VolumeError::AnotherDevice { path: path.to_owned() };
    let wanted = block(mark.ok_or_else(another)?);
    let mut found = vec![0; wanted.len()];
    let file = File::open(path).map_err(VolumeError::io(Deed::Open, path))?;
    match file.read_exact_at(&mut found, place(size)) {
        Ok(()) if found == wanted => Ok(()),
        Ok(()) => Err(another()),
        // A smaller one.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(another()),
        Err(error) => Err(VolumeError::io(Deed::Read, path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_mark_alone() {
        const SIZE: u64 = (8 << 20) + 100;
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mark, other) = (new_mark().unwrap(), new_mark().unwrap());
        let check = |size, mark: Option<&str>| check(file.path(), size, mark);
        let is_another =
            |checked: Result<(), VolumeError>| matches!(checked, Err(VolumeError::AnotherDevice { .. }));
        assert!(is_another(check(SIZE, Some(&mark))), "an empty file has none");
        put(file.as_file(), SIZE, &mark).unwrap();
        check(SIZE, Some(&mark)).unwrap();
        assert!(is_another(check(SIZE, Some(&other))) && is_another(check(SIZE, None)));
        assert!(is_another(check(SIZE - BLOCK, Some(&mark))), "somewhere else");
        assert_eq!(file.as_file().metadata().unwrap().len(), SIZE - 100);
    }
}
