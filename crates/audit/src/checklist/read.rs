//! From TOML to a checked checklist.

use std::collections::{BTreeMap, BTreeSet};

use hanare_facts::View;
use hanare_ledger::Hash;
use hanare_model::Position;
use hanare_model::form::{self, Misformed};
use serde::Deserialize;
use toml::Spanned;

use super::{
    BothTexts, Check, CheckName, Checklist, ChecklistError, Confidence, DeviceClass, Effort, Fault, Item,
    MAX_LEN, Responsible, Tier, VERSION,
};
use crate::day::Day;

/// A clock that is further off than an hour is not one.
const MAX_ERROR_SECONDS: u32 = 3600;
/// Ten years of days, or so.
const MAX_DAYS: u32 = 3650;

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
    title: Spanned<BothTexts>,
    #[serde(default)]
    item: Vec<ItemTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemTable {
    id: Spanned<String>,
    tier: Tier,
    confidence: Confidence,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    official_ref: String,
    views: Spanned<Vec<View>>,
    responsible: Responsible,
    effort: Effort,
    evidence_days: Spanned<u32>,
    device_class: Option<DeviceClass>,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    title: Spanned<BothTexts>,
    measure: Spanned<BothTexts>,
    remedy: Spanned<BothTexts>,
    attestation: Option<Spanned<BothTexts>>,
    #[serde(default)]
    check: ChecksTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChecksTable {
    endpoint: Option<CheckTable>,
    gateway: Option<CheckTable>,
    hq: Option<CheckTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckTable {
    name: Spanned<CheckName>,
    lists_max_days: Option<Spanned<u32>>,
    definitions_max_days: Option<Spanned<u32>>,
    support: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    listeners: Option<Spanned<Vec<String>>>,
    max_error_seconds: Option<Spanned<u32>>,
    min_days: Option<Spanned<u32>>,
    resolvers: Option<Spanned<Vec<String>>>,
}

struct Text<'a>(&'a str);

pub(super) fn read(text: &str) -> Result<Checklist, ChecklistError> {
    let at = Text(text);
    if text.len() > MAX_LEN {
        return Err(ChecklistError { position: Position::of(text, 0), fault: Fault::TooLong(text.len()) });
    }
    let misformed =
        |error: Misformed| ChecklistError { position: error.position, fault: Fault::Form(error.message) };
    // The version first: a newer checklist's other words are not wrong, only not known here.
    let VersionOnly { version } = form::read(text).map_err(misformed)?;
    if *version.get_ref() != VERSION {
        return Err(at.wrong(&version, Fault::Version(*version.get_ref())));
    }
    let File { _version, name, title, item } = form::read(text).map_err(misformed)?;
    if name.get_ref().trim().is_empty() {
        return Err(at.wrong(&name, Fault::Empty));
    }
    let title = at.both(title)?;
    at.apart(&item)?;
    let items = item.into_iter().map(|table| at.item(table)).collect::<Result<_, _>>()?;
    Ok(Checklist { name: name.into_inner(), title, hash: Hash::of(text.as_bytes()), items })
}

impl Text<'_> {
    fn wrong<T>(&self, what: &Spanned<T>, fault: Fault) -> ChecklistError {
        ChecklistError { position: Position::of(self.0, what.span().start), fault }
    }

    /// Refuses two items of one id, references to none, and circles.
    fn apart(&self, items: &[ItemTable]) -> Result<(), ChecklistError> {
        let mut requires: BTreeMap<&str, &[Spanned<String>]> = BTreeMap::new();
        for item in items {
            if requires.insert(item.id.get_ref(), &item.requires).is_some() {
                return Err(self.wrong(&item.id, Fault::Twice(item.id.get_ref().clone())));
            }
        }
        for item in items {
            if let Some(none) = item.requires.iter().find(|id| !requires.contains_key(id.get_ref().as_str()))
            {
                return Err(self.wrong(none, Fault::NoItem(none.get_ref().clone())));
            }
        }
        for item in items {
            let mut seen = BTreeSet::new();
            let mut next: Vec<&str> = item.requires.iter().map(|id| id.get_ref().as_str()).collect();
            while let Some(id) = next.pop() {
                if id == item.id.get_ref() {
                    return Err(self.wrong(&item.id, Fault::Cycle(id.to_owned())));
                }
                if seen.insert(id) {
                    let below = requires.get(id).copied().unwrap_or_default();
                    next.extend(below.iter().map(|id| id.get_ref().as_str()));
                }
            }
        }
        Ok(())
    }

    fn item(&self, table: ItemTable) -> Result<Item, ChecklistError> {
        if !is_id(table.id.get_ref()) {
            return Err(self.wrong(&table.id, Fault::Id(table.id.get_ref().clone())));
        }
        if table.views.get_ref().is_empty() {
            return Err(self.wrong(&table.views, Fault::NoView));
        }
        let given = [
            (View::Endpoint, table.check.endpoint),
            (View::Gateway, table.check.gateway),
            (View::Hq, table.check.hq),
        ];
        let mut checks = BTreeMap::new();
        for (view, check) in given {
            let Some(check) = check else { continue };
            if !table.views.get_ref().contains(&view) {
                return Err(self.wrong(&check.name, Fault::StrayView(view)));
            }
            checks.insert(view, self.check(&check)?);
        }
        Ok(Item {
            evidence_days: self.number(&table.evidence_days, MAX_DAYS)?,
            id: table.id.into_inner(),
            tier: table.tier,
            confidence: table.confidence,
            sources: table.sources,
            official_ref: table.official_ref,
            views: table.views.into_inner(),
            responsible: table.responsible,
            effort: table.effort,
            device_class: table.device_class,
            requires: table.requires.into_iter().map(Spanned::into_inner).collect(),
            title: self.both(table.title)?,
            measure: self.both(table.measure)?,
            remedy: self.both(table.remedy)?,
            attestation: table.attestation.map(|text| self.both(text)).transpose()?,
            checks,
        })
    }

    fn check(&self, table: &CheckTable) -> Result<Check, ChecklistError> {
        let CheckTable { name, .. } = table;
        let wants = |what| self.wrong(name, Fault::Wants(what));
        let days = |given: &Option<Spanned<u32>>, what| {
            given.as_ref().ok_or_else(|| wants(what)).and_then(|days| self.number(days, MAX_DAYS))
        };
        let list = |given: &Option<Spanned<Vec<String>>>, what| {
            given.as_ref().map(|list| list.get_ref().clone()).ok_or_else(|| wants(what))
        };
        let (check, own): (Check, &[&str]) = match name.get_ref() {
            CheckName::DiskEncryption => (Check::DiskEncryption, &[]),
            CheckName::UsbStorage => (Check::UsbStorage, &[]),
            CheckName::Accounts => (Check::Accounts, &[]),
            CheckName::WifiEncryption => (Check::WifiEncryption, &[]),
            CheckName::WifiLogIn => (Check::WifiLogIn, &[]),
            CheckName::FullTunnel => (Check::FullTunnel, &[]),
            CheckName::Antivirus => {
                let what = "definitions_max_days";
                let definitions_max_days = days(&table.definitions_max_days, what)?;
                (Check::Antivirus { definitions_max_days }, &["definitions_max_days"])
            }
            CheckName::Updates => {
                let lists_max_days = days(&table.lists_max_days, "lists_max_days")?;
                let support = self.support(table.support.as_ref().ok_or_else(|| wants("support"))?)?;
                (Check::Updates { lists_max_days, support }, &["lists_max_days", "support"])
            }
            CheckName::Listeners => {
                (Check::Listeners { allowed: list(&table.listeners, "listeners")? }, &["listeners"])
            }
            CheckName::Clock => {
                let what = "max_error_seconds";
                let seconds = table.max_error_seconds.as_ref().ok_or_else(|| wants(what))?;
                (
                    Check::Clock { max_error_seconds: self.number(seconds, MAX_ERROR_SECONDS)? },
                    &["max_error_seconds"],
                )
            }
            CheckName::Journal => {
                (Check::Journal { min_days: days(&table.min_days, "min_days")? }, &["min_days"])
            }
            CheckName::Resolvers => {
                (Check::Resolvers { approved: list(&table.resolvers, "resolvers")? }, &["resolvers"])
            }
        };
        match table.given().into_iter().find(|(what, _)| !own.contains(what)) {
            None => Ok(check),
            Some((what, start)) => {
                Err(ChecklistError { position: Position::of(self.0, start), fault: Fault::Stray(what) })
            }
        }
    }

    fn support(
        &self,
        table: &Spanned<BTreeMap<String, Spanned<String>>>,
    ) -> Result<BTreeMap<String, Day>, ChecklistError> {
        let day = |day: &Spanned<String>| {
            let read = day.get_ref().parse::<Day>();
            read.map_err(|not| self.wrong(day, Fault::Day(not.0)))
        };
        table.get_ref().iter().map(|(release, end)| Ok((release.clone(), day(end)?))).collect()
    }

    fn number(&self, given: &Spanned<u32>, most: u32) -> Result<u32, ChecklistError> {
        let number = *given.get_ref();
        if (1..=most).contains(&number) {
            Ok(number)
        } else {
            Err(self.wrong(given, Fault::Number { given: number, most }))
        }
    }

    fn both(&self, texts: Spanned<BothTexts>) -> Result<BothTexts, ChecklistError> {
        let BothTexts { ja, en } = texts.get_ref();
        if ja.trim().is_empty() || en.trim().is_empty() {
            return Err(self.wrong(&texts, Fault::Empty));
        }
        Ok(texts.into_inner())
    }
}

impl CheckTable {
    /// The parameters that are there, with where they start.
    fn given(&self) -> Vec<(&'static str, usize)> {
        let number = |given: &Option<Spanned<u32>>| given.as_ref().map(|given| given.span().start);
        let list = |given: &Option<Spanned<Vec<String>>>| given.as_ref().map(|given| given.span().start);
        let all = [
            ("lists_max_days", number(&self.lists_max_days)),
            ("definitions_max_days", number(&self.definitions_max_days)),
            ("support", self.support.as_ref().map(|given| given.span().start)),
            ("listeners", list(&self.listeners)),
            ("max_error_seconds", number(&self.max_error_seconds)),
            ("min_days", number(&self.min_days)),
            ("resolvers", list(&self.resolvers)),
        ];
        all.into_iter().filter_map(|(what, start)| start.map(|start| (what, start))).collect()
    }
}

/// `NET-01`.
fn is_id(id: &str) -> bool {
    id.split_once('-').is_some_and(|(letters, digits)| {
        letters.len() == 3
            && letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() == 2
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
