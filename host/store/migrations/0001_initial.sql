-- Instants are milliseconds since 1970-01-01T00:00:00 UTC. Dates are text, YYYY-MM-DD.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- One row per person and flow: where the calendar is and where presence goes.
CREATE TABLE people (
    person         TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    source         TEXT NOT NULL,
    mailbox        TEXT,
    resolution     TEXT NOT NULL,
    detail         TEXT NOT NULL DEFAULT '',
    resolved_at    INTEGER NOT NULL
) STRICT;

-- The feed of a mailbox: cursor, window and what is known of its health (SEMANTICS C-01).
CREATE TABLE feeds (
    connection     TEXT NOT NULL,
    mailbox        TEXT NOT NULL,
    window_start   INTEGER NOT NULL,
    window_end     INTEGER NOT NULL,
    cursor         TEXT,
    cursor_format  INTEGER NOT NULL DEFAULT 0,
    complete       INTEGER NOT NULL DEFAULT 0,
    dirty          INTEGER NOT NULL DEFAULT 0,
    last_verified  INTEGER,
    zone           TEXT,
    language       TEXT,
    absence        TEXT,
    absence_start  INTEGER,
    absence_end    INTEGER,
    absence_read   INTEGER,
    PRIMARY KEY (connection, mailbox)
) STRICT, WITHOUT ROWID;

-- The mirror. place is the identity: the id of a single event, or master and original start of an occurrence (SEMANTICS B-01).
CREATE TABLE events (
    connection     TEXT NOT NULL,
    mailbox        TEXT NOT NULL,
    place          TEXT NOT NULL,
    id             TEXT NOT NULL,
    version        TEXT NOT NULL,
    uid            TEXT NOT NULL,
    kind           INTEGER NOT NULL,
    master         TEXT,
    original       INTEGER,
    original_day   TEXT,
    start_at       INTEGER,
    end_at         INTEGER,
    start_day      TEXT,
    end_day        TEXT,
    zone_assumed   INTEGER NOT NULL,
    show_as        INTEGER NOT NULL,
    sensitivity    INTEGER NOT NULL,
    response       INTEGER NOT NULL,
    cancelled      INTEGER NOT NULL,
    texts          BLOB NOT NULL,
    PRIMARY KEY (connection, mailbox, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_id ON events (connection, mailbox, id);
CREATE INDEX events_by_master ON events (connection, mailbox, master) WHERE master IS NOT NULL;

CREATE TABLE subscriptions (
    connection     TEXT NOT NULL,
    id             TEXT NOT NULL,
    mailbox        TEXT NOT NULL,
    secret         BLOB NOT NULL,
    granted_at     INTEGER NOT NULL,
    expires        INTEGER,
    PRIMARY KEY (connection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_by_mailbox ON subscriptions (connection, mailbox);

-- Requests of other sides, kept until a connector has read them (SEMANTICS B-30).
CREATE TABLE hook_requests (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    connection     TEXT NOT NULL,
    lifecycle      INTEGER NOT NULL,
    content_type   TEXT NOT NULL,
    body           BLOB NOT NULL,
    received       INTEGER NOT NULL
) STRICT;
CREATE INDEX hook_requests_by_connection ON hook_requests (connection, number);

-- What is shown, or is to be shown, at a sink (SEMANTICS P-27). wanted and shown are JSON; NULL means nothing of ours.
CREATE TABLE presence (
    person         TEXT PRIMARY KEY,
    sink           TEXT NOT NULL,
    user           TEXT NOT NULL,
    sequence       INTEGER NOT NULL,
    wanted         TEXT,
    acknowledged   INTEGER NOT NULL DEFAULT 0,
    shown          TEXT,
    token          TEXT,
    shown_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    at             INTEGER NOT NULL,
    subject        TEXT NOT NULL,
    action         TEXT NOT NULL,
    cause          TEXT NOT NULL,
    before         TEXT,
    after          TEXT
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, number);
