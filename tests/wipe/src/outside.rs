//! The print of everything outside a tree: contents, names, kinds, owners, modes, times, attributes.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::Result;

/// A print of all that is below `top`. Whatever changes there changes it, the time of the last access aside.
///
/// # Errors
/// If something cannot be read.
pub fn print_of(top: &Path) -> Result<Vec<u8>> {
    let mut context = Context::new(&SHA256);
    let mut waiting = vec![top.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path)?;
        context.update(path.as_os_str().as_bytes());
        let facts = [
            u64::from(metadata.mode()),
            u64::from(metadata.uid()),
            metadata.size(),
            metadata.nlink(),
            metadata.mtime().unsigned_abs(),
            metadata.mtime_nsec().unsigned_abs(),
        ];
        for fact in facts {
            context.update(&fact.to_le_bytes());
        }
        if metadata.is_symlink() {
            context.update(fs::read_link(&path)?.as_os_str().as_bytes());
        } else if metadata.is_file() {
            context.update(&fs::read(&path)?);
            let mut value = vec![0; 4096];
            if let Ok(length) = rustix::fs::getxattr(&path, "user.note", &mut value) {
                context.update(value.get(..length).unwrap_or_default());
            }
        } else if metadata.is_dir() {
            let mut inner: Vec<_> = fs::read_dir(&path)?.collect::<std::io::Result<Vec<_>>>()?;
            inner.sort_by_key(fs::DirEntry::file_name);
            waiting.extend(inner.iter().map(fs::DirEntry::path));
        }
    }
    Ok(context.finish().as_ref().to_vec())
}
