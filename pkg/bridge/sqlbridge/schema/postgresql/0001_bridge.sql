-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_bridge_schema (
	version integer PRIMARY KEY
);

-- COLLATE "C" compares keys byte by byte, whatever the database's locale is.
CREATE TABLE coatcheck_bridge_links (
	id            text COLLATE "C" PRIMARY KEY, -- hash of the source and the identity of a session of the monolith
	nonce         text    NOT NULL, -- random, of the write that made the row what it is
	source        text    NOT NULL,
	session_owner text    NOT NULL, -- with session_id the key of a session; both are empty if there is none
	session_id    text    NOT NULL,
	written_at    bigint  NOT NULL, -- Unix milliseconds
	ended         boolean NOT NULL
);

CREATE TABLE coatcheck_bridge_seals (
	owner      text COLLATE "C" PRIMARY KEY,
	written_at bigint NOT NULL -- Unix milliseconds
);

CREATE TABLE coatcheck_bridge_window (
	one     integer PRIMARY KEY CHECK (one = 1), -- there is one row at most
	ends_at bigint  NOT NULL, -- Unix seconds
	closed  boolean NOT NULL
);

INSERT INTO coatcheck_bridge_schema (version) VALUES (1);
