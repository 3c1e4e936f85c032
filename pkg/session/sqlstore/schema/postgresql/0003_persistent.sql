-- Whether the session has the limits of persistent sessions. It never changes.
ALTER TABLE coatcheck_sessions ADD COLUMN persistent boolean NOT NULL DEFAULT false;

INSERT INTO coatcheck_sessions_schema (version) VALUES (3);
