//! From changes to rows.

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use super::sql;
use crate::registry::{Change, InviteRow, NodeRow, PersonRow, RoomRow, SessionRow, TryRow};
use crate::settings::Settings;

pub(super) const SETTINGS: &str = "headquarters";
pub(super) const POLICY: &str = "policy";

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Encode(Box::new(error)))
}

/// The word that serde gives to a unit variant.
pub(super) fn word<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    json(value).map(|text| text.trim_matches('"').to_owned())
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) async fn settings(connection: &mut SqliteConnection, settings: &Settings) -> Result<(), Error> {
    setting(connection, SETTINGS, json(settings)?).await
}

async fn setting(connection: &mut SqliteConnection, name: &str, value: String) -> Result<(), Error> {
    sqlx::query(sql::PUT_SETTING).bind(name).bind(value).execute(connection).await.map(drop)
}

pub(super) async fn record(
    connection: &mut SqliteConnection,
    seq: u64,
    at: i64,
    line: &str,
) -> Result<(), Error> {
    sqlx::query(sql::PUT_RECORD).bind(number(seq)).bind(at).bind(line).execute(connection).await.map(drop)
}

pub(super) async fn change(connection: &mut SqliteConnection, change: &Change) -> Result<(), Error> {
    match change {
        Change::Company(row) => {
            let query = sqlx::query(sql::PUT_COMPANY).bind(row.id.as_str()).bind(&row.name);
            query.bind(row.created_at.seconds()).execute(connection).await.map(drop)
        }
        Change::CompanyGone(id) => delete(connection, sql::DELETE_COMPANY, id.as_str()).await,
        Change::Office(row) => {
            let query = sqlx::query(sql::PUT_OFFICE).bind(row.id.as_str()).bind(&row.name);
            query.bind(json(&row.site)?).bind(row.created_at.seconds()).execute(connection).await.map(drop)
        }
        Change::OfficeGone(id) => delete(connection, sql::DELETE_OFFICE, id.as_str()).await,
        Change::Room(row) => room(connection, row).await,
        Change::RoomGone(id) => delete(connection, sql::DELETE_ROOM, &id.to_string()).await,
        Change::Invite(row) => invite(connection, row).await,
        Change::Node(row) => node(connection, row).await,
        Change::Quarantine(prefix, until) => sqlx::query(sql::PUT_QUARANTINE)
            .bind(prefix.to_string())
            .bind(until.seconds())
            .execute(connection)
            .await
            .map(drop),
        Change::Policy(row) => setting(connection, POLICY, json(row)?).await,
        Change::Person(row) => person(connection, row).await,
        Change::Try(row) => tried(connection, row).await,
        Change::StrangersTry(_) | Change::ReceiptHeld(..) => Ok(()),
        Change::Session(row) => session(connection, row).await,
        Change::NodeKeyGone(key) => {
            let none = hanare_model::PresharedKey::from_bytes([0; 32]).expose_base64().to_string();
            let query = sqlx::query(sql::UPDATE_NODE_KEY).bind(key.to_string()).bind(none);
            query.execute(connection).await.map(drop)
        }
        Change::Wipes(row) => {
            let query = sqlx::query(sql::PUT_WIPES).bind(row.node.to_string()).bind(json(row)?);
            query.execute(connection).await.map(drop)
        }
        Change::Receipt(row) => sqlx::query(sql::PUT_RECEIPT)
            .bind(row.node.to_string())
            .bind(row.hash.to_string())
            .bind(number(row.counter))
            .bind(row.received_at.seconds())
            .bind(&row.signed.document)
            .bind(&row.signed.signature)
            .execute(connection)
            .await
            .map(drop),
        Change::NodeLedger(node, head) => sqlx::query(sql::PUT_NODE_LEDGER)
            .bind(node.to_string())
            .bind(number(head.seq))
            .bind(head.hash.to_string())
            .execute(connection)
            .await
            .map(drop),
        Change::Notice(row) => sqlx::query(sql::PUT_NOTICE)
            .bind(number(row.id))
            .bind(row.person.as_str())
            .bind(row.notice.at.seconds())
            .bind(json(&row.notice)?)
            .bind(row.told_at.map(hanare_model::Timestamp::seconds))
            .execute(connection)
            .await
            .map(drop),
    }
}

