-- Receipts of wipes, byte for byte, by the machine that signed them; and what is known of each machine's wipes, as JSON.
CREATE TABLE receipt (
    node TEXT NOT NULL,
    hash TEXT NOT NULL,
    counter BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (node, hash)
);
CREATE TABLE wipes (
    node TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL
);
