//! What a policy demands of a wipe, measured: whatever is not as demanded keeps the verdict from *pass*, and says why.

use hanare_host::swap::{self, SwapKind};

use crate::outcome::{Method, Outcome, SkipKind, Tally};
use crate::plan::{Blanking, Machine};
use crate::policy::Policy;
use crate::volume::{self, Opening};
use crate::volume_kind::VolumeKind;

/// What of an opening is not as whoever opened it wanted, told before it ends: ending it puts swap and mounts back. Asks the
/// kernel only, so that nothing here keeps a key alive; what the kernel says is about an opening of this boot only, `is_here`.
pub(crate) fn of_opening(opening: &Opening, is_here: bool) -> Tally {
    let mut short = Tally::default();
    let escaped = is_here.then(|| volume::escapes(opening).map_or(1, |escaped| escaped.len() as u64));
    short.add(SkipKind::NotEvaluated, "escaped", escaped.unwrap_or(0));
    short.add(SkipKind::NotEvaluated, "core-dumps", u64::from(is_here && volume::dumps_core(opening)));
    short
}

/// The same for what a policy demands.
pub(crate) fn of_volume(policy: &Policy, opening: &Opening, is_here: bool) -> Tally {
    let mut short = Tally::default();
    if is_here {
        of_machine(policy, &mut short);
    }
    let Some(wanted) = &policy.volume else { return short };
    let kind = opening.definition.kind;
    short.add(SkipKind::NotEvaluated, "volume-kind", u64::from(!wanted.kinds.contains(&kind)));
    let elsewhere = opening.mountpoint != wanted.mount.path;
    short.add(SkipKind::NotEvaluated, "volume-elsewhere", u64::from(elsewhere));
    let confined = |place: &&crate::policy::Place| !opening.confined.contains(&place.path);
    let open = policy.confine.paths.iter().filter(confined).count();
    short.add(SkipKind::NotEvaluated, "not-confined", open as u64);
    // Its key cannot go before that is written.
    let waits = is_here
        && kind == VolumeKind::Fscrypt
        && dirty().is_none_or(|bytes| bytes > policy.limits.dirty.bytes());
    short.add(SkipKind::NotEvaluated, "dirty-memory", u64::from(waits));
    short
}

/// What of the machine is not as demanded.
pub(crate) fn of_machine(policy: &Policy, short: &mut Tally) {
    let plain = swap::worst().map_or(true, |kind| kind == SwapKind::Plain);
    short.add(SkipKind::NotEvaluated, "plain-swap", u64::from(plain));
    let kept = || Machine::look().map_or(true, |machine| machine.init_on_free != Blanking::On);
    short.add(SkipKind::NotEvaluated, "freed-memory", u64::from(policy.demand.init_on_free && kept()));
}

/// What of the whole is not as demanded: the methods that were used, and the time that it took.
pub(crate) fn measure(policy: &Policy, volume: Option<&Outcome>, outcome: &mut Outcome) {
    let mut short = Tally::default();
    let good = |method: Method| policy.demand.methods.contains(&method);
    let used = volume.map_or(outcome.method, |volume| volume.method);
    let all = good(used) && good(outcome.method);
    short.add(SkipKind::NotEvaluated, "method", u64::from(!all));
    let late = outcome.seconds > policy.limits.wipe.as_secs_f64();
    short.add(SkipKind::NotEvaluated, "over-time", u64::from(late));
    outcome.leave_out(short);
}

/// A volume's end and its leftovers' as one outcome. Its method is the weaker one.
pub(crate) fn together(volume: &Outcome, leftovers: Outcome, are_any: bool) -> Outcome {
    let mut skipped = Tally::from_skipped(&volume.skipped);
    skipped.merge(Tally::from_skipped(&leftovers.skipped));
    let mut outcome = Outcome {
        files: volume.files.saturating_add(leftovers.files),
        bytes: volume.bytes.saturating_add(leftovers.bytes),
        seconds: volume.seconds + leftovers.seconds,
        method: if are_any { leftovers.method } else { volume.method },
        lost: volume.lost.saturating_add(leftovers.lost),
        volume: volume.volume,
        verified: volume.verified.and(leftovers.verified),
        sealed: volume.sealed.saturating_add(leftovers.sealed),
        ..leftovers
    };
    outcome.skipped = Vec::new();
    outcome.leave_out(skipped);
    outcome
}

/// Bytes that wait in memory to be written, by the kernel's own count.
fn dirty() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let waiting = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB"))?;
        line.trim().parse().ok()
    };
    Some(waiting("Dirty:")?.saturating_add(waiting("Writeback:")?).saturating_mul(1024))
}
