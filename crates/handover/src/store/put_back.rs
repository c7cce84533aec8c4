//! A store that was put back from a backup, in whole or in part, and the endpoints that notice.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hanare_model::{CompanyId, NodeName, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::time::timeout;

use super::error::StoreError;
use super::marks::{self, Stands};
use super::rows::{signed, unsigned};
use super::writer::{Done, Job};
use super::{Store, rows_sweep, sql};
use crate::protocol::{Check, Checked, Mark, Memory, VersionId};

/// So long who asks waits while somebody looks for all objects: an endpoint waits 20 s.
const LOOKING: Duration = Duration::from_secs(5);
/// Objects that are not there are noted after so many: it takes some seconds to ask for each of them.
const NOTED_AT_ONCE: usize = 32;
/// Where nobody looks: behind the last folder of the fan.
pub(super) const NOWHERE: u16 = 256;

/// That something was forgotten, and who noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// What.
    pub what: Forgot,
    /// The company of the node that remembers more; empty where headquarters has noticed by itself.
    pub company: String,
    /// That node.
    pub node: String,
    /// When it was noticed first.
    pub at: Timestamp,
}

/// What a store has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgot {
    /// What it had acknowledged: its index was put back.
    Index,
    /// The content of it: objects that the index names are not there.
    Objects,
}

impl Forgot {
    /// A word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Objects => "objects",
        }
    }
}

/// Something forgotten, to be noted.
pub(super) struct Noticed {
    pub what: Forgot,
    pub company: String,
    pub node: String,
    pub now: Timestamp,
    /// The newest version when the index was opened.
    pub version: i64,
    /// Objects that are not there.
    pub lost: Vec<VersionId>,
}

