//! Every statement, as a constant with `$n` parameters, so that SQLite and later PostgreSQL run the same text.

pub(super) const SELECT_SETTING: &str = "SELECT value FROM setting WHERE name = $1";
pub(super) const PUT_SETTING: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

pub(super) const SELECT_COMPANIES: &str = "SELECT id, name, created_at FROM company";
pub(super) const PUT_COMPANY: &str = "INSERT INTO company (id, name, created_at) VALUES ($1, $2, $3)";
pub(super) const DELETE_COMPANY: &str = "DELETE FROM company WHERE id = $1";

pub(super) const SELECT_OFFICES: &str = "SELECT id, name, site, created_at FROM office";
pub(super) const PUT_OFFICE: &str = "INSERT INTO office (id, name, site, created_at) VALUES ($1, $2, $3, $4)";
pub(super) const DELETE_OFFICE: &str = "DELETE FROM office WHERE id = $1";

pub(super) const SELECT_ROOMS: &str = "SELECT id, company, prefix, slot, created_at FROM room";
pub(super) const PUT_ROOM: &str =
    "INSERT INTO room (id, office, company, prefix, slot, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
pub(super) const DELETE_ROOM: &str = "DELETE FROM room WHERE id = $1";

pub(super) const SELECT_INVITES: &str = "SELECT id, fingerprint, code, wrong_codes, room, kind, node, expires_at, created_at, redeemed_by, closed \
     FROM invite";
pub(super) const PUT_INVITE: &str = "INSERT INTO invite \
     (id, fingerprint, code, wrong_codes, room, kind, node, expires_at, created_at, redeemed_by, closed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (id) DO UPDATE SET wrong_codes = excluded.wrong_codes, redeemed_by = excluded.redeemed_by, \
     closed = excluded.closed";

pub(super) const SELECT_NODES: &str = "SELECT public_key, signing_key, preshared_key, name, kind, company, room, \
     address4, address6, lan, enrolled_at, serial, issued_at, expires_at, lease_digest, endpoint, revoked_at, reason, \
     has_left FROM node";
/// What never changes about a node is left out of the update: a node never gets another address, room or key.
pub(super) const PUT_NODE: &str = "INSERT INTO node (public_key, signing_key, preshared_key, name, kind, company, room, \
     address4, address6, lan, enrolled_at, serial, issued_at, expires_at, lease_digest, endpoint, revoked_at, reason, \
     has_left) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
     ON CONFLICT (public_key) DO UPDATE SET serial = excluded.serial, issued_at = excluded.issued_at, \
     expires_at = excluded.expires_at, lease_digest = excluded.lease_digest, endpoint = excluded.endpoint, \
     revoked_at = excluded.revoked_at, reason = excluded.reason, has_left = excluded.has_left";

pub(super) const UPDATE_NODE_KEY: &str = "UPDATE node SET preshared_key = $2 WHERE public_key = $1";

pub(super) const SELECT_PERSONS: &str = "SELECT id, company, name, created_at, disabled_at, successor, password, must_change, \
     totp, totp_step FROM person";
pub(super) const PUT_PERSON: &str = "INSERT INTO person \
     (id, company, name, created_at, disabled_at, successor, password, must_change, totp, totp_step) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (id) DO UPDATE SET disabled_at = excluded.disabled_at, successor = excluded.successor, \
     password = excluded.password, must_change = excluded.must_change, totp = excluded.totp, \
     totp_step = excluded.totp_step";

pub(super) const SELECT_TRIES: &str =
    "SELECT company, person, node, failures, last_at, locked_until, opened_at FROM work_try";
pub(super) const PUT_TRY: &str = "INSERT INTO work_try \
     (company, person, node, failures, last_at, locked_until, opened_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (company, person, node) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, \
     locked_until = excluded.locked_until, opened_at = excluded.opened_at";

pub(super) const SELECT_SESSIONS: &str =
    "SELECT node, person, company, fingerprint, opened_at, until, ended_at, reason FROM work_session";
pub(super) const PUT_SESSION: &str = "INSERT INTO work_session \
     (node, person, company, fingerprint, opened_at, until, ended_at, reason) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (node) DO UPDATE SET person = excluded.person, company = excluded.company, \
     fingerprint = excluded.fingerprint, opened_at = excluded.opened_at, until = excluded.until, \
     ended_at = excluded.ended_at, reason = excluded.reason";

