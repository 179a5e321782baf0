-- Tokens of remote users, and who did what.
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user TEXT NOT NULL,
  -- atelier.v1.TokenScope.
  scope INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 4),
  note TEXT NOT NULL,
  -- SHA-256 of the secret, hexadecimal; the secret is kept nowhere.
  hash TEXT NOT NULL UNIQUE,
  created_by TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  expire_time INTEGER NOT NULL,
  revoke_time INTEGER
) STRICT;

CREATE TRIGGER tokens_only_end
BEFORE UPDATE ON tokens
WHEN OLD.revoke_time IS NOT NULL OR NEW.user <> OLD.user
  OR NEW.scope <> OLD.scope OR NEW.hash <> OLD.hash
  OR NEW.expire_time <> OLD.expire_time
BEGIN
  SELECT RAISE(ABORT, 'a token can only be revoked, and once');
END;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  user TEXT NOT NULL,
  peer TEXT NOT NULL,
  method TEXT NOT NULL,
  -- 0: none.
  job_id INTEGER NOT NULL,
  -- NULL until it is known what came of it.
  outcome TEXT,
  message TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX audit_by_user ON audit (user, id);
CREATE INDEX audit_by_job ON audit (job_id, id) WHERE job_id <> 0;

CREATE TRIGGER audit_only_grows
BEFORE UPDATE ON audit
WHEN OLD.outcome IS NOT NULL OR NEW.id <> OLD.id OR NEW.time <> OLD.time
  OR NEW.user <> OLD.user OR NEW.peer <> OLD.peer OR NEW.method <> OLD.method
BEGIN
  SELECT RAISE(ABORT, 'what was put down stays');
END;

CREATE TRIGGER audit_keeps_all
BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'what was put down stays');
END;

-- Ends of jobs that somebody is to hear of: the states that the configuration
-- names, filled in at each start, and what was not delivered yet. The trigger
-- makes the entry part of the end itself.
CREATE TABLE notify_on (
  state INTEGER PRIMARY KEY CHECK (state IN (6, 7, 8))
) STRICT;

CREATE TABLE notifications (
  job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  tries INTEGER NOT NULL DEFAULT 0,
  -- Not tried before.
  not_before INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX notifications_by_time ON notifications (not_before, job_id);

CREATE TRIGGER jobs_end_is_told
AFTER UPDATE OF state ON jobs
WHEN NEW.state IN (6, 7, 8) AND OLD.state <> NEW.state
BEGIN
  INSERT INTO notifications (job_id)
  SELECT NEW.id FROM notify_on WHERE state = NEW.state;
END;
