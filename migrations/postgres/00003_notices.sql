-- +goose Up
-- What an account's chat says after a login in a new browser and after the approval of a device, once.
CREATE TABLE notices (
    id         BYTEA  NOT NULL PRIMARY KEY,
    account    TEXT COLLATE "C" NOT NULL,
    openid     TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL, -- browser, tv, phone, scan or moved
    target     BYTEA  NOT NULL, -- the session's id, or the grant's
    browser    BYTEA  NOT NULL, -- of a login; all zero bytes for a device
    client_id  TEXT NOT NULL,
    device     TEXT NOT NULL, -- name and place
    phone_sealed BYTEA, -- the number that is somebody else's now, of the kind moved
    claim      BYTEA  NOT NULL, -- of the message that carries it; all zero bytes before
    phone_hash BYTEA  NOT NULL, -- of the secret of the WeChat browser that proved the openid; all zero bytes before
    created_at BIGINT NOT NULL,
    sent_at    BIGINT NOT NULL, -- 0 while no message carries it
    revoked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX notices_person ON notices (account, openid);
CREATE INDEX notices_user ON notices (user_id);
CREATE INDEX notices_browser ON notices (browser);
CREATE INDEX notices_expiry ON notices (expires_at);

-- +goose Down
DROP TABLE notices;