pub(super) const SELECT_WIPES: &str = "SELECT state FROM wipes";
pub(super) const PUT_WIPES: &str = "INSERT INTO wipes (node, state) VALUES ($1, $2) \
     ON CONFLICT (node) DO UPDATE SET state = excluded.state";
pub(super) const SELECT_RECEIPTS_HELD: &str = "SELECT node, hash FROM receipt";
pub(super) const SELECT_RECEIPTS: &str = "SELECT counter, hash, received_at, document, signature FROM receipt \
     WHERE node = $1 AND (counter, hash) > ($2, $3) ORDER BY counter, hash LIMIT $4";
pub(super) const PUT_RECEIPT: &str = "INSERT INTO receipt (node, hash, counter, received_at, document, signature) \
     VALUES ($1, $2, $3, $4, $5, $6)";

pub(super) const SELECT_NODE_LEDGERS: &str = "SELECT node, seq, hash FROM node_ledger";
pub(super) const PUT_NODE_LEDGER: &str = "INSERT INTO node_ledger (node, seq, hash) VALUES ($1, $2, $3) \
     ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";

pub(super) const SELECT_NOTICES: &str = "SELECT id, person, notice, told_at FROM notice";
pub(super) const PUT_NOTICE: &str = "INSERT INTO notice (id, person, at, notice, told_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (id) DO UPDATE SET told_at = excluded.told_at";
/// Never the newest: its id is where the next one goes on.
pub(super) const DELETE_NOTICES: &str = "DELETE FROM notice WHERE told_at IS NOT NULL AND at <= $1 \
     AND id < (SELECT max(id) FROM notice)";

pub(super) const SELECT_QUARANTINE: &str = "SELECT prefix, until FROM quarantine";
pub(super) const PUT_QUARANTINE: &str = "INSERT INTO quarantine (prefix, until) VALUES ($1, $2) \
     ON CONFLICT (prefix) DO UPDATE SET until = excluded.until";
pub(super) const DELETE_QUARANTINE: &str = "DELETE FROM quarantine WHERE until <= $1";

pub(super) const SELECT_LAST_RECORD: &str = "SELECT seq, line FROM ledger ORDER BY seq DESC LIMIT 1";
pub(super) const SELECT_RECORDS: &str =
    "SELECT seq, line FROM ledger WHERE seq > $1 AND at >= $2 ORDER BY seq LIMIT $3";
pub(super) const PUT_RECORD: &str = "INSERT INTO ledger (seq, at, line) VALUES ($1, $2, $3)";

/// All of them, for the test that prepares each.
#[cfg(test)]
pub(super) const ALL: [&str; 39] = [
    SELECT_SETTING,
    PUT_SETTING,
    SELECT_COMPANIES,
    PUT_COMPANY,
    DELETE_COMPANY,
    SELECT_OFFICES,
    PUT_OFFICE,
    DELETE_OFFICE,
    SELECT_ROOMS,
    PUT_ROOM,
    DELETE_ROOM,
    SELECT_INVITES,
    PUT_INVITE,
    SELECT_NODES,
    PUT_NODE,
    UPDATE_NODE_KEY,
    SELECT_PERSONS,
    PUT_PERSON,
    SELECT_TRIES,
    PUT_TRY,
    SELECT_SESSIONS,
    PUT_SESSION,
    SELECT_WIPES,
    PUT_WIPES,
    SELECT_RECEIPTS_HELD,
    SELECT_RECEIPTS,
    PUT_RECEIPT,
    SELECT_NODE_LEDGERS,
    PUT_NODE_LEDGER,
    SELECT_NOTICES,
    PUT_NOTICE,
    DELETE_NOTICES,
    SELECT_QUARANTINE,
    PUT_QUARANTINE,
    DELETE_QUARANTINE,
    SELECT_LAST_RECORD,
    SELECT_RECORDS,
    PUT_RECORD,
    SELECT_SCHEMA,
];

/// SQLite only: whether migrations ever ran here.
pub(super) const SELECT_SCHEMA: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
/// Run only if [`SELECT_SCHEMA`] says that the table is there.
pub(super) const SELECT_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
pub(super) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
pub(super) const BACKUP: &str = "VACUUM INTO $1";
