-- What the learner chose for good, one line each.
CREATE TABLE setting (
    name          TEXT PRIMARY KEY,   -- role: the role whose path the learner follows
    value         TEXT NOT NULL
) STRICT;

-- Labs that are not crashcart's own.
ALTER TABLE attempt ADD COLUMN collection TEXT; -- folder, or URL#COMMIT, that the lab is of; null for crashcart's own

-- What the user of a collection has agreed to.
CREATE TABLE consent (
    collection    TEXT NOT NULL,      -- folder or URL
    revision      TEXT NOT NULL,      -- commit of a repository; SHA-256 of what a folder asks for
    at_ms         INTEGER NOT NULL,   -- milliseconds since the epoch
    PRIMARY KEY (collection, revision)
) STRICT;
