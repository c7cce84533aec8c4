//! The recipe: take attributes off, overwrite once, write back, remove, discard or fill what is free, blank the journal.

mod ahead;
mod attributes;
mod beneath;
mod crew;
mod ext4;
mod filesystem;
mod free_space;
mod held;
mod holders;
mod inodes;
mod leases;
mod links;
mod media;
mod outlook;
mod overwrite;
mod remove;
mod scrub;
pub(crate) mod walk;
mod whereabouts;

mod counts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hanare_host::storage::{AlignedBuffer, BlockDevice};

pub use counts::Survey;
pub(crate) use filesystem::Filesystem;
pub(crate) use free_space::Setting;
pub(crate) use media::below as disks_below;
pub(crate) use outlook::Outlook;

use crate::outcome::{SkipKind, Tally, Verified};
use crate::receipt::Medium;
use crate::root::{Place, Root};
use crate::verify::{Canaries, Recorder, Sample, reread};
use ahead::Ahead;
use free_space::FreeSpace;
use held::Held;
use leases::Patience;
use links::Links;
use remove::Removed;
use scrub::Scrub;

/// How much is written at once past the page cache: 4 MiB were as fast as one 4 GiB write, 1 MiB a tenth slower.
const AT_ONCE: usize = 4 << 20;
/// How often what is left of a tree is tried again: hard links take two rounds, whoever keeps writing is not waited for.
const ROUNDS: u32 = 6;

/// What the eraser tells before it goes on, so that a crash forgets nothing.
pub(crate) trait Diary {
    /// From now on names are removed; so far this was seen.
    fn removing(&mut self, skipped: &Tally, bytes: u64) -> io::Result<()>;
    /// A tree has no name any more: from now on its path is not looked at.
    fn removed(&mut self, root: &Root) -> io::Result<()>;
    /// A setting is about to be changed, or (`None`) is back.
    fn setting(&mut self, setting: Option<&Setting>) -> io::Result<()>;
}

/// What the eraser did.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) skipped: Tally,
    pub(crate) verified: Verified,
    /// How long the verification took.
    pub(crate) verifying: Duration,
    /// What it lay on.
    pub(crate) media: BTreeSet<Medium>,
}

/// Erases trees. `gone` are places where a tree was removed by a wipe that was interrupted.
///
/// # Errors
/// Only if the diary cannot be written, before anything is removed.
pub(crate) fn erase(roots: &[Root], gone: &[Place], diary: &mut dyn Diary) -> io::Result<Erased> {
    let mut erased = Erased::default();
    let begun = Instant::now();
    let zeros = AlignedBuffer::zeroed(AT_ONCE);
    for root in roots {
        scrub::soften(&root.top);
    }
    let mut checks = Checks::new(roots);
    // Everything gets its place on the device, the canaries too, so that places can be recorded and overwritten.
    for (root, canaries) in roots.iter().zip(&mut checks.canaries) {
        // The kernel tells each failure once: one of these writes may have been of this tree.
        write_back(&root.top, &mut erased.skipped);
        canaries.find(root);
    }
    tracing::debug!(after = ?begun.elapsed(), "canaries are planted");
    // Together for all trees of a file system: what has a name in each is nowhere outside.
    let all_links: BTreeMap<u64, Links> =
        roots.iter().map(|root| (root.identity.device, Links::default())).collect();
    let links: Vec<&Links> = roots.iter().filter_map(|root| all_links.get(&root.identity.device)).collect();
    let (mut left, mut unseen) = (Tally::default(), Tally::default());
    let (mut round, mut is_noted, mut patience) = (0, false, Patience::default());
    while round < ROUNDS {
        let is_patient = patience.is_left();
        for (root, links) in roots.iter().zip(&links).filter(|(root, _)| !is_gone(root)) {
            let attempt = Attempt { is_patient, is_repeated: patience.has_begun() };
            unseen.merge_most(&scrub_tree(root, links, attempt, &mut checks, &zeros, &mut erased));
        }
        tracing::debug!(after = ?begun.elapsed(), round, "contents are overwritten");
        if !is_noted {
            let mut known = erased.skipped.clone();
            known.add(
                SkipKind::HardLinkOutside,
                NAME_OUTSIDE,
                all_links.values().map(Links::expected_outside).sum(),
            );
            diary.removing(&known, erased.bytes)?;
            is_noted = true;
        }
        let removed = remove_trees(roots, &links, diary);
        tracing::debug!(after = ?begun.elapsed(), round, "names are removed");
        erased.files += removed.files;
        left = removed.left;
        let progress = removed.files + removed.directories > 0;
        // Each is asked: what waited is told once.
        if all_links.values().filter(|links| links.had_to_wait()).count() > 0 {
            patience.wait();
            continue;
        }
        if !progress || roots.iter().all(is_gone) {
            break;
        }
        round += 1;
    }
    erased.files = erased.files.saturating_sub(checks.canaries.iter().map(Canaries::count).sum());
    if left.is_empty() && !roots.iter().all(is_gone) {
        left.add(SkipKind::Busy, "still-written", 1);
    }
    // What could not be read while it was to be overwritten, but later when names were removed.
    left.merge_most(&unseen);
    erased.skipped.merge(left);
    erased.skipped.add(SkipKind::HardLinkOutside, NAME_OUTSIDE, all_links.values().map(Links::outside).sum());
    for root in roots {
        let in_use = holders::overwrite_in_use(root, &zeros, &mut patience);
        erased.bytes += in_use.bytes;
        erased.skipped.add(SkipKind::Busy, "in-use", in_use.files);
    }
    for (root, canaries) in
        roots.iter().zip(&mut checks.canaries).filter(|(_, canaries)| canaries.missing() > 0)
    {
        // What was freed can be had once that is on the device.
        write_back(&root.parent, &mut erased.skipped);
        canaries.plant_again(root);
        write_back(&root.parent, &mut erased.skipped);
        canaries.find_again();
    }
    checks.canaries.iter_mut().for_each(Canaries::let_go);
    checks.held.settle();
    tracing::debug!(after = ?begun.elapsed(), "files in use are looked for");
    clean_file_systems(roots, gone, &mut checks, &zeros, diary, &mut erased);
    Ok(erased)
}

