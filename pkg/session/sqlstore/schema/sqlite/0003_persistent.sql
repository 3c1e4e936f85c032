-- Whether the session has the limits of persistent sessions: 1 or 0. It never changes.
ALTER TABLE coatcheck_sessions ADD COLUMN persistent INTEGER NOT NULL DEFAULT 0 CHECK (persistent IN (0, 1));

INSERT INTO coatcheck_sessions_schema (version) VALUES (3);
