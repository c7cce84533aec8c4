-- Where headquarters stood after each group of acknowledgements. The name is drawn: an index that was put back from a backup and
-- has gone on since has other names for the same numbers. The oldest go.
CREATE TABLE mark (
    id INTEGER NOT NULL PRIMARY KEY,
    name BLOB NOT NULL
);
-- What was noticed to have been forgotten, and by whom.
CREATE TABLE put_back (
    id INTEGER NOT NULL PRIMARY KEY,
    -- index: an endpoint remembers what this index does not; objects: the index names some that are not there.
    kind TEXT NOT NULL,
    company TEXT NOT NULL,
    -- Empty where headquarters has noticed by itself.
    node TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- The newest mark when it was noticed, and the newest version when this index was opened: those up to it were there
    -- when it was put back.
    mark BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (kind, company, node, version)
);
-- An object that is not there: its chunks count as never sent until they come again.
ALTER TABLE pack ADD COLUMN lost BOOLEAN NOT NULL DEFAULT FALSE;
