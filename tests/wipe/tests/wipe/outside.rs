//! Nothing outside is ever harmed. Each attack succeeds against the eraser without guards first.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use hanare_wipe_tests::{Result, print_of, told};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::world::{
    PARTIAL, PASS, World, careless, erase_unguarded, inside, mount, run, text, unguarded, verdict,
};

/// Sets an attack up twice: once against an eraser without the guard, which must fall for it, once against ours.
fn attacked(
    without: impl Fn(&Path) -> Result<()>,
    set_up: impl Fn(&World, &Path) -> Result<()>,
    undo: impl Fn(&Path) -> Result<()>,
) -> Result<World> {
    let mut world = World::ext4()?;
    let victim = world.mounted.join("victim");
    std::fs::create_dir(&victim)?;
    set_up(&world, &victim)?;
    let before = print_of(&world.outside)?;
    without(&victim)?;
    assert_ne!(print_of(&world.outside)?, before, "the attack is none: without guards nothing happened");
    undo(&victim)?;
    restore(&world.outside)?;
    world.plant(100, 5)?;
    set_up(&world, &world.tree)?;
    world.look_outside()?;
    Ok(world)
}

fn restore(outside: &Path) -> Result<()> {
    std::fs::create_dir_all(outside.join("folder"))?;
    std::fs::write(outside.join("file"), "stays as it is\n".repeat(1000))?;
    Ok(std::fs::write(outside.join("folder/other"), "stays too\n")?)
}

#[test]
fn symlink_to_a_file_and_to_a_directory_outside() {
    inside("outside::symlink_to_a_file_and_to_a_directory_outside", || {
        let world = attacked(
            |victim| erase_unguarded("stays-inside", victim),
            |world, tree| {
                symlink(world.outside.join("file"), tree.join("to-a-file"))?;
                Ok(symlink(world.outside.join("folder"), tree.join("to-a-folder"))?)
            },
            |_| Ok(()),
        )?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        Ok(())
    });
}

#[test]
fn hard_link_to_a_file_outside() {
    inside("outside::hard_link_to_a_file_outside", || {
        let world = attacked(
            |victim| erase_unguarded("spares-other-names", victim),
            |world, tree| {
                rustix::fs::setxattr(
                    world.outside.join("file"),
                    "user.note",
                    b"stays",
                    rustix::fs::XattrFlags::empty(),
                )?;
                Ok(std::fs::hard_link(world.outside.join("file"), tree.join("linked"))?)
            },
            |_| Ok(()),
        )?;
        let contents = std::fs::read(world.outside.join("file"))?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("hard-link-outside"), 1);
        assert!(!world.tree.exists());
        // It has one name less, and is otherwise what it was.
        assert_eq!(std::fs::read(world.outside.join("file"))?, contents);
        let mut value = [0; 16];
        assert_eq!(rustix::fs::getxattr(world.outside.join("file"), "user.note", &mut value)?, 5);
        Ok(())
    });
}

#[test]
fn hard_links_inside_are_overwritten() {
    inside("outside::hard_links_inside_are_overwritten", || {
        let world = World::ext4()?;
        world.plant(100, 5)?;
        for folder in ["one", "two", "three"] {
            std::fs::create_dir(world.tree.join(folder))?;
        }
        let planter = hanare_wipe_tests::Planter::new(world.seed);
        for number in 0..200 {
            let first = world.tree.join(format!("one/{number}"));
            planter.file(&first, 8192)?;
            std::fs::hard_link(&first, world.tree.join(format!("two/{number}")))?;
            std::fs::hard_link(&first, world.tree.join(format!("three/{number}")))?;
        }
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        // Each was overwritten, once.
        assert!(told.number("bytes") > 200 * 8192, "{}", told.text);
        assert!(world.remnants()?.is_empty());
        Ok(())
    });
}

