#!/bin/sh
# Every quality gate, then the tests; ends with the test runner's own summary.
# `fast` leaves out what needs browsers, Node or long faults. Run by `install.sh test`, which
# brings what this needs.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin

step() { printf '\n== %s\n' "$*"; }

step "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check .
step "mypy --strict"
"$bin/mypy"
step "import contracts"
"$bin/lint-imports" --no-cache
if [ "${1:-}" = fast ]; then
    step "tests (fast)"
    exec "$bin/python" -m pytest -m "not slow"
fi
step "published clients"
tests/interop/setup.sh
tests/interop/reference_network/setup.sh
step "programs of the network, built with Go"
without=
for program in relay tap goat; do
    tests/interop/go.sh "$program" >/dev/null || without="not go"
done
[ -z "$without" ] || echo "what is built with Go is left out of the tests"
step "tests"
exec "$bin/python" -m pytest -m "$without"
