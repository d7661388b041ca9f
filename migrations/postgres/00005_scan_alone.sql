-- +goose Up
-- What a login by the scan alone rests on: the latest login of this person in this browser that a number confirmed. With
-- confirmed_at 0 there is none that counts, whatever the other columns say.
ALTER TABLE known_browsers ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE known_browsers ADD COLUMN network BYTEA NOT NULL DEFAULT ''; -- a keyed hash of the /24 or /48
ALTER TABLE known_browsers ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE known_browsers ADD COLUMN openid TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE known_browsers ADD COLUMN scopes TEXT NOT NULL DEFAULT '{}'; -- what was confirmed, by client

ALTER TABLE attempts ADD COLUMN network BYTEA NOT NULL DEFAULT ''; -- of the browser that began it
ALTER TABLE attempts ADD COLUMN alone SMALLINT NOT NULL DEFAULT 0; -- 1 where the scan was all

-- +goose Down
-- An older program would take a login by the scan alone for a confirmed one.
UPDATE attempts SET state = 'expired', version = version + 1 WHERE alone = 1 AND state = 'confirmed';
DELETE FROM notices WHERE kind = 'scan';
ALTER TABLE attempts DROP COLUMN alone;
ALTER TABLE attempts DROP COLUMN network;
ALTER TABLE known_browsers DROP COLUMN scopes;
ALTER TABLE known_browsers DROP COLUMN openid;
ALTER TABLE known_browsers DROP COLUMN account;
ALTER TABLE known_browsers DROP COLUMN network;
ALTER TABLE known_browsers DROP COLUMN confirmed_at;
