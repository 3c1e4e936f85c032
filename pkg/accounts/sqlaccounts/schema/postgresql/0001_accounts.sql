-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_accounts_schema (
	version integer PRIMARY KEY
);

-- Programs before the versions made these two tables. They stay as they are.
CREATE TABLE IF NOT EXISTS coatcheck_users (
	name          text    PRIMARY KEY,
	username      text    NOT NULL,
	user_id       text    NOT NULL,
	display_name  text    NOT NULL,
	roles         text    NOT NULL, -- JSON: ["admin"]
	preferences   text    NOT NULL, -- JSON: {"theme": "dark"}
	password_hash text    NOT NULL,
	disabled      boolean NOT NULL,
	frozen_until  bigint  NOT NULL, -- Unix seconds; 0: not frozen
	version       bigint  NOT NULL,
	revision      text    NOT NULL
);

CREATE TABLE IF NOT EXISTS coatcheck_attempts (
	key        text   PRIMARY KEY,
	failures   bigint NOT NULL,
	last_at    bigint NOT NULL, -- Unix milliseconds
	expires_at bigint NOT NULL  -- Unix seconds; 0: kept until it is cleared
);

CREATE INDEX IF NOT EXISTS coatcheck_attempts_expires_at ON coatcheck_attempts (expires_at);

INSERT INTO coatcheck_accounts_schema (version) VALUES (1);
