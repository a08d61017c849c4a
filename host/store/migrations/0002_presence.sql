-- When the sink lets a value lapse by itself; NULL where it keeps it for ever.
ALTER TABLE presence ADD COLUMN expires INTEGER;

-- When the whole window was read last (FEATURES C09).
ALTER TABLE feeds ADD COLUMN full_read INTEGER;

-- States set by hand at a sink (SEMANTICS P-22). body is JSON of the engine; what has ended stays until it leaves the window.
CREATE TABLE overrides (
    person         TEXT NOT NULL,
    id             TEXT NOT NULL,
    set_at         INTEGER NOT NULL,
    body           TEXT NOT NULL,
    PRIMARY KEY (person, id)
) STRICT, WITHOUT ROWID;
