#!/bin/sh
# Every quality gate, then the tests; ends with the test runner's own summary.
# `fast` leaves out what needs browsers, Node or long faults; `--system` runs what takes machines of
# its own, and nothing else. Run by `install.sh test`, which brings what this needs.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin

step() { printf '\n== %s\n' "$*"; }

if [ "${1:-}" = --system ]; then
    step "tests on machines of their own"
    exec "$bin/python" -m pytest tests/system --durations=0
fi
step "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check .
step "mypy --strict"
"$bin/mypy"
if command -v shellcheck >/dev/null; then
    step "shellcheck"
    shellcheck -x install.sh systemd/*.sh tools/*.sh tests/system/*.sh
fi
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
    tests/interop/go.sh "$program" >/dev/null || without="and not go"
done
[ -z "$without" ] || echo "what is built with Go is left out of the tests"
[ "$(id -u)" = 0 ] || without="$without and not root"
if ! sh tests/system/possible.sh; then
    echo "no machines of their own can be made here (namespaces, overlay, cgroups): installing is left out"
    without="$without and not namespaces"
fi
step "tests"
exec "$bin/python" -m pytest -m "not machines $without"
