-- Jobs: what was asked for and how far it is. Enum values are those of
-- proto/atelier/v1; times are microseconds since 1970 in UTC.
CREATE TABLE jobs (
  -- Never used twice, not even after a delete.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  architecture INTEGER NOT NULL,
  owner TEXT NOT NULL,
  -- atelier.v1.JobSpec, resolved.
  spec BLOB NOT NULL,
  device_type INTEGER NOT NULL CHECK (device_type IN (1, 2)),
  device_count INTEGER NOT NULL CHECK (device_count > 0),
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
  reason INTEGER NOT NULL CHECK (reason >= 0),
  message TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  start_time INTEGER,
  end_time INTEGER,
  -- Back-off before the next attempt.
  not_before INTEGER,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  output_dir TEXT NOT NULL,
  -- atelier.v1.Progress.
  progress BLOB NOT NULL DEFAULT x'',
  attempt_count INTEGER NOT NULL DEFAULT 0,
  last_sequence INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 0,
  -- SUCCEEDED, FAILED and CANCELLED, and only these, have an end.
  CHECK ((state IN (6, 7, 8)) = (end_time IS NOT NULL))
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_state_and_reason ON jobs (state, reason);
CREATE INDEX jobs_by_name ON jobs (name, id);
CREATE INDEX jobs_by_create_time ON jobs (create_time, id);

CREATE TRIGGER jobs_terminal_states_never_change
BEFORE UPDATE OF state ON jobs
WHEN OLD.state IN (6, 7, 8) AND NEW.state <> OLD.state
BEGIN
  SELECT RAISE(ABORT, 'a job that has ended never changes its state');
END;

CREATE TRIGGER jobs_keep_what_was_asked
BEFORE UPDATE OF id, uid, owner, spec, create_time ON jobs
BEGIN
  SELECT RAISE(ABORT, 'what was asked for never changes');
END;

CREATE TABLE labels (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_value ON labels (key, value, job_id);

-- Submissions by their request_id, so that a repeated one finds its job.
CREATE TABLE requests (
  owner TEXT NOT NULL,
  request_id TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  create_time INTEGER NOT NULL,
  PRIMARY KEY (owner, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_by_job ON requests (job_id);
