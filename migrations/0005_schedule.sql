-- What turns in the queue are decided by. Columns here win over the same
-- fields of `spec`, which stays as it was asked for.
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0
  CHECK (priority BETWEEN -1000 AND 1000);
-- What it counts for in fair share beside its owner.
ALTER TABLE jobs ADD COLUMN user_group TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN sweep TEXT NOT NULL DEFAULT '';
-- Of the sweep, at a time; 0: any number.
ALTER TABLE jobs ADD COLUMN sweep_running INTEGER NOT NULL DEFAULT 0
  CHECK (sweep_running >= 0);

CREATE INDEX jobs_by_owner_and_state ON jobs (owner, state);
-- Lists of one's own jobs, newest first: without it all of them are sorted.
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_sweep ON jobs (sweep, state) WHERE sweep <> '';

-- What a job waits for; conditions are atelier.v1.Dependency.Condition.
CREATE TABLE dependencies (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  after_id INTEGER NOT NULL,
  condition INTEGER NOT NULL CHECK (condition BETWEEN 1 AND 3),
  PRIMARY KEY (job_id, after_id),
  -- So none can wait for itself, not even over others.
  CHECK (after_id < job_id)
) STRICT, WITHOUT ROWID;

-- Device-seconds of ended attempts, by the hour (since 1970) in which they fell.
CREATE TABLE usage (
  user_group TEXT NOT NULL,
  owner TEXT NOT NULL,
  hour INTEGER NOT NULL,
  device_seconds REAL NOT NULL CHECK (device_seconds >= 0),
  PRIMARY KEY (user_group, owner, hour)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_by_hour ON usage (hour);

-- The daemon takes no new starts while there is a row.
CREATE TABLE drain (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  message TEXT NOT NULL,
  drain_time INTEGER NOT NULL
) STRICT;
