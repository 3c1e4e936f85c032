-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_accounts_schema (
	version INTEGER PRIMARY KEY
) STRICT;

-- Programs before the versions made these two tables. They stay as they are.
CREATE TABLE IF NOT EXISTS coatcheck_users (
	name          TEXT    PRIMARY KEY,
	username      TEXT    NOT NULL,
	user_id       TEXT    NOT NULL,
	display_name  TEXT    NOT NULL,
	roles         TEXT    NOT NULL, -- JSON: ["admin"]
	preferences   TEXT    NOT NULL, -- JSON: {"theme": "dark"}
	password_hash TEXT    NOT NULL,
	disabled      BOOLEAN NOT NULL,
	frozen_until  BIGINT  NOT NULL, -- Unix seconds; 0: not frozen
	version       BIGINT  NOT NULL,
	revision      TEXT    NOT NULL
);

CREATE TABLE IF NOT EXISTS coatcheck_attempts (
	key        TEXT   PRIMARY KEY,
	failures   BIGINT NOT NULL,
	last_at    BIGINT NOT NULL, -- Unix milliseconds
	expires_at BIGINT NOT NULL  -- Unix seconds; 0: kept until it is cleared
);

CREATE INDEX IF NOT EXISTS coatcheck_attempts_expires_at ON coatcheck_attempts (expires_at);

INSERT INTO coatcheck_accounts_schema (version) VALUES (1);
