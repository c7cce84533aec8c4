//! What is refused, before anything is touched.

use std::os::unix::fs::symlink;
use std::path::Path;

use hanare_wipe_tests::Machine;

use crate::world::{PLACE, World, inside, mount, run, text};

#[test]
fn every_path_is_judged_before_anything_is_touched() {
    inside("refused::every_path_is_judged_before_anything_is_touched", || {
        let world = World::ext4()?;
        world.plant(20, 1)?;
        symlink(&world.tree, world.mounted.join("link"))?;
        std::fs::create_dir(world.mounted.join("bound"))?;
        mount(&["--bind", text(&world.outside), text(&world.mounted.join("bound"))])?;
        let holder = world.mounted.join("holder");
        std::fs::create_dir_all(holder.join("deep/state"))?;
        let told = Machine::new(&holder.join("deep/state"))?.wipe(&[&holder])?;
        assert_eq!((told.status, told.word("code")), (Some(6), "tree-refused"));
        let at = |name: &str| text(world.mounted.at()).to_owned() + name;
        let tree = text(&world.tree).to_owned();
        for (path, status) in [
            ("tree".to_owned(), 3),
            (String::new(), 3),
            (at("/./tree"), 3),
            (at("/tree/.."), 3),
            (at("/absent"), 3),
            (at("/link"), 3),
            (at("/link/"), 3),
            (at("/outside/file"), 3),
            (at("/bound"), 6),
            (at(""), 6),
            ("/".to_owned(), 6),
            ("/etc".to_owned(), 6),
            ("/home".to_owned(), 6),
            (tree.clone(), 3),
        ] {
            let told = world.machine.wipe(&[&world.tree, Path::new(&path)])?;
            assert_eq!(told.status, Some(status), "{path:?}: {}", told.text);
            assert_eq!(told.word("schema"), "hanare.error/1");
        }
        assert_eq!(std::fs::read_dir(&world.tree)?.count(), 2);
        assert!(world.machine.receipts()?.is_empty());
        Ok(())
    });
}

#[test]
fn without_yes_or_on_a_strange_machine_nothing_happens() {
    inside("refused::without_yes_or_on_a_strange_machine_nothing_happens", || {
        let world = World::ext4()?;
        world.plant(20, 1)?;
        let tree = text(&world.tree);
        let told = world.machine.run(&["wipe", "tree", tree, "--standalone"])?;
        assert_eq!((told.status, told.word("code")), (Some(2), "wants-yes"));
        let told = world.machine.run(&["wipe", "tree", tree, "--yes"])?;
        assert_eq!((told.status, told.word("code")), (Some(6), "not-an-endpoint"));
        let told = world.machine.run(&["wipe", "tree", tree, "--dry-run", "--standalone"])?;
        assert_eq!((told.status, told.number("files")), (Some(0), 20 + 13));
        let told = world.machine.run(&["wipe", "resume"])?;
        assert_eq!(told.status, Some(0));
        assert!(!world.machine.state().exists(), "a refusal left something behind");
        assert_eq!(std::fs::read_dir(&world.tree)?.count(), 2);
        Ok(())
    });
}

#[test]
fn a_read_only_mount() {
    inside("refused::a_read_only_mount", || {
        let world = World::ext4()?;
        world.plant(20, 1)?;
        run("mount", &["-o", "remount,ro", text(world.mounted.at())])?;
        let told = world.wipe()?;
        assert_eq!((told.status, told.word("code")), (Some(4), "tree-refused"));
        Ok(())
    });
}

#[test]
fn two_wipes_of_one_tree() {
    inside("refused::two_wipes_of_one_tree", || {
        let world = World::ext4()?;
        world.plant(5000, 5)?;
        let first = world.machine.start(&world.tree)?;
        let marker = world.machine.state().join("wipe/pending.json");
        hanare_lab::until("the marker", std::time::Duration::from_secs(20), || marker.exists())?;
        let other = Machine::new(&Path::new(PLACE).join("other"))?;
        for machine in [&world.machine, &other] {
            let told = machine.wipe(&[&world.tree])?;
            assert_eq!(told.status, Some(6), "{}", told.text);
        }
        assert_eq!(first.wait_with_output()?.status.code(), Some(0));
        Ok(())
    });
}

/// Told only: where the guard fails, nothing of the machine may go.
#[test]
fn what_the_system_needs_and_what_is_kept_by_another_name() {
    inside("refused::what_the_system_needs_and_what_is_kept_by_another_name", || {
        let world = World::ext4()?;
        let alias = Path::new(PLACE).join("alias");
        std::fs::create_dir(&alias)?;
        run("mount", &["--bind", "/usr", text(&alias)])?;
        let told = world.machine.run(&[
            "wipe",
            "tree",
            "--dry-run",
            "--standalone",
            text(&alias.join("share/doc")),
        ])?;
        assert_eq!((told.status, told.word("code")), (Some(6), "tree-refused"), "{}", told.text);
        run("umount", &[text(&alias)])?;
        // The other name of something that a policy keeps.
        std::fs::create_dir_all(world.mounted.join("kept/inner"))?;
        run("mount", &["--bind", text(&world.mounted.join("kept")), text(&alias)])?;
        let policy = Path::new(PLACE).join("policy.toml");
        let (tree, keep) = (alias.join("inner"), world.mounted.join("kept/inner"));
        std::fs::write(
            &policy,
            format!(
                "version = 1\nname = \"kofu\"\n[work]\nallowed = [\"{PLACE}\"]\ntrees = [\"{}\"]\nkeep = [\"{}\"]\n",
                tree.display(),
                keep.display()
            ),
        )?;
        let told =
            world.machine.run(&["wipe", "run", "--dry-run", "--standalone", "--policy", text(&policy)])?;
        assert_eq!((told.status, told.word("code")), (Some(6), "tree-refused"), "{}", told.text);
        Ok(())
    });
}
