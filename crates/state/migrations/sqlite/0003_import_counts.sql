-- Records of an earlier version of a file that its correction does not have: still there, or removed.
ALTER TABLE imports ADD COLUMN missing BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN removed BIGINT NOT NULL DEFAULT 0;
