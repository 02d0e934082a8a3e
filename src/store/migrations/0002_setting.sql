-- What the learner chose for good, one line each.
CREATE TABLE setting (
    name          TEXT PRIMARY KEY,   -- role: the role whose path the learner follows
    value         TEXT NOT NULL
) STRICT;
