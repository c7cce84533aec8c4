-- Employees. The password is an Argon2id PHC string; the authenticator's secret is hexadecimal, `totp_step` the last step that was taken.
CREATE TABLE person (
    id TEXT NOT NULL PRIMARY KEY,
    company TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    successor TEXT,
    password TEXT NOT NULL,
    must_change BOOLEAN NOT NULL,
    totp TEXT NOT NULL,
    totp_step BIGINT NOT NULL
);
-- Wrong proofs in a row for a person, on one node and (an empty `node`) on all together; and when the person last opened work there.
CREATE TABLE work_try (
    company TEXT NOT NULL,
    person TEXT NOT NULL,
    node TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    opened_at BIGINT,
    PRIMARY KEY (company, person, node)
);
-- A node's last opening. Of the session's token only the SHA-256 is kept; an ended one stays, so that a node hears of it later.
CREATE TABLE work_session (
    node TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    company TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    ended_at BIGINT,
    reason TEXT
);
