# make test   everything: unit, contract, race, PostgreSQL + Redis, browsers; installs what it needs where it may
# make lint   gofmt, vet, staticcheck, golangci-lint
# make bench  prints the table of figures
# make fuzz   each fuzz target for a minute

GO ?= go
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 60s

.PHONY: build test test-go test-browser lint bench fuzz generate deps

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/qiao ./cmd/qiao

deps:
	./scripts/deps.sh

test: deps test-go test-browser

test-go:
	$(GO) vet ./...
	$(GO) test -race -short -timeout 15m ./...
	$(GO) test -timeout 15m ./storage/sqlite ./storage/postgres # the races again, without the detector: six times the rounds

test-browser: build
	$(GO) build -o bin/gallery ./ui/gallery
	cd e2e && npm ci --no-audit --no-fund --loglevel=error && node --test --test-concurrency=1 --test-reporter=spec

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
