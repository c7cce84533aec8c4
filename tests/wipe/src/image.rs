//! A file system in a file, mounted over a loop device that goes away with its mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// A file system in a file.
#[derive(Debug, Clone)]
pub struct Image {
    path: PathBuf,
    kind: String,
}

/// An image that is mounted.
#[derive(Debug)]
pub struct Mounted {
    image: Image,
    at: PathBuf,
}

/// Runs a program to its end, failure being an error with its words.
pub(crate) fn must(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program} {}: {words}", arguments.join(" ")).into())
}

impl Image {
    /// Makes a sparse file of `mebibytes` with a file system of `kind` in it.
    ///
    /// # Errors
    /// If the file cannot be made, or mkfs is missing or refuses.
    pub fn make(path: &Path, mebibytes: u64, kind: &str, options: &[&str]) -> Result<Self> {
        let file = std::fs::File::create(path)?;
        file.set_len(mebibytes << 20)?;
        drop(file);
        let quiet: &[&str] = match kind {
            "ext2" | "ext3" | "ext4" => &["-q", "-F"],
            "xfs" | "btrfs" => &["-q", "-f"],
            _ => &[],
        };
        let name = path.to_str().ok_or("the image's path is not UTF-8")?;
        must(&format!("mkfs.{kind}"), &[quiet, options, &[name]].concat())?;
        Ok(Self { path: path.to_path_buf(), kind: kind.to_owned() })
    }

    /// Makes a directory in which images lie on devices without discard: a `ramfs` cannot punch holes, so loop devices have none.
    /// (Their own switch, `discard_max_bytes`, would stay off after the test, for whoever gets the device next.)
    ///
    /// # Errors
    /// If it cannot be mounted.
    pub fn place_without_discard(place: &Path) -> Result<()> {
        std::fs::create_dir_all(place)?;
        must("mount", &["-t", "ramfs", "ramfs", &place.to_string_lossy()]).map(|_| ())
    }

    /// Mounts it on a directory of its own name.
    ///
    /// # Errors
    /// If there is no loop device or the kernel does not know the file system.
    pub fn mount(&self, options: &str) -> Result<Mounted> {
        let options = if options.is_empty() { "loop".to_owned() } else { format!("loop,{options}") };
        self.mount_from(&self.path, &options)
    }

    /// Mounts what is in `source`: the image itself, or a device that it was made.
    pub(crate) fn mount_from(&self, source: &Path, options: &str) -> Result<Mounted> {
        let at = self.path.with_extension("mnt");
        std::fs::create_dir_all(&at)?;
        let (source, place) = (source.to_string_lossy(), at.to_string_lossy());
        must("mount", &["-t", &self.kind, "-o", options, &source, &place])?;
        Ok(Mounted { image: self.clone(), at })
    }

    /// The image file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Mounted {
    /// Where it is mounted.
    #[must_use]
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// A path in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// The name of its loop device, such as `loop3`.
    ///
    /// # Errors
    /// If `/proc` does not tell.
    pub fn device(&self) -> Result<String> {
        let source = must("findmnt", &["-n", "-o", "SOURCE", &self.at.to_string_lossy()])?;
        Ok(source.trim().trim_start_matches("/dev/").to_owned())
    }

    /// Unmounts it; the loop device goes with it.
    ///
    /// # Errors
    /// If something still uses it.
    pub fn unmount(self) -> Result<Image> {
        must("umount", &[&self.at.to_string_lossy()])?;
        Ok(self.image.clone())
    }
}
