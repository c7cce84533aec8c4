-- Bytes that all kept versions of all persons of a company may hold together; null: no limit.
ALTER TABLE company ADD COLUMN quota BIGINT;
