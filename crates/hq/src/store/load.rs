//! From rows to the registry. What cannot be read is damage, never a default.

use std::path::Path;
use std::str::FromStr;

use hanare_ledger::Head;
use hanare_model::plan::RoomPlace;
use hanare_model::policy::Policy;
use hanare_model::report::SignedReceipt;
use hanare_model::{NodeKind, PresharedKey, PublicKey, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{StoreError, save, sql};
use crate::admin::{ReceiptHeld, ReceiptPlace};
use crate::identity::{Account, PasswordHash, TotpSecret};
use crate::registry::{
    Change, CompanyRow, InviteRow, NodeRow, NoticeRow, OfficeRow, PersonRow, PolicyRow, Registry, RoomRow,
    SessionRow, TryKey, TryRow,
};

/// Why the registry cannot be read.
pub(super) enum LoadError {
    /// The driver says so.
    Driver(sqlx::Error),
    /// A column holds what it never should.
    Content(String),
}

impl From<sqlx::Error> for LoadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl LoadError {
    pub(super) fn about(self, path: &Path) -> StoreError {
        match self {
            Self::Driver(error) => StoreError::new(path, error),
            Self::Content(text) => StoreError::Damaged { path: path.to_owned(), text },
        }
    }
}

/// Reads one row of one table.
type Reader = fn(&Columns) -> Result<Change, LoadError>;

/// A row with readers that name the column in what they complain about.
struct Columns(SqliteRow);

impl Columns {
    fn text(&self, column: &str) -> Result<String, LoadError> {
        Ok(self.0.try_get(column)?)
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, LoadError> {
        Ok(self.0.try_get(column)?)
    }

    fn number(&self, column: &str) -> Result<i64, LoadError> {
        Ok(self.0.try_get(column)?)
    }

    fn time(&self, column: &str) -> Result<Timestamp, LoadError> {
        self.number(column).map(Timestamp::from_seconds)
    }

    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, LoadError> {
        let seconds: Option<i64> = self.0.try_get(column)?;
        Ok(seconds.map(Timestamp::from_seconds))
    }

    fn parse<T: FromStr>(&self, column: &str) -> Result<T, LoadError> {
        self.text(column)?.parse().map_err(|_| unreadable(column))
    }

    fn maybe_parse<T: FromStr>(&self, column: &str) -> Result<Option<T>, LoadError> {
        self.maybe_text(column)?.map(|text| text.parse().map_err(|_| unreadable(column))).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, LoadError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| unreadable(column))
    }

    fn kind(&self) -> Result<NodeKind, LoadError> {
        serde_json::from_value(self.text("kind")?.into()).map_err(|_| unreadable("kind"))
    }
}

fn unreadable(column: &str) -> LoadError {
    LoadError::Content(format!("column {column} cannot be read"))
}

pub(super) async fn registry(connection: &mut SqliteConnection) -> Result<Registry, LoadError> {
    let settings = setting(connection, save::SETTINGS)
        .await?
        .ok_or_else(|| LoadError::Content("the settings are missing".to_owned()))?;
    let mut registry = Registry::new(settings);
    if let Some(policy) = setting::<PolicyRow>(connection, save::POLICY).await? {
        // Written by a version with wider bounds: rooms would be closed, or opened, by rules that nobody chose.
        let read: Result<Policy, _> = policy.text.parse();
        read.map_err(|error| LoadError::Content(format!("the policy in force: {error}")))?;
        registry.apply(&Change::Policy(policy));
    }
    let readers: [(&'static str, Reader); 13] = [
        (sql::SELECT_COMPANIES, company),
        (sql::SELECT_OFFICES, office),
        (sql::SELECT_ROOMS, room),
        (sql::SELECT_INVITES, invite),
        (sql::SELECT_NODES, node),
        (sql::SELECT_QUARANTINE, quarantine),
        (sql::SELECT_PERSONS, person),
        (sql::SELECT_TRIES, tried),
        (sql::SELECT_SESSIONS, session),
        (sql::SELECT_NOTICES, notice),
        (sql::SELECT_WIPES, wipes),
        (sql::SELECT_RECEIPTS_HELD, receipt),
        (sql::SELECT_NODE_LEDGERS, node_ledger),
    ];
    for (statement, read) in readers {
        for row in sqlx::query(statement).fetch_all(&mut *connection).await? {
            registry.apply(&read(&Columns(row))?);
        }
    }
    Ok(registry)
}

async fn setting<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<T>, LoadError> {
    let text: Option<String> =
        sqlx::query_scalar(sql::SELECT_SETTING).bind(name).fetch_optional(connection).await?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| LoadError::Content(format!("setting {name}: {error}")))
    };
    text.map(read).transpose()
}

