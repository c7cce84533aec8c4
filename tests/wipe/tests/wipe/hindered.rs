//! What somebody does to keep a tree from being erased, or to have the eraser harm something else.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use hanare_host::storage::lease;
use hanare_wipe_tests::{Found, Planter, Result, traced};
use rustix::fs::{CWD, FlockOperation, RenameFlags, XattrFlags, flock, getxattr, renameat_with, setxattr};
use rustix::io::Errno;

use crate::world::{PARTIAL, PASS, World, inside, run, text, unguarded, verdict};

#[test]
fn a_lock_on_the_tree_keeps_nobody_from_erasing_it() {
    inside("hindered::a_lock_on_the_tree_keeps_nobody_from_erasing_it", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        // As `flock /home/work sleep 1d` does.
        let locked = File::open(&world.tree)?;
        flock(&locked, FlockOperation::LockExclusive)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        drop(locked);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

/// How long the kernel lets the holder of a lease keep others waiting, shorter for as long as this lives.
struct Patience(String);

impl Patience {
    const PLACE: &'static str = "/proc/sys/fs/lease-break-time";

    fn of(seconds: u32) -> Result<Self> {
        let before = fs::read_to_string(Self::PLACE)?;
        fs::write(Self::PLACE, seconds.to_string())?;
        Ok(Self(before))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        let _ = fs::write(Self::PLACE, &self.0);
    }
}

#[test]
fn leases_on_files_keep_no_contents() {
    inside("hindered::leases_on_files_keep_no_contents", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let _patience = Patience::of(3)?;
        let planter = Planter::new(world.seed);
        let leased = (0..40).map(|number| {
            let path = world.tree.join(format!("leased-{number}"));
            planter.file(&path, 8192)?;
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            lease::take(&file)?;
            Ok(file)
        });
        let leased = leased.collect::<Result<Vec<File>>>()?;
        hanare_wipe_tests::write_back(&world.tree)?;
        let told = world.wipe()?;
        // They are still open, and have no name: whoever holds them goes on.
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!((told.skipped("io-error"), told.skipped("busy")), (0, 40), "{}", told.text);
        assert!(!world.tree.exists());
        drop(leased);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_leased_file_with_a_name_outside_stays_as_it_is() {
    inside("hindered::a_leased_file_with_a_name_outside_stays_as_it_is", || {
        let world = World::ext4()?;
        world.plant(20, 1)?;
        let path = world.outside.join("leased");
        fs::write(&path, "stays as it is\n".repeat(1000))?;
        fs::hard_link(&path, world.tree.join("leased"))?;
        let leased = OpenOptions::new().read(true).write(true).open(&path)?;
        lease::take(&leased)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!((told.skipped("hard-link-outside"), told.skipped("io-error")), (1, 0), "{}", told.text);
        drop(leased);
        // It has one name less, and is otherwise what it was.
        assert!(!world.tree.exists());
        assert_eq!(fs::read_to_string(&path)?, "stays as it is\n".repeat(1000));
        Ok(())
    });
}

/// The eraser, once one of its threads is about to make this system call, which then waits.
fn is_at(tracer: u32, call: u32) -> bool {
    let children = |process: u32| -> Vec<u32> {
        let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let threads = |process: u32| -> Vec<PathBuf> {
        let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join("syscall")).collect()
    };
    let wanted = format!("{call} ");
    let mut found = children(tracer).into_iter().flat_map(threads);
    found.any(|thread| fs::read_to_string(thread).is_ok_and(|text| text.starts_with(&wanted)))
}

/// `llistxattr` of x86-64 and of everything newer.
const LIST_ATTRIBUTES: u32 = if cfg!(target_arch = "x86_64") { 195 } else { 12 };

/// A link and a hard link to a file outside, exchanged while `wipe` looks at the link's attributes; what it told.
fn exchanged(tree: &Path, outside: &Path, wipe: impl FnOnce() -> Result<Child>) -> Result<Output> {
    let (link, twin) = (tree.join("link"), tree.join("twin"));
    fs::create_dir_all(tree)?;
    symlink("nowhere", &link)?;
    fs::hard_link(outside, &twin)?;
    let wiping = wipe()?;
    hanare_lab::until("the look at the link", Duration::from_secs(20), || {
        is_at(wiping.id(), LIST_ATTRIBUTES)
    })?;
    renameat_with(CWD, &link, CWD, &twin, RenameFlags::EXCHANGE)?;
    Ok(wiping.wait_with_output()?)
}

#[test]
fn a_link_exchanged_for_a_hard_link_to_a_file_outside() {
    inside("hindered::a_link_exchanged_for_a_hard_link_to_a_file_outside", || {
        let world = World::ext4()?;
        let (outside, victim) = (world.outside.join("file"), world.mounted.join("victim"));
        let note = |name: &str| getxattr(&outside, name, &mut [0; 16]);
        for name in ["user.note", "trusted.note"] {
            setxattr(&outside, name, b"stays", XattrFlags::empty())?;
        }
        let told = exchanged(&victim, &outside, || {
            let command = unguarded("holds-first", &victim);
            Ok(traced(&command, "llistxattr", "delay_enter=4000000").spawn()?)
        })?;
        assert_eq!(note("user.note"), Err(Errno::NODATA), "the attack is none: {told:?}");
        for name in ["user.note", "trusted.note"] {
            setxattr(&outside, name, b"stays", XattrFlags::empty())?;
        }
        let tree = ["wipe", "tree", "--yes", "--standalone", text(&world.tree)];
        let told = exchanged(&world.tree, &outside, || world.machine.delayed_at("llistxattr", 4000, &tree))?;
        for name in ["user.note", "trusted.note"] {
            assert_eq!(note(name), Ok(5), "{name}: {told:?}");
        }
        assert!(told.status.code() == Some(7) && !world.tree.exists(), "{told:?}");
        Ok(())
    });
}

/// Somebody who has `secret` open by another name of the tree, in a mount namespace of their own, and has removed it; then does
/// `more`.
fn holder_by_another_name(world: &World, more: &str) -> Result<Child> {
    let secret = world.tree.join("secret");
    Planter::new(world.seed).file(&secret, 8192)?;
    hanare_wipe_tests::write_back(&world.tree)?;
    let place = Path::new(crate::world::PLACE).join("elsewhere");
    fs::create_dir(&place)?;
    let line = format!(
        "mount --bind \"$0\" \"$1\" && exec 3<\"$1/secret\" && rm \"$0/secret\" && {more} : > \"$2\" && exec sleep 60"
    );
    let ready = place.with_file_name("ready");
    let mut holder = Command::new("unshare");
    holder.args(["-m", "--propagation", "private", "sh", "-c", &line]).args([&world.tree, &place, &ready]);
    let holder = holder.stdin(Stdio::null()).spawn()?;
    hanare_lab::until("the file to have no name", Duration::from_secs(10), || ready.exists())?;
    Ok(holder)
}

#[test]
fn a_file_opened_by_another_name_and_removed() {
    inside("hindered::a_file_opened_by_another_name_and_removed", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let mut holder = holder_by_another_name(&world, "")?;
        let told = world.wipe()?;
        holder.kill()?;
        holder.wait()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("busy"), 1, "{}", told.text);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

/// A program that holds a file where it is not seen at once, and removes its name.
fn apart() -> Result<PathBuf> {
    let program = Path::new(crate::world::PLACE).join("apart");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/apart.c");
    run("cc", &["-pthread", "-o", text(&program), source])?;
    Ok(program)
}

/// Whoever has taken the name off a file by the time that `ready` is there, and holds it, is seen by the wipe.
fn is_seen(world: &World, mut holder: Child, ready: &Path) -> Result<()> {
    hanare_lab::until("the file to have no name", Duration::from_secs(10), || ready.exists())?;
    let told = world.wipe()?;
    holder.kill()?;
    holder.wait()?;
    assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
    assert_eq!(told.skipped("busy"), 1, "{}", told.text);
    Ok(())
}

#[test]
fn a_file_that_a_thread_holds_apart_from_the_others() {
    inside("hindered::a_file_that_a_thread_holds_apart_from_the_others", || {
        for how in ["thread", "leaderless"] {
            let world = World::ext4()?;
            world.plant(50, 5)?;
            let (secret, ready) = (world.tree.join("secret"), Path::new(crate::world::PLACE).join(how));
            Planter::new(world.seed).file(&secret, 8192)?;
            hanare_wipe_tests::write_back(&world.tree)?;
            let holder = Command::new(apart()?).arg(how).args([&secret, &ready]).spawn()?;
            is_seen(&world, holder, &ready)?;
            fs::remove_dir_all(world.machine.state())?;
            assert_eq!(world.remnants()?, Found::new(), "{how}");
        }
        Ok(())
    });
}

/// With a root of its own, a process sees other paths than everybody else does, and so does the kernel's list of its mounts.
#[test]
fn a_file_that_is_held_from_a_root_of_one_s_own_is_no_pass() {
    inside("hindered::a_file_that_is_held_from_a_root_of_one_s_own_is_no_pass", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let root = Path::new(crate::world::PLACE).join("root");
        fs::create_dir(&root)?;
        Planter::new(world.seed).file(&world.tree.join("secret"), 8192)?;
        hanare_wipe_tests::write_back(&world.tree)?;
        // Only there: nobody else sees this mount.
        let line = "mount --bind \"$1\" \"$2\" && exec \"$0\" chroot \"$2\" /tree/secret /ready";
        let holder = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", line])
            .args([&apart()?, world.mounted.at(), &root])
            .stdin(Stdio::null())
            .spawn()?;
        let ready = world.mounted.join("ready");
        is_seen(&world, holder, &ready)
    });
}

/// Memory is all threads', and the mount by way of which it was mapped is one thread's.
#[test]
fn a_file_that_was_mapped_by_way_of_a_thread_s_own_mount_is_no_pass() {
    inside("hindered::a_file_that_was_mapped_by_way_of_a_thread_s_own_mount_is_no_pass", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let (place, ready) = (world.mounted.join("elsewhere"), Path::new(crate::world::PLACE).join("ready"));
        fs::create_dir(&place)?;
        Planter::new(world.seed).file(&world.tree.join("secret"), 8192)?;
        hanare_wipe_tests::write_back(&world.tree)?;
        let holder = Command::new(apart()?).arg("mapped").args([&world.tree, &place, &ready]).spawn()?;
        is_seen(&world, holder, &ready)
    });
}

/// By a mount that is in no list any more: where it lies cannot be told, and it could be somebody else's.
#[test]
fn a_file_that_is_held_nobody_can_tell_where_is_no_pass() {
    inside("hindered::a_file_that_is_held_nobody_can_tell_where_is_no_pass", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let mut holder = holder_by_another_name(&world, "umount -l \"$1\" &&")?;
        let told = world.wipe()?;
        holder.kill()?;
        holder.wait()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("busy"), 1, "{}", told.text);
        Ok(())
    });
}
