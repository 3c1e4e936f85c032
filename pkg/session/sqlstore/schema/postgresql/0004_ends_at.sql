-- When the session ends however much it is used, in Unix seconds. NULL, as most sessions
-- have it, means that only the limits end it.
ALTER TABLE coatcheck_sessions ADD COLUMN ends_at bigint;

INSERT INTO coatcheck_sessions_schema (version) VALUES (4);
