#!/usr/bin/env bash
# Prints the table of figures. Everything runs on loopback and stops by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go test -tags bench -count=1 -timeout 30m -run TestTable -v ./bench
