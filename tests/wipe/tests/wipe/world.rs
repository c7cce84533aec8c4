//! What these tests share: a laboratory with an image, a tree with canaries, something outside, and a machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hanare_wipe_tests::{Found, Image, Machine, Mounted, Planter, Result, Seed, Told, print_of, scan};

/// An image with a tree and something outside it, and a machine that erases.
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) mounted: Mounted,
    pub(crate) tree: PathBuf,
    pub(crate) outside: PathBuf,
    pub(crate) seed: Seed,
    outside_before: Vec<u8>,
}

/// Where a laboratory keeps files, in memory.
pub(crate) const PLACE: &str = "/run/lab/tmp";

/// Runs a test in a laboratory of its own. `name` is the test's path as `cargo test` prints it.
pub(crate) fn inside(name: &str, body: impl FnOnce() -> Result<()>) {
    hanare_lab::install(hanare_lab::WIPE).unwrap();
    hanare_lab::inside(name, Duration::from_mins(if long() { 60 } else { 15 }), |_| {
        body().unwrap();
        Ok(())
    });
}

/// Keeps swap as it is while this is held: it is the whole machine's, whatever laboratory a test is in.
pub(crate) fn swap_stays() -> Result<std::fs::File> {
    swap_lock(rustix::fs::FlockOperation::LockShared)
}

/// The same for who changes it.
pub(crate) fn swap_changes() -> Result<std::fs::File> {
    swap_lock(rustix::fs::FlockOperation::LockExclusive)
}

fn swap_lock(how: rustix::fs::FlockOperation) -> Result<std::fs::File> {
    let path = std::env::temp_dir().join("hanare-test-swap.lock");
    let file = std::fs::File::options().create(true).truncate(false).write(true).open(path)?;
    rustix::fs::flock(&file, how)?;
    Ok(file)
}

/// Whether `cargo xtask test --long` asked for many repetitions.
pub(crate) fn long() -> bool {
    std::env::var_os("HANARE_LONG").is_some()
}

impl World {
    pub(crate) fn ext4() -> Result<Self> {
        Self::of("ext4", 256, &[], "")
    }

    pub(crate) fn of(kind: &str, mebibytes: u64, mkfs: &[&str], mount: &str) -> Result<Self> {
        Self::in_place(Path::new(PLACE), kind, mebibytes, mkfs, mount)
    }

    pub(crate) fn in_place(
        place: &Path,
        kind: &str,
        mebibytes: u64,
        mkfs: &[&str],
        mount: &str,
    ) -> Result<Self> {
        let image = Image::make(&place.join("disk.img"), mebibytes, kind, mkfs)?;
        let mounted = image.mount(mount)?;
        let (tree, outside) = (mounted.join("tree"), mounted.join("outside"));
        std::fs::create_dir(&tree)?;
        std::fs::create_dir_all(outside.join("folder"))?;
        std::fs::write(outside.join("file"), "stays as it is\n".repeat(1000))?;
        std::fs::write(outside.join("folder/other"), "stays too\n")?;
        rustix::fs::syncfs(std::fs::File::open(&tree)?)?;
        let machine = Machine::new(&Path::new(PLACE).join("state"))?;
        let outside_before = print_of(&outside)?;
        Ok(Self { machine, mounted, tree, outside, seed: Seed::of("wipe"), outside_before })
    }

    /// Keeps the image as it is now, for [`World::back_to`].
    pub(crate) fn keep(self, copy: &Path) -> Result<Self> {
        self.remounted(|image| run("cp", &["--sparse=always", text(image), text(copy)]).map(|_| ()))
    }

    /// Makes the image what it was when this copy was kept: much faster than planting again. Nothing of it is cached then.
    pub(crate) fn back_to(self, copy: &Path) -> Result<Self> {
        self.remounted(|image| run("cp", &["--sparse=always", text(copy), text(image)]).map(|_| ()))
    }

    /// Mounts the image again by a device with another number, as the next boot may.
    pub(crate) fn renumbered(mut self) -> Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let before = std::fs::metadata(&self.tree)?.dev();
        // Other tests take and give devices, too.
        for number in 0..16 {
            self = self.remounted(|image| {
                // Takes the number that is free now, until the laboratory ends.
                let other =
                    Image::make(&image.with_file_name(format!("other-{number}.img")), 8, "ext4", &[])?;
                other.mount("").map(drop)
            })?;
            if std::fs::metadata(&self.tree)?.dev() != before {
                return Ok(self);
            }
        }
        Err("the number stays the same".into())
    }

    fn remounted(self, meanwhile: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let Self { machine, mounted, tree, outside, seed, outside_before } = self;
        let image = mounted.unmount()?;
        meanwhile(image.path())?;
        let mounted = image.mount("")?;
        Ok(Self { machine, mounted, tree, outside, seed, outside_before })
    }

    pub(crate) fn plant(&self, files: usize, extra: usize) -> Result<()> {
        Planter::new(self.seed).plant(&self.tree, files, extra)
    }

    /// From now on the outside is as it is now.
    pub(crate) fn look_outside(&mut self) -> Result<()> {
        self.outside_before = print_of(&self.outside)?;
        Ok(())
    }

    pub(crate) fn wipe(&self) -> Result<Told> {
        let told = self.machine.wipe(&[&self.tree])?;
        self.names_nothing(&told)?;
        Ok(told)
    }

    /// No name of the tree is in what was told, in the state or in a receipt.
    fn names_nothing(&self, told: &Told) -> Result<()> {
        let mark = String::from_utf8(self.seed.mark())?;
        assert!(!told.text.contains(&mark), "a name was told: {}", told.text);
        let found = run("grep", &["-r", "-l", &mark, &self.machine.state().to_string_lossy()]);
        assert!(found.is_err(), "a name is in the state: {found:?}");
        Ok(())
    }

    pub(crate) fn is_outside_untouched(&self) -> Result<bool> {
        Ok(print_of(&self.outside)? == self.outside_before)
    }

    /// What an examiner of the whole disk finds.
    pub(crate) fn remnants(self) -> Result<Found> {
        let seed = self.seed;
        let image = self.mounted.unmount()?;
        scan(image.path(), seed)
    }
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{program} {arguments:?}: {} {}", output.status, text(&output.stderr)).into())
}

/// Mounts with the kernel's own words.
pub(crate) fn mount(arguments: &[&str]) -> Result<()> {
    run("mount", arguments).map(|_| ())
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The exit status and verdict of a wipe.
pub(crate) fn verdict(told: &Told) -> (Option<i32>, &str) {
    (told.status, told.word("verdict"))
}

pub(crate) const PASS: (Option<i32>, &str) = (Some(0), "pass");
pub(crate) const PARTIAL: (Option<i32>, &str) = (Some(7), "partial");

/// Our eraser with one guard taken away.
pub(crate) fn unguarded(guard: &str, tree: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unguarded"));
    command.args([Path::new(guard), tree, &Path::new(PLACE).join("unguarded")]);
    command
}

/// Runs that to its end.
pub(crate) fn erase_unguarded(guard: &str, tree: &Path) -> Result<()> {
    let output = unguarded(guard, tree).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into())
}

/// Runs the eraser without guards on a tree.
pub(crate) fn careless(tree: &Path) -> Result<()> {
    run(env!("CARGO_BIN_EXE_careless"), &[text(tree)]).map(|_| ())
}
