-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_bridge_schema (
	version INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE coatcheck_bridge_links (
	id            TEXT    NOT NULL PRIMARY KEY, -- hash of the source and the identity of a session of the monolith
	nonce         TEXT    NOT NULL, -- random, of the write that made the row what it is
	source        TEXT    NOT NULL,
	session_owner TEXT    NOT NULL, -- with session_id the key of a session; both are empty if there is none
	session_id    TEXT    NOT NULL,
	written_at    INTEGER NOT NULL, -- Unix milliseconds
	ended         INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE coatcheck_bridge_seals (
	owner      TEXT    NOT NULL PRIMARY KEY,
	written_at INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;

CREATE TABLE coatcheck_bridge_window (
	one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), -- there is one row at most
	ends_at INTEGER NOT NULL, -- Unix seconds
	closed  INTEGER NOT NULL CHECK (closed IN (0, 1))
) STRICT;

INSERT INTO coatcheck_bridge_schema (version) VALUES (1);
