//! An eraser without any of the guards, which no user ever gets: what attacks do to it shows that they are real.
//!
//! `careless DIRECTORY [wait]`: lists everything by path, following links and mounts; with `wait` it says `listed` and goes on
//! after a line on its standard input; then it overwrites and removes what it listed, by path.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let top = PathBuf::from(arguments.next().ok_or("a directory")?);
    let mut found = Vec::new();
    list(&top, &mut found, 8)?;
    if arguments.next().is_some() {
        let mut out = std::io::stdout().lock();
        writeln!(out, "listed")?;
        out.flush()?;
        std::io::stdin().lock().read_line(&mut String::new())?;
    }
    for path in &found {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if metadata.is_file() {
            fs::write(path, vec![0; usize::try_from(metadata.len())?])?;
        } else if metadata.file_type().is_block_device() {
            fs::write(path, [0; 4096])?;
        }
    }
    for path in found.iter().rev() {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
    Ok(())
}

fn list(directory: &Path, found: &mut Vec<PathBuf>, depth: u32) -> Result<(), Failure> {
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        found.push(path.clone());
        if path.is_dir() {
            list(&path, found, depth - 1)?;
        }
    }
    Ok(())
}
