//! Somebody who writes files all day in the ways in which programs do, and keeps a list of their own of what they wrote.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hanare_lab::Random;

use crate::desk::hex;

/// Files that are written now and then, and stand for a while,
const CALM: u64 = 18;
/// and such that are written again and again.
const BUSY: u64 = 4;

/// One version of a file, as its writer knows it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) digest: String,
    pub(crate) bytes: u64,
    /// When its file was closed,
    pub(crate) closed: Instant,
    /// and when something else began to be written in its place.
    pub(crate) ended: Option<Instant>,
}

/// A writer at work.
#[derive(Debug)]
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Written>>,
}

impl Writer {
    /// Begins to write below `folder`.
    pub(crate) fn start(folder: &Path, random: Random) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut hand = Hand {
            folder: folder.to_owned(),
            random,
            all: Vec::new(),
            newest: BTreeMap::new(),
            due: BTreeMap::new(),
        };
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Acquire) {
                hand.write_what_is_due();
                std::thread::sleep(Duration::from_millis(20));
            }
            hand.all
        });
        Self { stop, thread }
    }

    /// Ends it: everything that was written, in order.
    pub(crate) fn end(self) -> Vec<Written> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

struct Hand {
    folder: PathBuf,
    random: Random,
    all: Vec<Written>,
    newest: BTreeMap<u64, usize>,
    due: BTreeMap<u64, Instant>,
}

impl Hand {
    fn write_what_is_due(&mut self) {
        for number in 0..CALM + BUSY {
            let first = Duration::from_millis(self.random.below(15_000));
            let due = *self.due.entry(number).or_insert_with(|| Instant::now() + first);
            if due > Instant::now() {
                continue;
            }
            self.write(number);
            let (least, more) = if number < CALM { (20_000, 20_000) } else { (200, 2_000) };
            let pause = Duration::from_millis(least + self.random.below(more));
            self.due.insert(number, Instant::now() + pause);
        }
    }

    fn write(&mut self, number: u64) {
        let path = name(number);
        // Most files are small; some take longer to send than the line holds.
        let len = match self.random.below(10) {
            _ if number >= CALM => 16 + self.random.below(20_000),
            0 => 1_000_000 + self.random.below(3_000_000),
            1 | 2 => 100_000 + self.random.below(400_000),
            _ => 16 + self.random.below(20_000),
        };
        let bytes = self.random.bytes(usize::try_from(len).unwrap());
        let at = self.folder.join(&path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let began = Instant::now();
        match self.random.below(3) {
            0 => fs::write(&at, &bytes).unwrap(),
            // As an office program saves.
            1 => {
                let beside = at.with_extension("neu");
                fs::write(&beside, &bytes).unwrap();
                fs::rename(&beside, &at).unwrap();
            }
            _ => in_place(&at, &bytes),
        }
        if let Some(before) = self.newest.insert(number, self.all.len()) {
            self.all[before].ended = Some(began);
        }
        let (digest, closed) = (hex(&bytes), Instant::now());
        self.all.push(Written { path, digest, bytes: len, closed, ended: None });
    }
}

/// A database's way: here and there, and the length at the end.
fn in_place(at: &Path, bytes: &[u8]) {
    let file: File = OpenOptions::new().write(true).create(true).truncate(false).open(at).unwrap();
    let middle = bytes.len() / 2;
    file.write_all_at(&bytes[middle..], middle as u64).unwrap();
    file.write_all_at(&bytes[..middle], 0).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

fn name(number: u64) -> String {
    match number % 3 {
        0 => format!("見積/{number}/第1版.xlsx"),
        1 => format!("memo {number}.txt"),
        _ => format!("a/b/c/{number}"),
    }
}
