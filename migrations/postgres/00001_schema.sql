-- +goose Up
-- Times are microseconds since 1970 in UTC, 0 for none. An absent ID or hash is all zero bytes. Lists and structures are
-- JSON. There are no foreign keys: the transitions keep the references, and a check of them would lock rows that the hot
-- paths leave alone.

-- One row: the version that tells servers to reload their caches, and the mode that the database is marked with. It is
-- also the lock under which clients and keys change.
CREATE TABLE meta (
    id      SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT   NOT NULL,
    mode    TEXT     NOT NULL
);
INSERT INTO meta (id, version, mode) VALUES (1, 1, '');

CREATE TABLE clients (
    id          TEXT   NOT NULL PRIMARY KEY,
    source      TEXT   NOT NULL,
    secret_hash BYTEA  NOT NULL, -- empty for a public client
    settings    TEXT   NOT NULL, -- storage.Client without its secret's hash
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    alg        TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    active_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE users (
    id                TEXT   COLLATE "C" NOT NULL PRIMARY KEY, -- every request of a token looks it up: bytes, not words
    username          TEXT   NOT NULL UNIQUE,
    name              TEXT   NOT NULL,
    phone_sealed      BYTEA,        -- NULL while no phone is bound
    phone_index       BYTEA UNIQUE, -- I5: a number belongs to at most one user
    phone_verified_at BIGINT NOT NULL,
    group_names       TEXT   NOT NULL,
    locked_at         BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);

CREATE TABLE identities (
    account       TEXT COLLATE "C" NOT NULL,
    openid        TEXT COLLATE "C" NOT NULL,
    unionid       TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL, -- empty until a phone was bound
    followed      SMALLINT NOT NULL,
    followed_at   BIGINT   NOT NULL,
    wrong_numbers TEXT     NOT NULL, -- the times of the latest wrong numbers
    blocked_until BIGINT   NOT NULL,
    created_at    BIGINT   NOT NULL,
    PRIMARY KEY (account, openid)
);
CREATE INDEX identities_user ON identities (user_id);
CREATE INDEX identities_unionid ON identities (unionid);

CREATE TABLE auth_requests (
    id          BYTEA  NOT NULL PRIMARY KEY,
    browser     BYTEA  NOT NULL,
    client_id   TEXT   NOT NULL,
    params      TEXT   NOT NULL,
    session_id  BYTEA  NOT NULL,
    attempt_id  BYTEA  NOT NULL, -- the newest attempt
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL  -- when its code was issued
) WITH (fillfactor = 80);
CREATE INDEX auth_requests_expiry ON auth_requests (expires_at);

CREATE TABLE attempts (
    id                BYTEA    NOT NULL PRIMARY KEY,
    auth_request_id   BYTEA    NOT NULL,
    client_id         TEXT     NOT NULL,
    browser           BYTEA    NOT NULL,
    account           TEXT COLLATE "C" NOT NULL,
    via               TEXT     NOT NULL,
    device            TEXT     NOT NULL,
    created_at        BIGINT   NOT NULL,
    expires_at        BIGINT   NOT NULL,
    state             TEXT     NOT NULL,
    version           BIGINT   NOT NULL,
    openid            TEXT COLLATE "C" NOT NULL, -- empty before the scan
    number            SMALLINT NOT NULL,
    choices           INTEGER  NOT NULL, -- three numbers of two digits, the first one highest
    phone_hash        BYTEA    NOT NULL,
    scanned_at        BIGINT   NOT NULL,
    approved_at       BIGINT   NOT NULL,
    phone_proven      SMALLINT NOT NULL,
    wrong_number      SMALLINT NOT NULL,
    scenes            SMALLINT NOT NULL,
    scene             BYTEA    NOT NULL, -- the newest
    scene_ticket      TEXT     NOT NULL,
    scene_url         TEXT     NOT NULL,
    scene_shown_until BIGINT   NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX attempts_request ON attempts (auth_request_id);
CREATE INDEX attempts_openid ON attempts (account, openid);
CREATE INDEX attempts_expiry ON attempts (expires_at);

CREATE TABLE scenes (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    attempt_id BYTEA  NOT NULL,
    ticket     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX scenes_expiry ON scenes (expires_at);

CREATE TABLE phone_codes (
    attempt_id   BYTEA    NOT NULL PRIMARY KEY,
    phone_sealed BYTEA    NOT NULL,
    phone_index  BYTEA    NOT NULL,
    code         BYTEA    NOT NULL,
    tries        SMALLINT NOT NULL,
    held         SMALLINT NOT NULL, -- the code was right, and somebody else holds the number
    expires_at   BIGINT   NOT NULL
);
CREATE INDEX phone_codes_expiry ON phone_codes (expires_at);

CREATE TABLE web_auths (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    purpose    TEXT   NOT NULL,
    attempt_id BYTEA  NOT NULL,
    scene      BYTEA  NOT NULL,
    browser    BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_auths_expiry ON web_auths (expires_at);

-- The events that were recorded, so that one which the platform delivers again changes nothing.
CREATE TABLE deliveries (
    hash       BYTEA    NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    outcome    SMALLINT NOT NULL,
    attempt_id BYTEA    NOT NULL,
    expires_at BIGINT   NOT NULL,
    PRIMARY KEY (hash, kind)
);
CREATE INDEX deliveries_expiry ON deliveries (expires_at);

CREATE TABLE counters (
    key        BYTEA  NOT NULL PRIMARY KEY,
    used       BIGINT NOT NULL,
    expires_at BIGINT NOT NULL -- the end of the window
);
CREATE INDEX counters_expiry ON counters (expires_at);

CREATE TABLE known_browsers (
    browser    BYTEA  NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (browser, user_id)
);
CREATE INDEX known_browsers_user ON known_browsers (user_id);
CREATE INDEX known_browsers_expiry ON known_browsers (expires_at);

-- A use moves last_seen_at and idle_expires_at, which are in no index.
CREATE TABLE sessions (
    id              BYTEA  NOT NULL PRIMARY KEY,
    hash            BYTEA  NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    account         TEXT COLLATE "C" NOT NULL,
    openid          TEXT COLLATE "C" NOT NULL,
    browser         BYTEA  NOT NULL,
    auth_time       BIGINT NOT NULL,
    facts           TEXT   NOT NULL, -- amr, acr and device
    created_at      BIGINT NOT NULL,
    last_seen_at    BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    ended_at        BIGINT NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_browser ON sessions (browser);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE consents (
    user_id    TEXT COLLATE "C" NOT NULL,
    client_id  TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- One row from the code to the last refresh, so that its lock orders every use and every revocation. No column that
-- a use changes is in an index, so an update stays within its page (HOT); but for the redemption, which gives the row the
-- rest of its life.
CREATE TABLE grants (
    id                 BYTEA    NOT NULL PRIMARY KEY,
    user_id            TEXT     COLLATE "C" NOT NULL,
    client_id          TEXT     COLLATE "C" NOT NULL,
    session_id         BYTEA    NOT NULL,
    account            TEXT     COLLATE "C" NOT NULL, -- of the session: an unfollow ends what was opened through it
    openid             TEXT     COLLATE "C" NOT NULL,
    offline            SMALLINT NOT NULL,
    auth_time          BIGINT   NOT NULL,
    redirect_uri       TEXT     NOT NULL,
    code_challenge     TEXT     NOT NULL,
    scopes             TEXT     NOT NULL, -- with a space between, as amr
    nonce              TEXT     NOT NULL,
    amr                TEXT     NOT NULL,
    acr                TEXT     NOT NULL,
    created_at         BIGINT   NOT NULL,
    expires_at         BIGINT   NOT NULL, -- when the janitor looks at the row: a while after its code, then at its end
    ends_at            BIGINT   NOT NULL, -- the absolute end of refreshing; without a refresh token, a while after the access token
    revoked_at         BIGINT   NOT NULL,
    code_hash          BYTEA    NOT NULL,
    code_expires_at    BIGINT   NOT NULL,
    code_uses          INTEGER  NOT NULL,
    refresh_seed       BYTEA    NOT NULL,
    refresh_generation BIGINT   NOT NULL,
    refresh_params     BYTEA    NOT NULL,
    refresh_rotated_at BIGINT   NOT NULL,
    refresh_repeats    SMALLINT NOT NULL,
    refresh_expires_at BIGINT   NOT NULL,
    access             BYTEA    NOT NULL  -- the live access tokens, newest first
) WITH (fillfactor = 70);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE audit (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    client_id TEXT   NOT NULL,
    account   TEXT COLLATE "C" NOT NULL,
    detail    TEXT   NOT NULL
);
CREATE INDEX audit_user ON audit (user_id, id);

-- +goose Down
DROP TABLE audit;
DROP TABLE grants;
DROP TABLE consents;
DROP TABLE sessions;
DROP TABLE known_browsers;
DROP TABLE counters;
DROP TABLE deliveries;
DROP TABLE web_auths;
DROP TABLE phone_codes;
DROP TABLE scenes;
DROP TABLE attempts;
DROP TABLE auth_requests;
DROP TABLE identities;
DROP TABLE users;
DROP TABLE signing_keys;
DROP TABLE clients;
DROP TABLE meta;
