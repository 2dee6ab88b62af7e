#!/bin/sh
# Every quality gate, then the tests; ends with the test runner's own summary.
# `fast` leaves out what needs browsers, Node or long faults.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
which=${1:-all}

step() { printf '\n== %s\n' "$*"; }

# Fetch Debian packages that are missing, when we may.
need_debian() { # need_debian COMMAND PACKAGE...
    command -v "$1" >/dev/null && return
    shift
    if [ "$(id -u)" != 0 ]; then
        echo "missing: $* (run: sudo apt install $*)" >&2
        exit 1
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

step "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check .
step "mypy --strict"
"$bin/mypy"
step "import contracts"
"$bin/lint-imports" --no-cache
if [ "$which" = fast ]; then
    step "tests (fast)"
    exec "$bin/python" -m pytest -m "not slow"
fi
step "browser, Node and published clients"
need_debian chromium chromium
need_debian npm nodejs npm
need_debian c++ build-essential python3
tests/interop/setup.sh
step "tests"
exec "$bin/python" -m pytest