impl Store {
    /// What this store remembers of where it is said to have stood, and whether that is the first word of something forgotten
    /// from this node.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn since(
        &self,
        company: &CompanyId,
        node: &NodeName,
        mark: Option<Mark>,
        now: Timestamp,
    ) -> Result<(Memory, Option<PutBack>), StoreError> {
        self.look_for_newest(now).await?;
        let (stands, newest) = {
            let mut reader = self.reader.lock().await;
            let newest = marks::newest(&mut reader).await.map_err(|error| self.failed(&error))?;
            let stands = match mark {
                Some(mark) => marks::stands(&mut reader, mark).await.map_err(|error| self.failed(&error))?,
                None => Stands::Known,
            };
            drop(reader);
            (stands, newest)
        };
        let memory = Memory { mark: newest, forgotten: stands != Stands::Known };
        let what = match stands {
            Stands::Never => Forgot::Index,
            Stands::Lost => Forgot::Objects,
            Stands::Known | Stands::Long => return Ok((memory, None)),
        };
        let (company, node) = (company.to_string(), node.to_string());
        let noticed = Noticed {
            what,
            company: company.clone(),
            node: node.clone(),
            now,
            version: self.opened_at,
            lost: Vec::new(),
        };
        let is_new =
            matches!(self.writer.write(Job::PutBack(noticed)).await?, Done::Noticed { is_new: true });
        Ok((memory, is_new.then_some(PutBack { what, company, node, at: now })))
    }

    /// Which versions of a company are not there, or not with all that is in them.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn check(&self, company: &CompanyId, check: &Check) -> Result<Checked, StoreError> {
        self.look_first().await?;
        let mut reader = self.reader.lock().await;
        let mut missing = Vec::new();
        for (at, version) in (0u32..).zip(&check.versions) {
            let found: Option<i64> = sqlx::query_scalar(sql::SELECT_WHOLE)
                .bind(&version.as_bytes()[..])
                .bind(company.as_str())
                .fetch_optional(&mut *reader)
                .await
                .map_err(|error| self.failed(&error))?;
            if found.is_none() {
                missing.push(at);
            }
        }
        Ok(Checked { missing })
    }

    /// What was noticed to have been forgotten, newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn put_backs(&self) -> Result<Vec<PutBack>, StoreError> {
        let mut reader = self.reader.lock().await;
        let rows = sqlx::query(sql::SELECT_PUT_BACKS).fetch_all(&mut *reader).await;
        let rows = rows.map_err(|error| self.failed(&error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.failed(&error))
    }

    /// The same once, before anything new is written, which would hide it. Whoever keeps the objects has to answer for that.
    pub(super) async fn look_first(&self) -> Result<(), StoreError> {
        if self.has_looked.load(Ordering::Acquire) {
            return Ok(());
        }
        self.look_for_newest(crate::clock::now()).await
    }

    /// Looks whether the newest object is where it should be, and at all of them if not: objects that were put back to an older
    /// state lack that one for sure, unless new ones came since. Whoever asks may hang up meanwhile: the next one goes on.
    pub(super) async fn look_for_newest(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.is_newest_seen().await? {
            return Ok(());
        }
        let Ok(_one) = timeout(LOOKING, self.looking.lock()).await else {
            return Err(self.objects.looked_for());
        };
        // Who was here before may have done it all.
        if self.is_newest_seen().await? {
            return Ok(());
        }
        if self.looked_at.load(Ordering::Acquire) == NOWHERE {
            tracing::error!("the newest object of work data is not there: looking for all of them");
            // What is written meanwhile would hide what is not there.
            self.has_looked.store(false, Ordering::Release);
            self.looked_at.store(0, Ordering::Release);
        }
        while let Ok(fan) = u8::try_from(self.looked_at.load(Ordering::Acquire)) {
            self.note_lost_in(fan, now).await?;
            self.looked_at.store(u16::from(fan) + 1, Ordering::Release);
        }
        self.has_looked.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether nobody looks for all of them, and need not.
    async fn is_newest_seen(&self) -> Result<bool, StoreError> {
        let is_looked_for = || self.looked_at.load(Ordering::Acquire) != NOWHERE;
        if is_looked_for() {
            return Ok(false);
        }
        if !self.has_looked.load(Ordering::Acquire) {
            self.objects.check().await?;
        }
        let is_there = self.is_newest_there().await?;
        // Of those that are lost none is the newest: while they are being noted, that one is there says nothing.
        let is_seen = is_there && !is_looked_for();
        if is_seen {
            self.has_looked.store(true, Ordering::Release);
        }
        Ok(is_seen)
    }

    async fn is_newest_there(&self) -> Result<bool, StoreError> {
        let newest = {
            let mut reader = self.reader.lock().await;
            let found: Result<Option<Vec<u8>>, _> =
                sqlx::query_scalar(sql::SELECT_NEWEST_OBJECT).fetch_optional(&mut *reader).await;
            found.map_err(|error| self.failed(&error))?
        };
        let Some(newest) = newest.and_then(|id| id.try_into().ok()).map(VersionId::from_bytes) else {
            return Ok(true);
        };
        self.objects.is_there(&newest).await
    }

    /// Notes the objects of one folder of the fan that the index names and that are not there. Whoever asks may hang up
    /// meanwhile: what is noted by then is not looked for again.
    pub(super) async fn note_lost_in(&self, fan: u8, now: Timestamp) -> Result<(), StoreError> {
        // The index first: an object is there before it is named.
        let named = {
            let mut reader = self.reader.lock().await;
            rows_sweep::wanted(&mut reader, fan).await.map_err(|error| self.failed(&error))?
        };
        if named.is_empty() {
            return Ok(());
        }
        let there: BTreeSet<VersionId> = self.objects.list(fan, i64::MAX).await?.into_iter().collect();
        let unlisted: Vec<VersionId> = named.into_iter().filter(|id| !there.contains(id)).collect();
        for some in unlisted.chunks(NOTED_AT_ONCE) {
            let mut lost = Vec::new();
            for id in some {
                // A listing may be behind what a single question knows.
                if !self.objects.is_there(id).await? {
                    lost.push(*id);
                }
            }
            self.note_lost(lost, now).await?;
        }
        Ok(())
    }

    /// Chunks in these objects count as never sent, until they come again.
    pub(super) async fn note_lost(&self, lost: Vec<VersionId>, now: Timestamp) -> Result<(), StoreError> {
        if lost.is_empty() {
            return Ok(());
        }
        tracing::error!(objects = lost.len(), "objects of work data are not there");
        let noticed = Noticed {
            what: Forgot::Objects,
            company: String::new(),
            node: String::new(),
            now,
            version: self.opened_at,
            lost,
        };
        self.writer.write(Job::PutBack(noticed)).await.map(drop)
    }
}

fn read(row: &SqliteRow) -> Result<PutBack, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let what = if kind == Forgot::Objects.code() { Forgot::Objects } else { Forgot::Index };
    let at = Timestamp::from_seconds(row.try_get("at")?);
    Ok(PutBack { what, company: row.try_get("company")?, node: row.try_get("node")?, at })
}

/// Notes it, once for each node since this index was opened; whether it is the first time. An object may be forgotten that a
/// later round removes: then it is none.
pub(super) async fn note(db: &mut SqliteConnection, noticed: &Noticed) -> Result<bool, sqlx::Error> {
    let mut lost = 0;
    for object in &noticed.lost {
        lost += sqlx::query(sql::UPDATE_LOST)
            .bind(&object.as_bytes()[..])
            .execute(&mut *db)
            .await?
            .rows_affected();
    }
    if !noticed.lost.is_empty() && lost == 0 {
        return Ok(false);
    }
    let newest = marks::newest(&mut *db).await?.map_or(0, |mark| mark.number);
    let by_node = !noticed.node.is_empty();
    let put = sqlx::query(if by_node { sql::PUT_PUT_BACK } else { sql::PUT_LOST })
        .bind(noticed.what.code())
        .bind(&noticed.company)
        .bind(&noticed.node)
        .bind(noticed.now.seconds())
        .bind(signed(newest))
        .bind(noticed.version);
    Ok(put.execute(db).await?.rows_affected() > 0)
}

/// The newest version.
pub(super) async fn newest_version(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::query(sql::SELECT_NEWEST_VERSION).fetch_one(db).await?;
    unsigned(&row, "version").map(signed)
}
