-- What the company has had for years: the people who may sign in for its customers, and
-- what these owe. Everybody's password is "seven quiet umbrellas".
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    full_name text NOT NULL,
    password text NOT NULL, -- a hash of bcrypt
    tenant text NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    active boolean NOT NULL DEFAULT true
);
INSERT INTO users (email, full_name, password, tenant, roles, active) VALUES
    ('ada@example.com', 'Ada Marsh', '$2a$10$qLayQGhs07dDXWkz3Nt5IeMRnIFNGUJIOvigF2nWHBBh80jYR/uxm', 'Quayside Bakery', '{accounting}', true),
    ('bruno@example.com', 'Bruno Keller', '$2a$10$Ky.hxmdzfEldGtFUMMvZeOA1o4odW28aivyu.u./BjTZ3ILd04gea', 'Lantern Books', '{}', true),
    ('carla@example.com', 'Carla Voss', '$2a$10$LSJfKwZgSFLDpgk.uBR/K.mZPAgCvrvV4H9ICJOvD6YYYr/5rHjO6', 'Lantern Books', '{}', false);

CREATE TABLE invoices (
    number text PRIMARY KEY,
    tenant text NOT NULL,
    due date NOT NULL,
    cents bigint NOT NULL
);
INSERT INTO invoices VALUES
    ('2026-0117', 'Quayside Bakery', '2026-11-30', 128400), ('2026-0142', 'Quayside Bakery', '2026-12-31', 9950), ('2026-0125', 'Lantern Books', '2026-12-04', 40200);
