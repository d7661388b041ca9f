-- +goose Up
-- Device authorizations (RFC 8628). One that was approved has a grant of the same id, and only the grant tells whether it
-- was redeemed.
CREATE TABLE device_authorizations (
    id                BYTEA  NOT NULL PRIMARY KEY,
    client_id         TEXT   NOT NULL,
    scopes            TEXT   NOT NULL,
    code_hash         BYTEA  NOT NULL,
    user_code         BYTEA  UNIQUE, -- NULL once it has expired and another device was given the same code
    user_code_sealed  BYTEA  NOT NULL,
    name              TEXT   NOT NULL,
    device            TEXT   NOT NULL,
    account           TEXT COLLATE "C" NOT NULL,
    picture           BYTEA  NOT NULL,
    scene             BYTEA  NOT NULL, -- all zero bytes before the picture was fetched
    scene_ticket      TEXT   NOT NULL,
    scene_url         TEXT   NOT NULL,
    scene_shown_until BIGINT NOT NULL,
    state             TEXT   NOT NULL, -- pending, approved or declined
    user_id           TEXT COLLATE "C" NOT NULL, -- who approved
    declined_at       BIGINT NOT NULL, -- somebody has declined, and the device was perhaps not told of it
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    grant_expires_at  BIGINT NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX device_authorizations_expiry ON device_authorizations (expires_at);

-- NULL where no device is to be approved, so that logins pay nothing for the index.
ALTER TABLE attempts ADD COLUMN device_id BYTEA;
CREATE INDEX attempts_device ON attempts (device_id) WHERE device_id IS NOT NULL;
ALTER TABLE scenes ADD COLUMN device_id BYTEA;
ALTER TABLE web_auths ADD COLUMN device_id BYTEA;

-- 1 where the grant is redeemed by a device code, 0 where by a code: neither is ever taken for the other.
ALTER TABLE grants ADD COLUMN for_device SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- empty where it is for none

-- A login renews the browser's secret, and moves all of its requests.
CREATE INDEX auth_requests_browser ON auth_requests (browser);

-- +goose Down
DROP INDEX auth_requests_browser;
ALTER TABLE grants DROP COLUMN device;
ALTER TABLE grants DROP COLUMN for_device;
ALTER TABLE web_auths DROP COLUMN device_id;
ALTER TABLE scenes DROP COLUMN device_id;
DROP INDEX attempts_device;
ALTER TABLE attempts DROP COLUMN device_id;
DROP TABLE device_authorizations;
