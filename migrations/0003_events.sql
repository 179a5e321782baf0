-- The history of every job, numbered from 1 without gaps.
CREATE TABLE events (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  attempt INTEGER NOT NULL,
  -- Position in the attempt's own stream; 0: made by the daemon.
  worker_sequence INTEGER NOT NULL CHECK (worker_sequence >= 0),
  -- atelier.v1.Event, without the columns above.
  body BLOB NOT NULL,
  PRIMARY KEY (job_id, sequence)
) STRICT, WITHOUT ROWID;

-- What a worker sends twice is kept once.
CREATE UNIQUE INDEX events_exactly_once ON events (job_id, attempt, worker_sequence)
WHERE worker_sequence > 0;

CREATE TRIGGER events_never_change
BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'an event never changes');
END;

-- Files that jobs produced, in the order they became whole.
CREATE TABLE artifacts (
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
  -- Relative to the job's output folder.
  path TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  step INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
  prompt TEXT NOT NULL,
  is_final INTEGER NOT NULL CHECK (is_final IN (0, 1))
) STRICT;

CREATE INDEX artifacts_by_job ON artifacts (job_id, id);
CREATE INDEX artifacts_by_path ON artifacts (job_id, path, id);
