-- Of the code of an invite on a sheet only a fingerprint is kept, keyed with the invite's secret, which is not kept.
ALTER TABLE invite ADD COLUMN code TEXT;
ALTER TABLE invite ADD COLUMN wrong_codes BIGINT NOT NULL DEFAULT 0;
