-- Times are microseconds since 1970-01-01 UTC. Structured values are JSON text.
CREATE TABLE api_tokens (
    token_id     TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT
);

CREATE TABLE imports (
    import_id    TEXT PRIMARY KEY,
    file         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    table_name   TEXT,
    shape        TEXT,
    mapping      TEXT NOT NULL,
    state        TEXT NOT NULL,
    rows_read    BIGINT NOT NULL DEFAULT 0,
    taken        BIGINT NOT NULL DEFAULT 0,
    replaced     BIGINT NOT NULL DEFAULT 0,
    unchanged    BIGINT NOT NULL DEFAULT 0,
    rejected     BIGINT NOT NULL DEFAULT 0,
    error        TEXT,
    started_at   BIGINT NOT NULL,
    finished_at  BIGINT
);
CREATE INDEX imports_by_start ON imports (started_at);
CREATE INDEX imports_by_file ON imports (sha256);

CREATE TABLE audit (
    audit_id     INTEGER PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    detail       TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (action, subject);

CREATE TABLE cursors (
    scope        TEXT NOT NULL,
    name         TEXT NOT NULL,
    value        TEXT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE saved_views (
    view_id      TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    content      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