#[test]
fn hard_links_between_two_trees_of_one_wipe_are_overwritten() {
    inside("outside::hard_links_between_two_trees_of_one_wipe_are_overwritten", || {
        let world = World::ext4()?;
        world.plant(20, 1)?;
        let other = world.mounted.join("other-tree");
        std::fs::create_dir(&other)?;
        let planter = hanare_wipe_tests::Planter::new(world.seed);
        for number in 0..50 {
            let first = world.tree.join(format!("first-{number}"));
            planter.file(&first, 8192)?;
            std::fs::hard_link(&first, other.join(number.to_string()))?;
        }
        let told = world.machine.wipe(&[&world.tree, &other])?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert!(told.number("bytes") > 50 * 8192, "{}", told.text);
        assert!(world.remnants()?.is_empty());
        Ok(())
    });
}

#[test]
fn bind_mount_inside() {
    inside("outside::bind_mount_inside", || {
        let world = attacked(
            |victim| erase_unguarded("stays-inside", victim),
            |world, tree| {
                std::fs::create_dir(tree.join("bound"))?;
                std::fs::write(tree.join("bound-file"), "")?;
                mount(&["--bind", text(&world.outside), text(&tree.join("bound"))])?;
                mount(&["--bind", text(&world.outside.join("file")), text(&tree.join("bound-file"))])
            },
            |tree| {
                run("umount", &[text(&tree.join("bound"))])?;
                run("umount", &[text(&tree.join("bound-file"))]).map(|_| ())
            },
        )?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("mount"), 2, "{}", told.text);
        assert!(world.is_outside_untouched()?);
        assert_eq!(std::fs::read_dir(&world.tree)?.count(), 2, "everything else is gone");
        Ok(())
    });
}

/// A disk that is in use elsewhere has a node in the tree, as a careless backup or an attacker makes one.
#[test]
fn a_device_node_of_a_disk_outside() {
    inside("outside::a_device_node_of_a_disk_outside", || {
        let device = std::cell::OnceCell::new();
        let world = attacked(
            careless,
            |world, tree| {
                let disk = world.outside.join("disk");
                std::fs::write(&disk, "a disk that is in use\n".repeat(50_000))?;
                let name = if let Some(name) = device.get() {
                    name
                } else {
                    let name = run("losetup", &["--find", "--show", text(&disk)])?.trim().to_owned();
                    device.get_or_init(|| name)
                };
                let number = std::fs::metadata(name)?.rdev();
                let node = tree.join("node");
                Ok(mknodat(CWD, node, FileType::BlockDevice, Mode::RUSR | Mode::WUSR, number)?)
            },
            |_| Ok(()),
        );
        let wiped = world.and_then(|world| Ok((world.wipe()?, world)));
        if let Some(name) = device.get() {
            run("losetup", &["--detach", name])?;
        }
        let (told, world) = wiped?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        Ok(())
    });
}

/// The eraser without guards, stopped between listing and erasing.
pub(crate) fn careless_with(tree: &Path, meanwhile: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_careless"))
        .arg(tree)
        .arg("wait")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut listed = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut listed)?;
    meanwhile()?;
    child.stdin.take().unwrap().write_all(b"\n")?;
    child.wait()?;
    Ok(())
}

fn folder_of_files(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join("other"), "inside\n")?)
}

/// Directories in the tree, each with a folder that somebody exchanges with something else, over and over.
fn with_folders(tree: &Path, count: usize) -> Result<()> {
    for number in 0..count {
        folder_of_files(&tree.join(format!("{number}/folder")))?;
    }
    Ok(())
}

/// Whoever swaps each folder for a symlink and back, until `erase` has come to its end.
fn swapping<T>(tree: &Path, target: &Path, erase: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..200).cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let place = tree.join(number.to_string());
                let _ = std::fs::rename(place.join("folder"), place.join("aside"));
                let _ = symlink(target, place.join("folder"));
                let _ = std::fs::remove_file(place.join("folder"));
                let _ = std::fs::rename(place.join("aside"), place.join("folder"));
            }
        });
        let told = erase();
        done.store(true, Ordering::Relaxed);
        told
    })
}

