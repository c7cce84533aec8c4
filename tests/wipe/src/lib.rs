//! Forensic tests of the eraser: real file systems in loop images, canaries of every kind, a scanner of raw images.

mod canary;
mod disk;
mod image;
mod machine;
mod outside;
mod scan;

pub use canary::{Kind, Planter, Seed};
pub use disk::{Disk, Nature, clear};
pub use hanare_lab::Random;
pub use image::{Image, Mounted};
pub use machine::{Machine, Told, told, traced};
pub use outside::print_of;
pub use scan::{Found, scan};

/// Writes back what is below a directory, and all else of its file system.
///
/// # Errors
/// What the system says.
pub fn write_back(directory: &std::path::Path) -> Result<()> {
    Ok(rustix::fs::syncfs(std::fs::File::open(directory)?)?)
}

/// What can go wrong here: always told with what was tried.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
