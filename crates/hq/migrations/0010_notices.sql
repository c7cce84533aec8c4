-- What persons are to know of what others did with their work; `notice` is JSON. The ledger keeps it for good.
CREATE TABLE notice (
    id BIGINT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    at BIGINT NOT NULL,
    notice TEXT NOT NULL,
    told_at BIGINT
);
