-- Keys that event clients send. They stand in public pages, so they are no secrets and are kept as they are.
CREATE TABLE write_keys (
    key_id       TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    write_key    TEXT NOT NULL UNIQUE,
    domains      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
