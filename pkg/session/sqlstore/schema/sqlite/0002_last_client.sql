-- The client at the last touch. Both are empty if it is the client of the login.
ALTER TABLE coatcheck_sessions ADD COLUMN last_ip         TEXT NOT NULL DEFAULT '';
ALTER TABLE coatcheck_sessions ADD COLUMN last_user_agent TEXT NOT NULL DEFAULT '';

INSERT INTO coatcheck_sessions_schema (version) VALUES (2);
