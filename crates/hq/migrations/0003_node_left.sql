-- Whether a node's end (revoked_at) was its own word and not an admin's.
ALTER TABLE node ADD COLUMN has_left BOOLEAN NOT NULL DEFAULT FALSE;
