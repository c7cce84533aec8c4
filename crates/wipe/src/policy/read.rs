//! From TOML to a checked policy.

use std::time::Duration;

use hanare_ledger::Hash;
use hanare_model::NodeName;
use hanare_model::form::{self, Misformed};
use serde::Deserialize;
use toml::Spanned;

use super::classes::{ClassesTable, classes_of};
use super::day::{DayTable, PersonTable, day_of, person_of};
use super::path::{Paths, Use, is_temporary, overlap};
use super::{
    Confine, Demand, Fault, Limits, MAX_LEN, MAX_SECONDS, Place, Policy, PolicyError, Position, Size, Swap,
    VERSION, Volume, Work,
};
use crate::outcome::Method;
use crate::volume_kind::VolumeKind;

/// Where trees may be, unless the policy says something narrower.
const ALLOWED: [&str; 2] = ["/home", "/srv"];
/// How long people see that their day is about to end, in seconds.
const COUNTDOWN_SECONDS: u64 = 300;
/// How long their programs may take to end, in seconds: an office program asks and saves within a few.
const CLOSE_SECONDS: u64 = 10;
/// How long handing over the rest may take, in seconds: on 20 Mbit/s 110 MB of the last minute.
const HANDOVER_SECONDS: u64 = 45;
/// What is given for sealing unless the policy says otherwise, in seconds: half of what systemd gives a service to stop.
const SEAL_SECONDS: u64 = 45;
/// What is given for the rest, in seconds. Longer than systemd waits for a service: what is cut off is resumed at the next boot.
const WIPE_SECONDS: u64 = 600;
/// How much may wait in memory: an fscrypt lock with 2 to 3 GB took up to 46 s.
const DIRTY: Size = Size::mebibytes(256);

