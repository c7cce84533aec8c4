//! What on the volume is handed over to headquarters, what of it makes a PC a person's own, and what only ends with the day: as a
//! policy says it, for whoever hands over.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::path::{Paths, Use};
use super::{Confine, Fault, PolicyError, Volume};
use crate::volume::place_of_home;

/// What becomes of a file on the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It is a person's work, as everything is that no rule is about.
    HandedOver,
    /// It ends with the day, and nothing of it is kept.
    DayOnly,
    /// It is handed over, and comes back in the morning before all else.
    Settings,
}

/// Which files a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// What is at this path in the volume, and everything below it.
    Below(PathBuf),
    /// Everything of this name, wherever it is, and everything below it.
    Named(String),
}

/// One rule. Of several that are about a file the one counts that is about the deepest folder around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which files it is about.
    pub scope: Scope,
    /// What becomes of them.
    pub class: Class,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassesTable {
    #[serde(default)]
    handed_over: Vec<Spanned<String>>,
    #[serde(default)]
    day_only: Vec<Spanned<String>>,
    #[serde(default)]
    settings: Vec<Spanned<String>>,
}

/// The rules of a policy.
pub(super) fn classes_of(
    table: &ClassesTable,
    volume: Option<&Volume>,
    confine: &Confine,
    paths: &Paths<'_>,
) -> Result<Vec<Rule>, PolicyError> {
    let lists = [
        (&table.handed_over, Class::HandedOver),
        (&table.day_only, Class::DayOnly),
        (&table.settings, Class::Settings),
    ];
    let mut rules: Vec<Rule> = Vec::new();
    for (list, class) in lists {
        for item in list {
            let scope = scope(item, volume, confine, paths)?;
            if rules.iter().any(|known| known.scope == scope) {
                return Err(paths.at(item.span(), Fault::Twice(item.get_ref().clone())));
            }
            rules.push(Rule { scope, class });
        }
    }
    Ok(rules)
}

/// A name without a slash is meant wherever it is; a path has to lie on the volume.
fn scope(
    item: &Spanned<String>,
    volume: Option<&Volume>,
    confine: &Confine,
    paths: &Paths<'_>,
) -> Result<Scope, PolicyError> {
    let text = item.get_ref();
    let elsewhere = || paths.at(item.span(), Fault::OffVolume(text.clone()));
    let volume = volume.ok_or_else(elsewhere)?;
    if !text.is_empty() && !text.contains('/') {
        let is_name = matches!(Path::new(text).components().next(), Some(Component::Normal(_)));
        let fits = is_name && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
        return if fits { Ok(Scope::Named(text.clone())) } else { Err(elsewhere()) };
    }
    let path = paths.place(item, Use::Keep)?.path;
    let below = |outside: &Path| path.strip_prefix(outside).ok().map(Path::to_owned);
    let in_home = || {
        confine.homes().find_map(|home| {
            let rest = below(home)?;
            // Joined to nothing, a path gets a slash at its end.
            Some(place_of_home(home).iter().chain(&rest).collect::<PathBuf>())
        })
    };
    let inside = below(&volume.mount.path).or_else(in_home).ok_or_else(elsewhere)?;
    if inside.as_os_str().is_empty() { Err(elsewhere()) } else { Ok(Scope::Below(inside)) }
}

/// The longest name of a file, in bytes (`NAME_MAX`).
const MAX_NAME: usize = 255;
