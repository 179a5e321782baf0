-- What jobs ask of devices beside kind and number, and which devices are not
-- to be handed out.
ALTER TABLE jobs ADD COLUMN min_vram_bytes INTEGER NOT NULL DEFAULT 0
  CHECK (min_vram_bytes >= 0);
-- Part of the GPU's name; empty: any.
ALTER TABLE jobs ADD COLUMN device_model TEXT NOT NULL DEFAULT '';
-- 0: not counted.
ALTER TABLE jobs ADD COLUMN host_memory_bytes INTEGER NOT NULL DEFAULT 0
  CHECK (host_memory_bytes >= 0);
-- Microseconds that one attempt may run; NULL: without end.
ALTER TABLE jobs ADD COLUMN time_limit INTEGER
  CHECK (time_limit IS NULL OR time_limit > 0);

-- atelier.v1.DeviceType of the device.
ALTER TABLE leases ADD COLUMN kind INTEGER NOT NULL DEFAULT 1
  CHECK (kind IN (1, 2));
UPDATE leases SET kind = 2 WHERE device NOT LIKE 'cpu:%';
CREATE INDEX leases_by_kind ON leases (kind, release_time);

-- Devices out of use, until somebody puts them back.
CREATE TABLE device_drains (
  device TEXT PRIMARY KEY,
  -- 1: the device reported a fault; 0: somebody asked for it.
  is_fault INTEGER NOT NULL CHECK (is_fault IN (0, 1)),
  message TEXT NOT NULL,
  drain_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
