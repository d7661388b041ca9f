-- +goose Up
-- Times are microseconds since 1970 in UTC, 0 for none. An absent ID or hash is all zero bytes. Lists and structures are
-- JSON. There are no foreign keys: the transitions keep the references, and a check of them would lock rows that the hot
-- paths leave alone.

-- One row: the version that tells servers to reload their caches, and the mode that the database is marked with. It is
-- also the lock under which clients and keys change.
CREATE TABLE meta (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    mode    TEXT    NOT NULL
) STRICT;
INSERT INTO meta (id, version, mode) VALUES (1, 1, '');

CREATE TABLE clients (
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL, -- empty for a public client
    settings    TEXT    NOT NULL, -- storage.Client without its secret's hash
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    alg        TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    active_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id                TEXT    NOT NULL PRIMARY KEY,
    username          TEXT    NOT NULL UNIQUE,
    name              TEXT    NOT NULL,
    phone_sealed      BLOB,        -- NULL while no phone is bound
    phone_index       BLOB    UNIQUE, -- I5: a number belongs to at most one user
    phone_verified_at INTEGER NOT NULL,
    group_names       TEXT    NOT NULL,
    locked_at         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE identities (
    account       TEXT    NOT NULL,
    openid        TEXT    NOT NULL,
    unionid       TEXT    NOT NULL,
    user_id       TEXT    NOT NULL, -- empty until a phone was bound
    followed      INTEGER NOT NULL,
    followed_at   INTEGER NOT NULL,
    wrong_numbers TEXT    NOT NULL, -- the times of the latest wrong numbers
    blocked_until INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (account, openid)
) STRICT;
CREATE INDEX identities_user ON identities (user_id);
CREATE INDEX identities_unionid ON identities (unionid);

CREATE TABLE auth_requests (
    id          BLOB    NOT NULL PRIMARY KEY,
    browser     BLOB    NOT NULL,
    client_id   TEXT    NOT NULL,
    params      TEXT    NOT NULL,
    session_id  BLOB    NOT NULL,
    attempt_id  BLOB    NOT NULL, -- the newest attempt
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL  -- when its code was issued
) STRICT;
CREATE INDEX auth_requests_expiry ON auth_requests (expires_at);

CREATE TABLE attempts (
    id                BLOB    NOT NULL PRIMARY KEY,
    auth_request_id   BLOB    NOT NULL,
    client_id         TEXT    NOT NULL,
    browser           BLOB    NOT NULL,
    account           TEXT    NOT NULL,
    via               TEXT    NOT NULL,
    device            TEXT    NOT NULL,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    state             TEXT    NOT NULL,
    version           INTEGER NOT NULL,
    openid            TEXT    NOT NULL, -- empty before the scan
    number            INTEGER NOT NULL,
    choices           INTEGER NOT NULL, -- three numbers of two digits, the first one highest
    phone_hash        BLOB    NOT NULL,
    scanned_at        INTEGER NOT NULL,
    approved_at       INTEGER NOT NULL,
    phone_proven      INTEGER NOT NULL,
    wrong_number      INTEGER NOT NULL,
    scenes            INTEGER NOT NULL,
    scene             BLOB    NOT NULL, -- the newest
    scene_ticket      TEXT    NOT NULL,
    scene_url         TEXT    NOT NULL,
    scene_shown_until INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_request ON attempts (auth_request_id);
CREATE INDEX attempts_openid ON attempts (account, openid);
CREATE INDEX attempts_expiry ON attempts (expires_at);

CREATE TABLE scenes (
    hash       BLOB    NOT NULL PRIMARY KEY,
    attempt_id BLOB    NOT NULL,
    ticket     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scenes_expiry ON scenes (expires_at);

CREATE TABLE phone_codes (
    attempt_id   BLOB    NOT NULL PRIMARY KEY,
    phone_sealed BLOB    NOT NULL,
    phone_index  BLOB    NOT NULL,
    code         BLOB    NOT NULL,
    tries        INTEGER NOT NULL,
    held         INTEGER NOT NULL, -- the code was right, and somebody else holds the number
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX phone_codes_expiry ON phone_codes (expires_at);

CREATE TABLE web_auths (
    hash       BLOB    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL,
    attempt_id BLOB    NOT NULL,
    scene      BLOB    NOT NULL,
    browser    BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX web_auths_expiry ON web_auths (expires_at);

-- The events that were recorded, so that one which the platform delivers again changes nothing.
CREATE TABLE deliveries (
    hash       BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    outcome    INTEGER NOT NULL,
    attempt_id BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (hash, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_expiry ON deliveries (expires_at);

CREATE TABLE counters (
    key        BLOB    NOT NULL PRIMARY KEY,
    used       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL -- the end of the window
) STRICT, WITHOUT ROWID;
CREATE INDEX counters_expiry ON counters (expires_at);

CREATE TABLE known_browsers (
    browser    BLOB    NOT NULL,
    user_id    TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (browser, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_browsers_user ON known_browsers (user_id);
CREATE INDEX known_browsers_expiry ON known_browsers (expires_at);

-- A use moves last_seen_at and idle_expires_at, which are in no index.
CREATE TABLE sessions (
    id              BLOB    NOT NULL PRIMARY KEY,
    hash            BLOB    NOT NULL,
    user_id         TEXT    NOT NULL,
    account         TEXT    NOT NULL,
    openid          TEXT    NOT NULL,
    browser         BLOB    NOT NULL,
    auth_time       INTEGER NOT NULL,
    facts           TEXT    NOT NULL, -- amr, acr and device
    created_at      INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ended_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_browser ON sessions (browser);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE consents (
    user_id    TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_client ON consents (client_id);

-- One row from the code to the last refresh, so that its lock orders every use and every revocation. No column that
-- a use changes is in an index, but for the redemption, which gives the row the rest of its life.
CREATE TABLE grants (
    id                 BLOB    NOT NULL PRIMARY KEY,
    user_id            TEXT    NOT NULL,
    client_id          TEXT    NOT NULL,
    session_id         BLOB    NOT NULL,
    account            TEXT    NOT NULL, -- of the session: an unfollow ends what was opened through it
    openid             TEXT    NOT NULL,
    offline            INTEGER NOT NULL,
    auth_time          INTEGER NOT NULL,
    redirect_uri       TEXT    NOT NULL,
    code_challenge     TEXT    NOT NULL,
    scopes             TEXT    NOT NULL, -- with a space between, as amr
    nonce              TEXT    NOT NULL,
    amr                TEXT    NOT NULL,
    acr                TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL, -- when the janitor looks at the row: a while after its code, then at its end
    ends_at            INTEGER NOT NULL, -- the absolute end of refreshing; without a refresh token, a while after the access token
    revoked_at         INTEGER NOT NULL,
    code_hash          BLOB    NOT NULL,
    code_expires_at    INTEGER NOT NULL,
    code_uses          INTEGER NOT NULL,
    refresh_seed       BLOB    NOT NULL,
    refresh_generation INTEGER NOT NULL,
    refresh_params     BLOB    NOT NULL,
    refresh_rotated_at INTEGER NOT NULL,
    refresh_repeats    INTEGER NOT NULL,
    refresh_expires_at INTEGER NOT NULL,
    access             BLOB    NOT NULL  -- the live access tokens, newest first
) STRICT;
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE audit (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    detail    TEXT    NOT NULL
) STRICT;
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