/// A file has a name outside the tree.
const NAME_OUTSIDE: &str = "name-outside";

/// What verification keeps, by device.
struct Checks {
    recorder: Recorder,
    samples: BTreeMap<u64, Vec<Sample>>,
    canaries: Vec<Canaries>,
    /// What free space is not to be looked for in.
    held: Held,
}

impl Checks {
    fn new(roots: &[Root]) -> Self {
        // XFS frees a file without a name some time after it is closed; there is no pass there anyhow.
        let beside = |root: &Root| Filesystem::of(&root.mount.kind).has_checkpoint;
        let canaries = roots.iter().map(|root| Canaries::plant(root, beside(root))).collect();
        Self { recorder: Recorder::new(), samples: BTreeMap::new(), canaries, held: Held::default() }
    }
}

/// How a tree is scrubbed.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// Whether files that somebody keeps from being opened are left for later.
    is_patient: bool,
    /// Whether it only looks again at what was left for later: what cannot be done was counted before.
    is_repeated: bool,
}

/// Scrubs a tree; what of it could not be read.
fn scrub_tree(
    root: &Root,
    links: &Links,
    attempt: Attempt,
    checks: &mut Checks,
    zeros: &AlignedBuffer,
    erased: &mut Erased,
) -> Tally {
    let filesystem = &Filesystem::of(&root.mount.kind);
    let Checks { recorder, held, .. } = &*checks;
    let (device, bounds, Attempt { is_patient, is_repeated }) = (root.identity.device, root.bounds, attempt);
    let scrub = |links, is_checked, not_written: &mut Tally| {
        let scrubbed = Ahead::of(&root.top, not_written, |ahead| {
            let turn = Mutex::default();
            Scrub {
                links,
                bounds,
                recorder,
                held,
                device,
                zeros,
                filesystem,
                ahead,
                turn,
                is_patient,
                is_checked,
            }
            .tree(root)
        });
        // Without this nothing is overwritten: what is unlinked first is never written back.
        write_back(&root.top, not_written);
        scrubbed
    };
    let mut not_written = Tally::default();
    let scrubbed = scrub(links, false, &mut not_written);
    if !not_written.is_empty() {
        // Names were counted already.
        let again = scrub(&Links::default(), true, &mut not_written);
        erased.skipped.merge_most(&again.skipped);
        erased.skipped.merge(not_written);
    }
    erased.bytes += scrubbed.bytes;
    if is_repeated {
        erased.skipped.merge_most(&scrubbed.skipped);
    } else {
        erased.skipped.merge(scrubbed.skipped);
    }
    let samples = checks.samples.entry(device).or_default();
    if samples.is_empty() {
        *samples = scrubbed.samples;
    } else {
        samples.extend(scrubbed.samples);
    }
    scrubbed.unread
}

fn remove_trees(roots: &[Root], links: &[&Links], diary: &mut dyn Diary) -> Removed {
    let mut all = Removed::default();
    for (root, links) in roots.iter().zip(links) {
        if is_gone(root) {
            continue;
        }
        let removed = remove::contents(root, links);
        all.files += removed.files;
        let is_removed = remove::top(root);
        if is_removed && let Err(error) = diary.removed(root) {
            // A resume knows a new directory in its place by when that was made.
            tracing::warn!(%error, "the removal of a tree is not noted");
        }
        all.directories += removed.directories + u64::from(is_removed);
        all.left.merge(removed.left);
    }
    all
}