async fn delete(connection: &mut SqliteConnection, statement: &'static str, id: &str) -> Result<(), Error> {
    sqlx::query(statement).bind(id).execute(connection).await.map(drop)
}

async fn room(connection: &mut SqliteConnection, row: &RoomRow) -> Result<(), Error> {
    sqlx::query(sql::PUT_ROOM)
        .bind(row.id.to_string())
        .bind(row.id.office().as_str())
        .bind(row.company.as_str())
        .bind(row.place.v4.to_string())
        .bind(i64::from(row.place.slot))
        .bind(row.created_at.seconds())
        .execute(connection)
        .await
        .map(drop)
}

async fn invite(connection: &mut SqliteConnection, row: &InviteRow) -> Result<(), Error> {
    let fingerprint = hex::encode(row.fingerprint);
    sqlx::query(sql::PUT_INVITE)
        .bind(&row.id)
        .bind(fingerprint)
        .bind(row.code.map(hex::encode))
        .bind(i64::from(row.wrong_codes))
        .bind(row.room.to_string())
        .bind(word(&row.kind)?)
        .bind(row.node.as_ref().map(ToString::to_string))
        .bind(row.expires_at.seconds())
        .bind(row.created_at.seconds())
        .bind(row.redeemed_by.map(|key| key.to_string()))
        .bind(row.closed)
        .execute(connection)
        .await
        .map(drop)
}

async fn node(connection: &mut SqliteConnection, row: &NodeRow) -> Result<(), Error> {
    let [address4, address6] = row.addresses;
    sqlx::query(sql::PUT_NODE)
        .bind(row.public_key.to_string())
        .bind(row.signing_key.map(|key| key.to_string()))
        .bind(row.preshared_key.expose_base64().to_string())
        .bind(row.name.as_str())
        .bind(word(&row.kind)?)
        .bind(row.company.as_str())
        .bind(row.room.to_string())
        .bind(address4.to_string())
        .bind(address6.to_string())
        .bind(json(&row.lan)?)
        .bind(row.enrolled_at.seconds())
        .bind(number(row.serial))
        .bind(row.issued_at.seconds())
        .bind(row.expires_at.seconds())
        .bind(&row.lease_digest)
        .bind(row.endpoint.map(|endpoint| endpoint.to_string()))
        .bind(row.revoked_at.map(hanare_model::Timestamp::seconds))
        .bind(row.reason.as_deref())
        .bind(row.has_left)
        .execute(connection)
        .await
        .map(drop)
}

async fn person(connection: &mut SqliteConnection, row: &PersonRow) -> Result<(), Error> {
    sqlx::query(sql::PUT_PERSON)
        .bind(row.id.as_str())
        .bind(row.company.as_str())
        .bind(&row.name)
        .bind(row.created_at.seconds())
        .bind(row.disabled_at.map(hanare_model::Timestamp::seconds))
        .bind(row.successor.as_ref().map(ToString::to_string))
        .bind(row.account.password.expose())
        .bind(row.must_change)
        .bind(row.account.totp.expose().to_string())
        .bind(number(row.totp_step))
        .execute(connection)
        .await
        .map(drop)
}

async fn tried(connection: &mut SqliteConnection, row: &TryRow) -> Result<(), Error> {
    sqlx::query(sql::PUT_TRY)
        .bind(row.key.company.as_str())
        .bind(row.key.person.as_str())
        .bind(row.key.node.map_or_else(String::new, |key| key.to_string()))
        .bind(i64::from(row.failures))
        .bind(row.last_at.seconds())
        .bind(row.locked_until.seconds())
        .bind(row.opened_at.map(hanare_model::Timestamp::seconds))
        .execute(connection)
        .await
        .map(drop)
}

async fn session(connection: &mut SqliteConnection, row: &SessionRow) -> Result<(), Error> {
    let (ended_at, reason) = row.ended.map(|(at, why)| (at.seconds(), why)).unzip();
    sqlx::query(sql::PUT_SESSION)
        .bind(row.node.to_string())
        .bind(row.person.as_str())
        .bind(row.company.as_str())
        .bind(hex::encode(row.fingerprint))
        .bind(row.opened_at.seconds())
        .bind(row.until.seconds())
        .bind(ended_at)
        .bind(reason.as_ref().map(word).transpose()?)
        .execute(connection)
        .await
        .map(drop)
}
