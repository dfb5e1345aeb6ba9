-- Rows of a file that were taken out of it with a person and are not read again.
ALTER TABLE imports ADD COLUMN left_out BIGINT NOT NULL DEFAULT 0;