fn is_gone(root: &Root) -> bool {
    rustix::fs::fstat(&root.top).is_ok_and(|stat| stat.st_nlink == 0)
}

fn write_back(directory: &OwnedFd, tally: &mut Tally) {
    if let Err(error) = rustix::fs::syncfs(directory) {
        tracing::debug!(%error, "write-back failed");
        tally.add(SkipKind::IoError, "not-written-back", 1);
    }
}

/// The device below a file system: by its number, or by its source where it has a number of its own (btrfs).
pub(crate) fn device_of(number: u64, source: &str) -> Option<BlockDevice> {
    BlockDevice::by_number(number).or_else(|| BlockDevice::by_node(Path::new(source)))
}

/// Once per file system: free blocks, the journal, what it keeps, and the look at the device.
fn clean_file_systems(
    roots: &[Root],
    gone: &[Place],
    checks: &mut Checks,
    zeros: &AlignedBuffer,
    diary: &mut dyn Diary,
    erased: &mut Erased,
) {
    let mut places: BTreeMap<u64, (&OwnedFd, &hanare_host::mounts::Mount)> = BTreeMap::new();
    for place in gone {
        places.insert(place.device, (&place.parent, &place.mount));
    }
    for root in roots {
        places.insert(root.identity.device, (&root.parent, &root.mount));
    }
    for (number, (directory, mount)) in places {
        let kind = Filesystem::of(&mount.kind);
        let device = device_of(number, &mount.source);
        erased.media.extend(media::below(device.as_ref(), &mount.kind));
        let space = FreeSpace { directory, kind: &kind, device: device.as_ref(), zeros };
        // What was freed is free only once that is on the device.
        write_back(directory, &mut erased.skipped);
        let mut filled = false;
        if kind.on_device && !space.discard(&mut |setting| diary.setting(setting), &mut erased.skipped) {
            space.fill(&mut |setting| diary.setting(setting), &mut erased.skipped);
            filled = true;
        }
        checks.held.let_go(number);
        tracing::debug!(filled, "free blocks are dealt with");
        finish(&space, &mut erased.skipped);
        inodes::blank_freed(
            &space,
            &mut |tally| finish(&space, tally),
            &mut |setting| diary.setting(setting),
            &mut erased.skipped,
        );
        kind.tell(&mut erased.skipped);
        if device.as_ref().is_some_and(BlockDevice::keeps_spare_area) {
            erased.skipped.add(SkipKind::Device, "spare-area", 1);
        }
        if device.as_ref().is_some_and(beneath::keeps_copies) {
            erased.skipped.add(SkipKind::Snapshot, "copies-below", 1);
        }
        let started = Instant::now();
        let mut samples = checks.samples.remove(&number).unwrap_or_default();
        samples.sort_unstable();
        let canaries: Vec<&Canaries> =
            checks.canaries.iter().filter(|canaries| canaries.device() == number).collect();
        let recorder = &checks.recorder;
        let mut verified = look_again(&space, &samples, &canaries, recorder);
        if verified.is_some_and(|verified| verified.remnants > 0) && !filled {
            // The device says that it discarded, and did not.
            space.fill(&mut |setting| diary.setting(setting), &mut erased.skipped);
            finish(&space, &mut erased.skipped);
            verified = look_again(&space, &samples, &canaries, recorder);
        }
        match verified {
            Some(verified) if verified.reread_bytes > 0 => {
                let missing: usize = canaries.iter().map(|canaries| canaries.missing()).sum();
                erased.skipped.add(SkipKind::NotEvaluated, "canaries-missing", missing as u64);
                erased.verified.reread_bytes += verified.reread_bytes;
                erased.verified.remnants += verified.remnants;
                erased.verified.sampled |= verified.sampled;
            }
            Some(_) => erased.skipped.add(SkipKind::NotEvaluated, "nothing-to-reread", 1),
            None => erased.skipped.add(SkipKind::NotEvaluated, "no-raw-device", 1),
        }
        erased.verifying += started.elapsed();
        tracing::debug!(took = ?started.elapsed(), "the device is read again");
    }
}

fn finish(space: &FreeSpace<'_>, tally: &mut Tally) {
    write_back(space.directory, tally);
    space.blank_journal(tally);
}

/// Rereads the device; `None` if it cannot be read.
fn look_again(
    space: &FreeSpace<'_>,
    samples: &[Sample],
    canaries: &[&Canaries],
    recorder: &Recorder,
) -> Option<Verified> {
    let device = space.device.filter(|_| space.kind.in_place)?;
    match device.open().and_then(|device| reread(&device, samples, canaries, recorder)) {
        Ok(verified) => Some(verified),
        Err(error) => {
            tracing::debug!(%error, "the device cannot be read");
            None
        }
    }
}
