-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_oidc_schema (
	version integer PRIMARY KEY
);

-- Times are Unix seconds; 0 is none. COLLATE "C" compares keys byte by byte, whatever the
-- database's locale is.
CREATE TABLE coatcheck_oidc_links (
	id            text COLLATE "C" PRIMARY KEY, -- hash of the issuer and its session ID, or of the issuer and a user there
	session_owner text   NOT NULL DEFAULT '', -- with session_id the key of a session here
	session_id    text   NOT NULL DEFAULT '',
	linked_until  bigint NOT NULL DEFAULT 0, -- when the link expires
	before_owner  text   NOT NULL DEFAULT '', -- the link that this one has replaced, for a call that is repeated
	before_id     text   NOT NULL DEFAULT '',
	before_until  bigint NOT NULL DEFAULT 0,
	ended_at      bigint NOT NULL DEFAULT 0, -- by the clock of the provider
	ended_until   bigint NOT NULL DEFAULT 0, -- until when ended_at is kept
	expires_at    bigint NOT NULL -- when the row may be removed
);

CREATE INDEX coatcheck_oidc_links_expires_at ON coatcheck_oidc_links (expires_at);

INSERT INTO coatcheck_oidc_schema (version) VALUES (1);
