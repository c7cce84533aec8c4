-- Where headquarters stands in each node's own ledger: the last record of it that is on ours.
CREATE TABLE node_ledger (
    node TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
