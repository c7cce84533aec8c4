//! `hanare`'s eraser with one of its guards taken away, which no user ever gets: an attack on a guard has to succeed where that
//! guard is not.
//!
//! `unguarded GUARD DIRECTORY STATE`: the guard is `stays-inside`, `spares-other-names` or `holds-first`.

use std::path::PathBuf;

use hanare_model::{SigningKey, Timestamp};
use hanare_wipe::receipt::Cause;
use hanare_wipe::root::{Bounds, Root};
use hanare_wipe::tree;

fn main() -> hanare_wipe_tests::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || arguments.next().ok_or("unguarded GUARD DIRECTORY STATE");
    let (guard, directory, state) = (next()?, next()?, PathBuf::from(next()?));
    let all = Bounds::default();
    let bounds = match guard.to_str() {
        Some("stays-inside") => Bounds { stays_inside: false, ..all },
        Some("spares-other-names") => Bounds { spares_other_names: false, ..all },
        Some("holds-first") => Bounds { holds_first: false, ..all },
        _ => return Err("no such guard".into()),
    };
    let roots = Root::judge(&[directory], &state)?;
    let roots: Vec<Root> = roots.into_iter().map(|root| root.with_bounds(bounds)).collect();
    let now = || Timestamp::from_seconds(0);
    tree::wipe(&state, SigningKey::from_seed([1; 32]), &roots, Cause::Command, &now)?;
    Ok(())
}
