-- The holder of a claim. NULL: the row is an account.
ALTER TABLE coatcheck_users ADD COLUMN claimed_by TEXT;

INSERT INTO coatcheck_accounts_schema (version) VALUES (3);