/// How often a race is run against the eraser without its guard until that falls for it.
const TRIES: usize = 40;

#[test]
fn a_directory_swapped_for_a_symlink_during_the_walk() {
    inside("outside::a_directory_swapped_for_a_symlink_during_the_walk", || {
        let mut world = World::ext4()?;
        let target = world.outside.join("folder");
        let victim = world.mounted.join("victim");
        let before = print_of(&world.outside)?;
        for _ in 0..TRIES {
            with_folders(&victim, 200)?;
            swapping(&victim, &target, || erase_unguarded("stays-inside", &victim))?;
            if print_of(&world.outside)? != before {
                break;
            }
        }
        assert_ne!(print_of(&world.outside)?, before, "the attack is none");
        restore(&world.outside)?;
        world.look_outside()?;
        for _ in 0..10 {
            with_folders(&world.tree, 200)?;
            swapping(&world.tree, &target, || world.wipe())?;
            assert!(world.is_outside_untouched()?, "the outside was touched");
            let _ = std::fs::remove_dir_all(&world.tree);
        }
        Ok(())
    });
}

/// Mounts the outside on each folder while a wipe goes on, and takes the mounts away at its end.
fn mounting(tree: &Path, outside: &Path, wiping: Child) -> Result<()> {
    let folders: Vec<_> = (0..100).rev().map(|number| tree.join(format!("{number}/folder"))).collect();
    for folder in &folders {
        // It may be gone by now.
        let _ = mount(&["--bind", text(outside), text(folder)]);
    }
    wiping.wait_with_output()?;
    for folder in &folders {
        let _ = run("umount", &[text(folder)]);
    }
    Ok(())
}

#[test]
fn a_mount_appearing_during_the_walk() {
    inside("outside::a_mount_appearing_during_the_walk", || {
        let mut world = World::ext4()?;
        let victim = world.mounted.join("victim");
        let before = print_of(&world.outside)?;
        for _ in 0..TRIES {
            with_folders(&victim, 100)?;
            let wiping = unguarded("stays-inside", &victim).stderr(Stdio::null()).spawn()?;
            mounting(&victim, &world.outside, wiping)?;
            if print_of(&world.outside)? != before {
                break;
            }
        }
        assert_ne!(print_of(&world.outside)?, before, "the attack is none");
        restore(&world.outside)?;
        world.look_outside()?;
        for _ in 0..3 {
            with_folders(&world.tree, 100)?;
            let wiping = world.machine.start(&world.tree)?;
            mounting(&world.tree, &world.outside, wiping)?;
            assert!(world.is_outside_untouched()?, "the outside was touched");
        }
        Ok(())
    });
}

#[test]
fn the_root_itself_replaced_by_a_symlink() {
    inside("outside::the_root_itself_replaced_by_a_symlink", || {
        let mut world = World::ext4()?;
        let victim = world.mounted.join("victim");
        folder_of_files(&victim)?;
        let before = print_of(&world.outside)?;
        let aside = world.mounted.join("aside");
        careless_with(&victim, || {
            std::fs::rename(&victim, &aside)?;
            Ok(symlink(world.outside.join("folder"), &victim)?)
        })?;
        assert_ne!(print_of(&world.outside)?, before, "the attack is none");
        restore(&world.outside)?;
        std::fs::remove_dir_all(&aside)?;
        world.look_outside()?;
        world.plant(3000, 5)?;
        let child = world.machine.start(&world.tree)?;
        let marker = world.machine.state().join("wipe/pending.json");
        hanare_lab::until("the marker", std::time::Duration::from_secs(20), || marker.exists())?;
        std::fs::rename(&world.tree, &aside)?;
        symlink(&world.outside, &world.tree)?;
        let told = told(child)?;
        assert!(world.is_outside_untouched()?, "the outside was touched");
        // What was held from the beginning is what was erased; its name is another's by now.
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(std::fs::read_dir(&aside)?.count(), 0);
        Ok(())
    });
}
