-- The index of headquarters' work data. Times are seconds since 1970. Names are keyed with the company's key, manifests are
-- sealed with it: what lies here without that key tells sizes and times.
CREATE TABLE company (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE person (
    id INTEGER NOT NULL PRIMARY KEY,
    company BIGINT NOT NULL REFERENCES company (id),
    name TEXT NOT NULL,
    -- Bytes that all kept versions of this person may hold; null: no limit.
    quota BIGINT,
    used BIGINT NOT NULL DEFAULT 0,
    UNIQUE (company, name)
);
-- An object: sealed chunks, one behind the other.
CREATE TABLE pack (
    id INTEGER NOT NULL PRIMARY KEY,
    company BIGINT NOT NULL REFERENCES company (id),
    object BLOB NOT NULL UNIQUE,
    bytes BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TABLE chunk (
    id INTEGER NOT NULL PRIMARY KEY,
    company BIGINT NOT NULL REFERENCES company (id),
    name BLOB NOT NULL,
    pack BIGINT NOT NULL REFERENCES pack (id),
    place BIGINT NOT NULL,
    start BIGINT NOT NULL,
    len BIGINT NOT NULL,
    UNIQUE (company, name)
);
CREATE INDEX chunk_pack ON chunk (pack);
-- Which chunks a person has sent: nobody may name a chunk that they only know the digest of.
CREATE TABLE held (
    person BIGINT NOT NULL REFERENCES person (id),
    chunk BIGINT NOT NULL REFERENCES chunk (id),
    at BIGINT NOT NULL,
    PRIMARY KEY (person, chunk)
) WITHOUT ROWID;
CREATE INDEX held_chunk ON held (chunk);
CREATE TABLE file (
    id INTEGER NOT NULL PRIMARY KEY,
    person BIGINT NOT NULL REFERENCES person (id),
    name BLOB NOT NULL,
    -- The version at this path; null only while the first one is being written.
    head BIGINT,
    UNIQUE (person, name)
);
-- Ids ascend in the order of acknowledgement.
CREATE TABLE version (
    id INTEGER NOT NULL PRIMARY KEY,
    public BLOB NOT NULL UNIQUE,
    file BIGINT NOT NULL REFERENCES file (id),
    parent BLOB,
    at BIGINT NOT NULL,
    node TEXT NOT NULL,
    class TEXT NOT NULL,
    deleted BOOLEAN NOT NULL,
    size BIGINT NOT NULL,
    content BLOB NOT NULL,
    -- Path and content, sealed.
    manifest BLOB NOT NULL
);
CREATE INDEX version_file ON version (file);
CREATE INDEX version_content ON version (content);
CREATE TABLE used (
    version BIGINT NOT NULL REFERENCES version (id),
    chunk BIGINT NOT NULL REFERENCES chunk (id),
    PRIMARY KEY (version, chunk)
) WITHOUT ROWID;
CREATE INDEX used_chunk ON used (chunk);
