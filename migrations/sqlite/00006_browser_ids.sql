-- +goose Up
-- A browser keeps its id while its secret changes with every login: the hash of the secret that it had after the first one.
-- So what a person was told of a browser need not move with the secret.
ALTER TABLE known_browsers ADD COLUMN browser_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE sessions ADD COLUMN browser_id BLOB NOT NULL DEFAULT x'';
UPDATE known_browsers SET browser_id = browser;
UPDATE sessions SET browser_id = browser;
DROP INDEX notices_browser;
ALTER TABLE notices RENAME COLUMN browser TO browser_id;

-- +goose Down
-- What was told of a browser names its secret again, the one that it has by now.
ALTER TABLE notices RENAME COLUMN browser_id TO browser;
UPDATE notices SET browser = COALESCE(
    (SELECT k.browser FROM known_browsers k WHERE k.browser_id = notices.browser LIMIT 1),
    (SELECT s.browser FROM sessions s WHERE s.browser_id = notices.browser ORDER BY s.ended_at, s.created_at DESC LIMIT 1),
    browser);
CREATE INDEX notices_browser ON notices (browser);
ALTER TABLE sessions DROP COLUMN browser_id;
ALTER TABLE known_browsers DROP COLUMN browser_id;
