-- URLs that discovery found for endpoints that the configuration gives none for (SEMANTICS B-48).
CREATE TABLE discovered (
    connection     TEXT NOT NULL,
    endpoint       TEXT NOT NULL,
    url            TEXT NOT NULL,
    found_at       INTEGER NOT NULL,
    PRIMARY KEY (connection, endpoint)
) STRICT, WITHOUT ROWID;
