-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_audit_schema (
	version INTEGER PRIMARY KEY
) STRICT;

-- Rows are added, and removed when they have expired. None ever changes.
CREATE TABLE coatcheck_audit (
	user_id    TEXT    NOT NULL, -- whose account or session it is about
	key        TEXT    NOT NULL, -- when it happened, in UTC, and 128 random bits: 2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa
	event      TEXT    NOT NULL, -- its name in docs/events.md
	session_id TEXT    NOT NULL DEFAULT '',
	ip         TEXT    NOT NULL DEFAULT '', -- of the client
	user_agent TEXT    NOT NULL DEFAULT '',
	reason     TEXT    NOT NULL DEFAULT '',
	actor      TEXT    NOT NULL DEFAULT '', -- the operator who did it
	details    TEXT    NOT NULL, -- JSON: {"after": "…"}, or null
	expires_at INTEGER NOT NULL, -- Unix seconds; from then on the row counts as absent
	PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX coatcheck_audit_expires_at ON coatcheck_audit (expires_at);

INSERT INTO coatcheck_audit_schema (version) VALUES (1);
