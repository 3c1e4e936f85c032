-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_sessions_schema (
	version INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE coatcheck_sessions (
	owner            TEXT    NOT NULL,
	id               TEXT    NOT NULL,
	secret           BLOB    NOT NULL, -- SHA-256 of a token's secret: 32 bytes
	previous_secret  BLOB    NOT NULL,
	user_id          TEXT    NOT NULL,
	roles            TEXT    NOT NULL, -- JSON: ["admin"]
	"values"         TEXT    NOT NULL, -- JSON: {"theme": "dark"}
	created_at       INTEGER NOT NULL, -- Unix milliseconds
	authenticated_at INTEGER NOT NULL, -- Unix seconds, like the next two
	last_seen_at     INTEGER NOT NULL,
	expires_at       INTEGER NOT NULL, -- from then on the session is dead
	version          INTEGER NOT NULL, -- random, new on every Update
	ip               TEXT    NOT NULL,
	user_agent       TEXT    NOT NULL,
	PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX coatcheck_sessions_expires_at ON coatcheck_sessions (expires_at);

INSERT INTO coatcheck_sessions_schema (version) VALUES (1);
