#!/usr/bin/env bash
# Makes sure that what the tests start by themselves is installed: PostgreSQL, Redis, Chromium, Node.js, fonts, zbar.
# Installs Debian's packages where it may; otherwise says which are missing.
set -euo pipefail

missing=()
need() { # command package
	command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing+=(postgresql)
need redis-server redis-server
need chromium chromium
need node nodejs
need npm npm
need zbarimg zbar-tools
fonts=$(fc-list 2>/dev/null || true) # not piped into grep -q, which hangs up on it
grep -qi "noto.*cjk" <<<"$fonts" || missing+=(fonts-noto-cjk fontconfig)

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# No server of these packages is to start: the tests start their own.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	exit 0
fi
echo "These Debian packages are missing, and this user may not install them: ${missing[*]}" >&2
echo "Run: sudo apt-get install ${missing[*]}" >&2
exit 1
