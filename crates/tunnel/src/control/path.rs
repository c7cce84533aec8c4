//! Unix socket paths beyond the 107 bytes that an address can hold, by way of `/proc/self/fd`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// `sun_path` of sockaddr_un less its final zero byte (unix(7)).
const MAX_PATH: usize = 107;

/// A path by which the socket `name` in `directory` can be bound or connected, and the directory's descriptor, which must
/// live until that is done.
pub(crate) fn short(directory: &Path, name: &str) -> io::Result<(PathBuf, Option<File>)> {
    let plain = directory.join(name);
    if plain.as_os_str().len() <= MAX_PATH {
        return Ok((plain, None));
    }
    let handle = File::open(directory)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}/{name}", handle.as_raw_fd()));
    Ok((short, Some(handle)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_in_a_deep_directory_can_be_used() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("離れ".repeat(30));
        std::fs::create_dir(&deep).unwrap();
        let (path, _open) = short(&deep, "node.sock").unwrap();
        let _listener = UnixListener::bind(path).unwrap();
        let (path, _open) = short(&deep, "node.sock").unwrap();
        UnixStream::connect(path).unwrap();
    }
}
