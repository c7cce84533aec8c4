-- Objects of which nothing is named any more: the index has forgotten them, the files may be there still.
CREATE TABLE forgotten (
    object BLOB NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL
);
