//! Power that goes at each step, and processes that are killed: nothing or a complete pair is left.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;

/// Does a number of steps; then the power is gone, in the middle of the next one.
#[derive(Clone)]
struct Failing {
    steps: Arc<AtomicU32>,
}

impl Failing {
    fn after(steps: u32) -> Self {
        Self { steps: Arc::new(AtomicU32::new(steps)) }
    }

    fn next(&self) -> bool {
        let left = self.steps.load(Ordering::Relaxed);
        self.steps.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

impl Disk for Failing {
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.next() {
            return place::Real::default().put(path, bytes);
        }
        // A torn write: half of it, under the name that it had before the rename.
        let mut torn = path.as_os_str().to_owned();
        torn.push(".4242.new");
        fs::write(torn, &bytes[..bytes.len() / 2]).unwrap();
        Err(io::Error::other("the power is gone"))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.next() {
            place::Real::default().remove(path)
        } else {
            Err(io::Error::other("the power is gone"))
        }
    }
}

#[test]
fn a_crash_at_each_step_leaves_nothing_or_a_complete_pair() {
    let mut completed = 0;
    for steps in 0..20 {
        let (state, _) = written(2);
        let cut = Failing::after(steps);
        let end = Receipts::open_on(Box::new(cut), state.path(), key(1))
            .and_then(|receipts| receipts.write(&ending(3)));
        assert!(faults(state.path()).is_empty(), "{steps}: a reader takes a crash for an attack");
        // Power is back.
        let receipts = Receipts::open(state.path(), key(1)).unwrap();
        let kept = list(state.path(), &key(1).verify_key()).unwrap();
        assert_eq!(kept.faults, [], "{steps}");
        assert!(kept.entries.len() == 3 || (end.is_err() && kept.entries.len() == 2), "{steps}");
        let again = receipts.write(&ending(3)).unwrap();
        let whole = list(state.path(), &key(1).verify_key()).unwrap();
        assert_eq!((whole.entries.len(), whole.faults.len()), (3, 0), "{steps}");
        assert_eq!(whole.entries[2].receipt.chain, ChainState::Intact, "{steps}");
        let folder = again.parent().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 6, "{steps}: torn files are left");
        if let Ok(path) = end {
            assert_eq!(path, again);
            completed += 1;
        }
    }
    assert!((1..20).contains(&completed), "the power never went, or always: {completed}");
}

#[test]
fn a_crash_while_the_first_one_is_opened_is_no_damage() {
    for steps in 0..4 {
        let state = tempfile::tempdir().unwrap();
        let _ = Receipts::open_on(Box::new(Failing::after(steps)), state.path(), key(1));
        let receipts = Receipts::open(state.path(), key(1)).unwrap();
        receipts.write(&ending(1)).unwrap();
        let whole = list(state.path(), &key(1).verify_key()).unwrap();
        assert_eq!((whole.faults.len(), whole.entries[0].receipt.chain), (0, ChainState::Intact), "{steps}");
    }
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "started by a_process_that_is_killed_while_it_writes_leaves_a_whole_chain"]
fn write_until_killed() {
    let state =
        PathBuf::from(std::env::var_os("HANARE_TEST_STATE").expect("the test that starts this sets it"));
    loop {
        let receipts = Receipts::open(&state, key(1)).unwrap();
        let id = WipeId::random().unwrap();
        receipts.write(&Ending { id, ..ending(0) }).unwrap();
    }
}

#[test]
fn a_process_that_is_killed_while_it_writes_leaves_a_whole_chain() {
    let state = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..20_u64 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "receipt::tests::crashes::write_until_killed", "--ignored"])
            .env("HANARE_TEST_STATE", state.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 7));
        writer.kill().unwrap();
        writer.wait().unwrap();
        Receipts::open(state.path(), key(1)).unwrap();
        let listing = list(state.path(), &key(1).verify_key()).unwrap();
        assert_eq!(listing.faults, [], "round {round}");
        assert!(listing.entries.len() >= before);
        assert!(listing.entries.iter().all(|entry| entry.receipt.chain == ChainState::Intact));
        before = listing.entries.len();
    }
    assert!(before > 0, "no writer got as far as one receipt");
}
