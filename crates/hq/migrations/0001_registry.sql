-- Everything that headquarters knows. Times are seconds since 1970; keys are base64; prefixes are text.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE company (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE office (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    site TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE room (
    id TEXT NOT NULL PRIMARY KEY,
    office TEXT NOT NULL REFERENCES office (id),
    company TEXT NOT NULL REFERENCES company (id),
    prefix TEXT NOT NULL UNIQUE,
    slot BIGINT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
-- Of an invite's secret only a fingerprint is kept. `closed` ends an invite that nobody redeemed.
CREATE TABLE invite (
    id TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    room TEXT NOT NULL,
    kind TEXT NOT NULL,
    node TEXT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    redeemed_by TEXT,
    closed BOOLEAN NOT NULL
);
-- Rows of revoked nodes stay: a key that was revoked never comes back. Room and company outlive their own rows here.
CREATE TABLE node (
    public_key TEXT NOT NULL PRIMARY KEY,
    signing_key TEXT UNIQUE,
    preshared_key TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    company TEXT NOT NULL,
    room TEXT NOT NULL,
    address4 TEXT NOT NULL,
    address6 TEXT NOT NULL,
    lan TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    serial BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lease_digest TEXT NOT NULL,
    endpoint TEXT,
    revoked_at BIGINT,
    reason TEXT
);
CREATE UNIQUE INDEX node_name ON node (name) WHERE revoked_at IS NULL;
CREATE TABLE quarantine (
    prefix TEXT NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE TABLE ledger (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    line TEXT NOT NULL
);
