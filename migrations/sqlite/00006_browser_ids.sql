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
-- What was told of a browser that has had another secret since leads to nothing any more.
ALTER TABLE notices RENAME COLUMN browser_id TO browser;
CREATE INDEX notices_browser ON notices (browser);
ALTER TABLE sessions DROP COLUMN browser_id;
ALTER TABLE known_browsers DROP COLUMN browser_id;