#[derive(Deserialize)]
struct VersionOnly {
    version: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: u32,
    name: Spanned<String>,
    volume: Option<VolumeTable>,
    #[serde(default)]
    work: WorkTable,
    #[serde(default)]
    confine: ConfineTable,
    #[serde(default)]
    classes: ClassesTable,
    #[serde(default)]
    limits: LimitsTable,
    day: Option<DayTable>,
    #[serde(default)]
    person: PersonTable,
    #[serde(default)]
    demand: DemandTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeTable {
    kinds: Spanned<Vec<VolumeKind>>,
    size: Size,
    mount: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkTable {
    allowed: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    trees: Vec<Spanned<String>>,
    #[serde(default)]
    keep: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfineTable {
    #[serde(default)]
    paths: Vec<Spanned<String>>,
    #[serde(default)]
    swap: Swap,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    countdown_seconds: Option<Spanned<u64>>,
    close_seconds: Option<Spanned<u64>>,
    handover_seconds: Option<Spanned<u64>>,
    seal_seconds: Option<Spanned<u64>>,
    wipe_seconds: Option<Spanned<u64>>,
    dirty: Option<Size>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandTable {
    methods: Option<Spanned<Vec<Method>>>,
    #[serde(default)]
    init_on_free: bool,
}

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let paths = Paths { text };
    if text.len() > MAX_LEN {
        return Err(paths.at(0..0, Fault::TooLong(text.len())));
    }
    let misformed =
        |error: Misformed| PolicyError { position: error.position, fault: Fault::Form(error.message) };
    // The version first: a newer policy's other words are not wrong, only not known here.
    let VersionOnly { version } = form::read(text).map_err(misformed)?;
    if *version.get_ref() != VERSION {
        return Err(paths.at(version.span(), Fault::Version(*version.get_ref())));
    }
    let File { _version, name, volume, work, confine, classes, limits, day, person, demand } =
        form::read(text).map_err(misformed)?;
    if name.get_ref().parse::<NodeName>().is_err() {
        return Err(paths.at(name.span(), Fault::Name(name.get_ref().clone())));
    }
    let mount = volume.as_ref().and_then(|table| table.mount.clone());
    let volume = volume.map(|table| volume_of(table, &paths)).transpose()?;
    let work = work_of(&work, volume.as_ref(), &paths)?;
    if let Some((item, volume)) = mount.as_ref().zip(volume.as_ref()) {
        below_allowed(item, &volume.mount, &work.allowed, &paths)?;
    }
    if volume.is_none() && work.trees.is_empty() {
        return Err(paths.at(name.span(), Fault::Nothing));
    }
    let confined = paths.places(&confine.paths, Use::Confine)?;
    paths.apart(&confine.paths, &confined)?;
    for (item, place) in confine.paths.iter().zip(&confined).filter(|(_, place)| !is_temporary(&place.path)) {
        below_allowed(item, place, &work.allowed, &paths)?;
    }
    // It would be bound onto itself, or hide what it is bound to.
    let on_volume = |place: &Place| volume.as_ref().filter(|volume| overlap(&volume.mount.path, &place.path));
    for (item, place) in confine.paths.iter().zip(&confined) {
        if let Some(volume) = on_volume(place) {
            let (path, other) = (item.get_ref().clone(), volume.mount.path.display().to_string());
            return Err(paths.at(item.span(), Fault::Overlap { path, other }));
        }
    }
    let confine = Confine { paths: confined, swap: confine.swap };
    Ok(Policy {
        classes: classes_of(&classes, volume.as_ref(), &confine, &paths)?,
        name: name.into_inner(),
        hash: Hash::of(text.as_bytes()),
        text: text.to_owned(),
        volume,
        work,
        confine,
        limits: limits_of(&limits, &paths)?,
        day: day.map(|table| day_of(&table, &paths)).transpose()?,
        person: person_of(person, &paths)?,
        demand: demand_of(demand, &paths)?,
    })
}

fn volume_of(table: VolumeTable, paths: &Paths<'_>) -> Result<Volume, PolicyError> {
    let span = table.kinds.span();
    let kinds = table.kinds.into_inner();
    listed(&kinds, ToString::to_string).map_err(|fault| paths.at(span, fault))?;
    let mount = match &table.mount {
        Some(mount) => paths.place(mount, Use::Own)?,
        None => Place { path: "/srv/work".into(), position: Position::default() },
    };
    Ok(Volume { kinds, size: table.size, mount })
}

fn work_of(table: &WorkTable, volume: Option<&Volume>, paths: &Paths<'_>) -> Result<Work, PolicyError> {
    let allowed = match &table.allowed {
        Some(list) if list.get_ref().is_empty() => return Err(paths.at(list.span(), Fault::Empty)),
        Some(list) => paths.places(list.get_ref(), Use::Around)?,
        None => ALLOWED.map(|path| Place { path: path.into(), position: Position::default() }).to_vec(),
    };
    let trees = paths.places(&table.trees, Use::Own)?;
    let keep = paths.places(&table.keep, Use::Keep)?;
    paths.apart(&table.trees, &trees)?;
    for (item, tree) in table.trees.iter().zip(&trees) {
        let (span, path) = (item.span(), item.get_ref().clone());
        below_allowed(item, tree, &allowed, paths)?;
        if let Some(kept) = keep.iter().find(|kept| overlap(&kept.path, &tree.path)) {
            return Err(paths.at(span, Fault::Kept { path, kept: kept.path.display().to_string() }));
        }
        // What is on the volume goes with its key; a tree around it would be erased through the mount.
        if let Some(volume) = volume.filter(|volume| overlap(&volume.mount.path, &tree.path)) {
            let other = volume.mount.path.display().to_string();
            return Err(paths.at(span, Fault::Overlap { path, other }));
        }
    }
    Ok(Work { allowed, trees, keep })
}

/// Refuses a place that is below none of the allowed ones.
fn below_allowed(
    item: &Spanned<String>,
    place: &Place,
    allowed: &[Place],
    paths: &Paths<'_>,
) -> Result<(), PolicyError> {
    let is_below = |around: &Place| place.path != around.path && place.path.starts_with(&around.path);
    if allowed.iter().any(is_below) {
        return Ok(());
    }
    Err(paths.at(item.span(), Fault::Outside(item.get_ref().clone())))
}

fn limits_of(table: &LimitsTable, paths: &Paths<'_>) -> Result<Limits, PolicyError> {
    let seconds = |given: &Option<Spanned<u64>>, default: u64| match given {
        None => Ok(Duration::from_secs(default)),
        Some(given) if (1..=MAX_SECONDS).contains(given.get_ref()) => {
            Ok(Duration::from_secs(*given.get_ref()))
        }
        Some(given) => Err(paths.at(given.span(), Fault::Seconds(*given.get_ref()))),
    };
    Ok(Limits {
        countdown: seconds(&table.countdown_seconds, COUNTDOWN_SECONDS)?,
        close: seconds(&table.close_seconds, CLOSE_SECONDS)?,
        handover: seconds(&table.handover_seconds, HANDOVER_SECONDS)?,
        seal: seconds(&table.seal_seconds, SEAL_SECONDS)?,
        wipe: seconds(&table.wipe_seconds, WIPE_SECONDS)?,
        dirty: table.dirty.unwrap_or(DIRTY),
    })
}

fn demand_of(table: DemandTable, paths: &Paths<'_>) -> Result<Demand, PolicyError> {
    let methods = match table.methods {
        None => vec![Method::Clear, Method::CryptographicErase],
        Some(methods) => {
            let span = methods.span();
            let methods = methods.into_inner();
            listed(&methods, |method| format!("{method:?}")).map_err(|fault| paths.at(span, fault))?;
            methods
        }
    };
    Ok(Demand { methods, init_on_free: table.init_on_free })
}

/// Refuses an empty list, and one that says something twice.
pub(super) fn listed<T: PartialEq>(list: &[T], word: impl Fn(&T) -> String) -> Result<(), Fault> {
    if list.is_empty() {
        return Err(Fault::Empty);
    }
    let twice =
        list.iter().enumerate().find(|(index, item)| list.iter().take(*index).any(|other| other == *item));
    twice.map_or(Ok(()), |(_, item)| Err(Fault::Twice(word(item))))
}