fn company(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::Company(CompanyRow {
        id: row.parse("id")?,
        name: row.text("name")?,
        created_at: row.time("created_at")?,
    }))
}

fn office(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::Office(OfficeRow {
        id: row.parse("id")?,
        name: row.text("name")?,
        site: row.json("site")?,
        created_at: row.time("created_at")?,
    }))
}

fn room(row: &Columns) -> Result<Change, LoadError> {
    let slot = u16::try_from(row.number("slot")?).map_err(|_| unreadable("slot"))?;
    Ok(Change::Room(RoomRow {
        id: row.parse("id")?,
        company: row.parse("company")?,
        place: RoomPlace { v4: row.parse("prefix")?, slot },
        created_at: row.time("created_at")?,
    }))
}

fn invite(row: &Columns) -> Result<Change, LoadError> {
    let code = row.maybe_text("code")?;
    Ok(Change::Invite(InviteRow {
        id: row.text("id")?,
        fingerprint: fingerprint(&row.text("fingerprint")?, "fingerprint")?,
        code: code.map(|text| fingerprint(&text, "code")).transpose()?,
        wrong_codes: u32::try_from(row.number("wrong_codes")?).map_err(|_| unreadable("wrong_codes"))?,
        room: row.parse("room")?,
        kind: row.kind()?,
        node: row.maybe_parse("node")?,
        expires_at: row.time("expires_at")?,
        created_at: row.time("created_at")?,
        redeemed_by: row.maybe_parse("redeemed_by")?,
        closed: row.0.try_get("closed")?,
    }))
}

fn fingerprint(text: &str, column: &str) -> Result<[u8; 32], LoadError> {
    let mut fingerprint = [0; 32];
    hex::decode_to_slice(text, &mut fingerprint).map_err(|_| unreadable(column))?;
    Ok(fingerprint)
}

fn node(row: &Columns) -> Result<Change, LoadError> {
    let preshared: PresharedKey =
        serde_json::from_value(row.text("preshared_key")?.into()).map_err(|_| unreadable("preshared_key"))?;
    Ok(Change::Node(Box::new(NodeRow {
        public_key: row.parse("public_key")?,
        signing_key: row.maybe_parse("signing_key")?,
        preshared_key: preshared,
        name: row.parse("name")?,
        kind: row.kind()?,
        company: row.parse("company")?,
        room: row.parse("room")?,
        addresses: [row.parse("address4")?, row.parse("address6")?],
        lan: row.json("lan")?,
        enrolled_at: row.time("enrolled_at")?,
        serial: u64::try_from(row.number("serial")?).map_err(|_| unreadable("serial"))?,
        issued_at: row.time("issued_at")?,
        expires_at: row.time("expires_at")?,
        lease_digest: row.text("lease_digest")?,
        endpoint: row.maybe_parse("endpoint")?,
        revoked_at: row.maybe_time("revoked_at")?,
        reason: row.maybe_text("reason")?,
        has_left: row.0.try_get("has_left")?,
    })))
}

fn quarantine(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::Quarantine(row.parse("prefix")?, row.time("until")?))
}

