-- Points of a job's curves, down-sampled: bucket size 1, 10, 100 or 1000 steps.
-- Derived from the events; losing the newest ones with the power loses nothing
-- that is not in atelier.db.
CREATE TABLE metric_points (
  job_id INTEGER NOT NULL,
  bucket_steps INTEGER NOT NULL CHECK (bucket_steps IN (1, 10, 100, 1000)),
  -- First step of the bucket.
  step INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  loss_sum REAL NOT NULL,
  loss_min REAL NOT NULL,
  loss_max REAL NOT NULL,
  lr REAL NOT NULL,
  grad_norm_sum REAL NOT NULL,
  step_seconds_sum REAL NOT NULL,
  data_wait_seconds_sum REAL NOT NULL,
  PRIMARY KEY (job_id, bucket_steps, step)
) STRICT, WITHOUT ROWID;
