-- What the portal adds, once, beside its own tables of sessions, attempts and links: the
-- columns that a sign-in needs, which other programs need not know.
ALTER TABLE users
    ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN frozen_until timestamptz,
    ADD COLUMN closed boolean NOT NULL DEFAULT false,
    ADD COLUMN imported_hash text NOT NULL DEFAULT '',
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN credential_version bigint NOT NULL DEFAULT 1,
    ADD COLUMN revision text NOT NULL DEFAULT '';

-- A program that does not know the revision leaves it as it is. What it writes counts as a
-- change all the same: nothing that the portal read before overwrites it, and a sign-in
-- under way fails if the password, the roles, the tenant or the right to sign in are other
-- ones now.
CREATE FUNCTION users_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := gen_random_uuid();
    IF (NEW.password, NEW.active, NEW.roles, NEW.tenant) IS DISTINCT FROM (OLD.password, OLD.active, OLD.roles, OLD.tenant) THEN
        NEW.version := OLD.version + 1;
    END IF;
    IF NEW.password IS DISTINCT FROM OLD.password OR OLD.active AND NOT NEW.active THEN
        NEW.credential_version := OLD.credential_version + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_changed BEFORE UPDATE ON users FOR EACH ROW
    WHEN (NEW.revision = OLD.revision AND NEW.* IS DISTINCT FROM OLD.*) EXECUTE FUNCTION users_changed();
