-- A deletion of a file that has only moved: it is at another path, and does not count among those that vanish.
ALTER TABLE version ADD COLUMN moved BOOLEAN NOT NULL DEFAULT FALSE;
