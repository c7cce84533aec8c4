-- Sealed items that came, each once; and how many wait on each node, as it says.
CREATE TABLE sealed (
    -- Ascends in the order in which they came.
    id INTEGER NOT NULL PRIMARY KEY,
    item BLOB NOT NULL UNIQUE,
    person BIGINT NOT NULL REFERENCES person (id),
    node TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- The version that it became; null while it waits for its person.
    version BLOB
);
CREATE INDEX sealed_waiting ON sealed (person) WHERE version IS NULL;
CREATE TABLE waiting (
    company TEXT NOT NULL,
    node TEXT NOT NULL,
    items BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (company, node)
) WITHOUT ROWID;
