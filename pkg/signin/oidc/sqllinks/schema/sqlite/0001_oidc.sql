-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_oidc_schema (
	version INTEGER PRIMARY KEY
) STRICT;

-- Times are Unix seconds; 0 is none.
CREATE TABLE coatcheck_oidc_links (
	id            TEXT    NOT NULL PRIMARY KEY, -- hash of the issuer and its session ID, or of the issuer and a user there
	session_owner TEXT    NOT NULL DEFAULT '', -- with session_id the key of a session here
	session_id    TEXT    NOT NULL DEFAULT '',
	linked_until  INTEGER NOT NULL DEFAULT 0, -- when the link expires
	before_owner  TEXT    NOT NULL DEFAULT '', -- the link that this one has replaced, for a call that is repeated
	before_id     TEXT    NOT NULL DEFAULT '',
	before_until  INTEGER NOT NULL DEFAULT 0,
	ended_at      INTEGER NOT NULL DEFAULT 0, -- by the clock of the provider
	ended_until   INTEGER NOT NULL DEFAULT 0, -- until when ended_at is kept
	expires_at    INTEGER NOT NULL -- when the row may be removed
) STRICT, WITHOUT ROWID;

CREATE INDEX coatcheck_oidc_links_expires_at ON coatcheck_oidc_links (expires_at);

INSERT INTO coatcheck_oidc_schema (version) VALUES (1);