fn person(row: &Columns) -> Result<Change, LoadError> {
    let totp = TotpSecret::kept(&row.text("totp")?).ok_or_else(|| unreadable("totp"))?;
    Ok(Change::Person(Box::new(PersonRow {
        id: row.parse("id")?,
        company: row.parse("company")?,
        name: row.text("name")?,
        created_at: row.time("created_at")?,
        disabled_at: row.maybe_time("disabled_at")?,
        successor: row.maybe_parse("successor")?,
        account: Account { password: PasswordHash::kept(row.text("password")?), totp },
        must_change: row.0.try_get("must_change")?,
        totp_step: u64::try_from(row.number("totp_step")?).map_err(|_| unreadable("totp_step"))?,
    })))
}

fn tried(row: &Columns) -> Result<Change, LoadError> {
    let node = Some(row.text("node")?).filter(|text| !text.is_empty());
    let node = node.map(|text| text.parse().map_err(|_| unreadable("node"))).transpose()?;
    Ok(Change::Try(TryRow {
        key: TryKey { company: row.parse("company")?, person: row.parse("person")?, node },
        failures: u32::try_from(row.number("failures")?).map_err(|_| unreadable("failures"))?,
        last_at: row.time("last_at")?,
        locked_until: row.time("locked_until")?,
        opened_at: row.maybe_time("opened_at")?,
    }))
}

fn session(row: &Columns) -> Result<Change, LoadError> {
    let reason = row.maybe_text("reason")?;
    let reason = reason.map(|word| serde_json::from_value(word.into()).map_err(|_| unreadable("reason")));
    Ok(Change::Session(SessionRow {
        node: row.parse("node")?,
        person: row.parse("person")?,
        company: row.parse("company")?,
        fingerprint: fingerprint(&row.text("fingerprint")?, "fingerprint")?,
        opened_at: row.time("opened_at")?,
        until: row.time("until")?,
        ended: row.maybe_time("ended_at")?.zip(reason.transpose()?),
    }))
}

fn notice(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::Notice(NoticeRow {
        id: u64::try_from(row.number("id")?).map_err(|_| unreadable("id"))?,
        person: row.parse("person")?,
        notice: row.json("notice")?,
        told_at: row.maybe_time("told_at")?,
    }))
}

fn wipes(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::Wipes(Box::new(row.json("state")?)))
}

fn receipt(row: &Columns) -> Result<Change, LoadError> {
    Ok(Change::ReceiptHeld(row.parse("node")?, row.parse("hash")?))
}

fn node_ledger(row: &Columns) -> Result<Change, LoadError> {
    let seq = u64::try_from(row.number("seq")?).map_err(|_| unreadable("seq"))?;
    Ok(Change::NodeLedger(row.parse("node")?, Head { seq, hash: row.parse("hash")? }))
}

/// Some of a node's receipts, oldest first.
pub(super) async fn receipts(
    connection: &mut SqliteConnection,
    node: PublicKey,
    after: Option<ReceiptPlace>,
    limit: u32,
) -> Result<Vec<ReceiptHeld>, LoadError> {
    let (counter, hash) = after.map_or((0, String::new()), |place| (place.counter, place.hash.to_string()));
    let rows = sqlx::query(sql::SELECT_RECEIPTS)
        .bind(node.to_string())
        .bind(i64::try_from(counter).unwrap_or(i64::MAX))
        .bind(hash)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    let read = |row| {
        let row = Columns(row);
        let counter = u64::try_from(row.number("counter")?).map_err(|_| unreadable("counter"))?;
        let signed = SignedReceipt { document: row.text("document")?, signature: row.text("signature")? };
        let place = ReceiptPlace { counter, hash: row.parse("hash")? };
        Ok(ReceiptHeld { place, received_at: row.time("received_at")?, signed })
    };
    rows.into_iter().map(read).collect()
}
