-- Where the account comes from: '' if it was made here, 'import' or 'sign-in'.
ALTER TABLE coatcheck_users ADD COLUMN origin text NOT NULL DEFAULT '';

-- The hash of the password as it was imported; '': there is none.
ALTER TABLE coatcheck_users ADD COLUMN imported_hash text NOT NULL DEFAULT '';

-- Whether the password was changed here, or the account disabled.
ALTER TABLE coatcheck_users ADD COLUMN closed boolean NOT NULL DEFAULT FALSE;

INSERT INTO coatcheck_accounts_schema (version) VALUES (4);
