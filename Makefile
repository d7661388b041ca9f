# make test   everything: unit, contract, race, PostgreSQL + Redis, browsers; installs what it needs where it may
# make lint   gofmt, vet, staticcheck, golangci-lint
# make bench  prints the table of figures
# make fuzz   each fuzz target for a minute

GO ?= go
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 60s

# SQLite is C turned into Go: with the race detector it would check every access to memory that is its own, and take six
# times as long. Its driver, modernc.org/sqlite, is checked as everything else is: there our memory is read and written.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false
# Whatever is not built for the race detector is built as the released program is, with CGO_ENABLED=0 and -trimpath, so
# that a machine with empty caches compiles everything twice and not four times.

.PHONY: build test test-go test-browser lint bench fuzz generate deps compile

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/qiao ./cmd/qiao

deps:
	./scripts/deps.sh

test:
	$(MAKE) -j2 deps compile # what is downloaded, beside what is compiled
	$(MAKE) test-go test-browser

compile: build
	$(GO) build $(RACE) ./...

test-go:
	$(GO) test $(RACE) -vet=all -timeout 15m ./...
	CGO_ENABLED=0 $(GO) test -trimpath -vet=off -timeout 15m ./storage/sqlite ./storage/postgres # the races again, without the detector: four times the rounds

test-browser: build
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/gallery ./ui/gallery
	cd e2e && npm ci --no-audit --no-fund --loglevel=error && node --test --test-concurrency=2 --test-reporter=spec

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt -w these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(GOLANGCI) run ./...

bench: deps build
	./scripts/bench.sh

fuzz:
	FUZZTIME=$(FUZZTIME) ./scripts/fuzz.sh

generate:
	$(GO) generate ./...
