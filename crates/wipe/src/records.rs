//! The records of a wipe on a disk that is full: files kept in stock hold blocks and inodes for them, so that whoever uses up
//! the disk keeps no wipe from being noted, and none from its receipt.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hanare_host::files;

use crate::pending::LOCK;

/// One end writes about ten records: the opening, the marker, a receipt with its signature and head, some of them twice.
const FILES: usize = 16;
/// Bytes of each; a marker holds a policy's text.
const SIZE: usize = 64 << 10;
const MODE: u32 = 0o600;

fn folder(state: &Path) -> PathBuf {
    state.join("wipe/stock")
}

/// Puts files in stock, as far as there is room: once it is needed there is none.
pub(crate) fn stock(state: &Path) {
    let folder = folder(state);
    let kept = files::create_private_directory(&folder).and_then(|()| {
        // An inode too; whoever holds it now has it already.
        OpenOptions::new().append(true).create(true).mode(MODE).open(folder.with_file_name(LOCK))?;
        for number in 0..FILES {
            let path = folder.join(number.to_string());
            if fs::metadata(&path).is_ok_and(|seen| seen.len() == SIZE as u64) {
                continue;
            }
            // Written, but not waited for: blocks that are only reserved (`fallocate`) would keep what they held before.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path);
            file?.write_all(&vec![0xff; SIZE])?;
        }
        Ok(())
    });
    if let Err(error) = kept {
        tracing::warn!(%error, folder = %folder.display(), "no room is kept for the records of a wipe");
    }
}

/// Writes a record in one step, durably; on a full disk onto a file in stock.
pub(crate) fn write(state: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut written = files::write_atomic(path, bytes, MODE);
    for number in 0..FILES {
        if !written.as_ref().is_err_and(is_full) {
            break;
        }
        let stock = folder(state).join(number.to_string());
        match files::write_atomic_onto(&stock, path, bytes, MODE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => {
                written = outcome;
                // Where the directory itself wants a block, this one makes room for the next.
                let _ = fs::remove_file(&stock);
            }
        }
    }
    written
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
