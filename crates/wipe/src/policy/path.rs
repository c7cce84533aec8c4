//! Which paths a policy may name: judged by their text alone, before anything is looked at.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{Fault, Misplaced, Place, PolicyError, Position};
use crate::system;

/// Reads paths out of one policy's text.
pub(super) struct Paths<'a> {
    pub(super) text: &'a str,
}

/// What a path is for, which decides what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Around trees: a directory of the system's such as `/home` may be, one that the system needs whole may not.
    Around,
    /// To be kept: only its spelling matters.
    Keep,
    /// To be erased, or mounted on.
    Own,
    /// To be confined: also `/tmp` and `/var/tmp`, which hold nothing of the system's own.
    Confine,
}

impl Paths<'_> {
    pub(super) fn at(&self, span: Range<usize>, fault: Fault) -> PolicyError {
        PolicyError { position: Position::of(self.text, span.start), fault }
    }

    /// A list of paths, none of them twice.
    pub(super) fn places(&self, list: &[Spanned<String>], purpose: Use) -> Result<Vec<Place>, PolicyError> {
        let mut places: Vec<Place> = Vec::new();
        for item in list {
            let place = self.place(item, purpose)?;
            if places.iter().any(|other| other.path == place.path) {
                return Err(self.at(item.span(), Fault::Twice(item.get_ref().clone())));
            }
            places.push(place);
        }
        Ok(places)
    }

    pub(super) fn place(&self, item: &Spanned<String>, purpose: Use) -> Result<Place, PolicyError> {
        let text = item.get_ref();
        let refused = |why| self.at(item.span(), Fault::Path { path: text.clone(), why });
        let path = spelled(text).map_err(refused)?;
        let good = match purpose {
            Use::Keep => true,
            Use::Around => path != Path::new("/") && !system::is_all_system(&path),
            Use::Own => !system::is_system(&path),
            Use::Confine => is_temporary(&path) || !system::is_system(&path),
        };
        if good {
            Ok(Place { path, position: Position::of(self.text, item.span().start) })
        } else {
            Err(refused(Misplaced::System))
        }
    }

    /// Refuses paths of which one lies in another. Lists are short: they were written by hand.
    pub(super) fn apart(&self, list: &[Spanned<String>], places: &[Place]) -> Result<(), PolicyError> {
        for (index, (item, place)) in list.iter().zip(places).enumerate() {
            let other = places.iter().take(index).find(|other| overlap(&other.path, &place.path));
            if let Some(other) = other {
                let (path, other) = (item.get_ref().clone(), other.path.display().to_string());
                return Err(self.at(item.span(), Fault::Overlap { path, other }));
            }
        }
        Ok(())
    }
}

/// Whether it is one of everybody's directories for temporary files: they are confined whatever a policy allows.
pub(super) fn is_temporary(path: &Path) -> bool {
    [Path::new("/tmp"), Path::new("/var/tmp")].contains(&path)
}

/// Whether one is the other or lies in it.
pub(crate) fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// A path as it was written, without a slash at its end or two in a row.
fn spelled(text: &str) -> Result<PathBuf, Misplaced> {
    if text.is_empty() {
        return Err(Misplaced::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(Misplaced::Control);
    }
    let Some(rest) = text.strip_prefix('/') else { return Err(Misplaced::Relative) };
    let mut path = PathBuf::from("/");
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." {
            return Err(Misplaced::Dots);
        }
        path.push(part);
    }
    Ok(path)
}
