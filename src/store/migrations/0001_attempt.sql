-- One learner on one lab, from start to report.
CREATE TABLE attempt (
    attempt_id    TEXT PRIMARY KEY,   -- six characters, drawn at random
    purpose       TEXT NOT NULL,      -- learn: a person's; prove: a trial of `lab prove`, hidden from history
    lab           TEXT NOT NULL,
    variant       TEXT NOT NULL,      -- the cause that the seed drew
    seed          TEXT NOT NULL,      -- 16 hex digits; decides variant, names and numbers
    stage         TEXT NOT NULL,      -- starting, running, paused, stopping, stopped
    hints         INTEGER NOT NULL,   -- hints shown so far
    created_at_ms INTEGER NOT NULL,   -- milliseconds since the epoch
    ready_at_ms   INTEGER,            -- the nodes stood and were broken
    ended_at_ms   INTEGER,
    lab_digest    TEXT NOT NULL,      -- SHA-256 over the lab's folder
    rubric_digest TEXT NOT NULL       -- SHA-256 of the grader's file
) STRICT;

-- Stretches of time in which the learner had the nodes.
CREATE TABLE span (
    attempt_id    TEXT NOT NULL REFERENCES attempt (attempt_id),
    began_at_ms   INTEGER NOT NULL,
    ended_at_ms   INTEGER,            -- null while it lasts
    PRIMARY KEY (attempt_id, began_at_ms)
) STRICT;

-- What happened, in order. Each record's digest covers the one before it.
CREATE TABLE record (
    attempt_id    TEXT NOT NULL REFERENCES attempt (attempt_id),
    seq           INTEGER NOT NULL,   -- 1, 2, 3 …
    kind          TEXT NOT NULL,      -- started, baseline, evidence, report, grade, hint, note
    at_ms         INTEGER NOT NULL,
    body          TEXT NOT NULL,      -- JSON
    previous      TEXT NOT NULL,      -- digest of record seq - 1; empty for the first
    digest        TEXT NOT NULL,      -- SHA-256 over attempt, seq, kind, at, body and previous
    PRIMARY KEY (attempt_id, seq)
) STRICT;

CREATE INDEX attempt_stage ON attempt (stage);
