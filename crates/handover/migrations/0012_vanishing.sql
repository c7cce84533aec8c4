-- Deletions that were too many at once, while somebody is to be asked about them. Where something else is at the path by now,
-- or the endpoint has not asked again lately, that is over.
CREATE TABLE vanishing (
    file BIGINT NOT NULL PRIMARY KEY REFERENCES file (id) ON DELETE CASCADE,
    -- What was to be deleted.
    version BIGINT NOT NULL,
    node TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Whether somebody has said that it stays.
    stays BOOLEAN NOT NULL DEFAULT FALSE
) WITHOUT ROWID;
