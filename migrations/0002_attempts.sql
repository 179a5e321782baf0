-- Attempts: each start of a job. The number is the epoch that fences off older
-- workers; it is written, with the leases, before anything is spawned.
CREATE TABLE attempts (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number > 0),
  start_time INTEGER NOT NULL,
  end_time INTEGER,
  -- 0 while it runs.
  outcome INTEGER NOT NULL DEFAULT 0 CHECK (outcome BETWEEN 0 AND 6),
  reason INTEGER NOT NULL DEFAULT 0 CHECK (reason >= 0),
  message TEXT NOT NULL DEFAULT '',
  -- SHA-256 of the secret, hexadecimal.
  token_hash TEXT NOT NULL,
  run_dir TEXT NOT NULL,
  boot_id TEXT NOT NULL DEFAULT '',
  shim_pid INTEGER NOT NULL DEFAULT 0,
  shim_start_ticks INTEGER NOT NULL DEFAULT 0,
  worker_pid INTEGER NOT NULL DEFAULT 0,
  worker_start_ticks INTEGER NOT NULL DEFAULT 0,
  exit_code INTEGER,
  exit_signal INTEGER,
  last_log TEXT NOT NULL DEFAULT '',
  -- The worker's events up to this one are in `events`.
  durable_sequence INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job_id, number),
  CHECK ((outcome = 0) = (end_time IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attempts_end_once
BEFORE UPDATE OF outcome ON attempts
WHEN OLD.outcome <> 0 AND NEW.outcome <> OLD.outcome
BEGIN
  SELECT RAISE(ABORT, 'an attempt that has ended never changes its outcome');
END;

-- Which attempt holds which device.
CREATE TABLE leases (
  id INTEGER PRIMARY KEY,
  device TEXT NOT NULL,
  job_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  lease_time INTEGER NOT NULL,
  -- NULL while it is held.
  release_time INTEGER,
  FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, number) ON DELETE CASCADE
) STRICT;

-- A device is never given to two attempts at a time.
CREATE UNIQUE INDEX leases_one_holder ON leases (device) WHERE release_time IS NULL;
CREATE INDEX leases_by_attempt ON leases (job_id, attempt);
