-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_audit_schema (
	version integer PRIMARY KEY
);

-- Rows are added, and removed when they have expired. None ever changes. COLLATE "C"
-- compares keys byte by byte, whatever the database's locale is.
CREATE TABLE coatcheck_audit (
	user_id    text COLLATE "C" NOT NULL, -- whose account or session it is about
	key        text COLLATE "C" NOT NULL, -- when it happened, in UTC, and 128 random bits: 2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa
	event      text   NOT NULL, -- its name in docs/events.md
	session_id text   NOT NULL DEFAULT '',
	ip         text   NOT NULL DEFAULT '', -- of the client
	user_agent text   NOT NULL DEFAULT '',
	reason     text   NOT NULL DEFAULT '',
	actor      text   NOT NULL DEFAULT '', -- the operator who did it
	details    text   NOT NULL, -- JSON: {"after": "…"}, or null
	expires_at bigint NOT NULL, -- Unix seconds; from then on the row counts as absent
	PRIMARY KEY (user_id, key)
);

CREATE INDEX coatcheck_audit_expires_at ON coatcheck_audit (expires_at);

INSERT INTO coatcheck_audit_schema (version) VALUES (1);
