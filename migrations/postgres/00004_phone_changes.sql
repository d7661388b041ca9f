-- +goose Up
-- The way of a session to another phone number. Its codes are in phone_codes, under its id.
CREATE TABLE phone_changes (
    session_id BYTEA   NOT NULL PRIMARY KEY,
    id         BYTEA   NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    old_index  BYTEA   NOT NULL, -- of the number that the change began with
    request_id BYTEA   NOT NULL, -- of the login that proves the person; all zero bytes where a code does
    proven_at  BIGINT  NOT NULL, -- by a code
    sent_at    BIGINT  NOT NULL, -- when the code of this step was sent
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    done_at    BIGINT  NOT NULL
);
CREATE INDEX phone_changes_user ON phone_changes (user_id);
CREATE INDEX phone_changes_expiry ON phone_changes (expires_at);

-- +goose Down
DROP TABLE phone_changes;
