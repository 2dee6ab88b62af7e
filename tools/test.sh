#!/bin/sh
# Every quality gate, then the tests; ends with the test runner's own summary.
# `fast` leaves out what needs browsers, Node or long faults; `--system` runs what takes machines of
# its own, `--long` the campaigns of many hours and a soak, and nothing else of either. Run by
# `install.sh test`, which brings what this needs.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
# Some environments ask Python to keep nothing of what it compiled: then each of the many networks
# that the tests start would compile all of Hearth, and each process of tests all tests.
unset PYTHONDONTWRITEBYTECODE

# As many processes of tests as there are cores, four at most: the gains end where the disk does.
# Which file is begun first says tests/support/order.py, what is tried again second_try.py there.
cores=$(nproc)
at_once="-n $((cores < 4 ? cores : 4)) --dist loadfile --no-loadscope-reorder --second-try"

step() { printf '\n== %s\n' "$*"; }

if [ "${1:-}" = --system ]; then
    step "tests on machines of their own"
    exec "$bin/python" -m pytest tests/system --durations=0 --log-cli-level=INFO
fi
if [ "${1:-}" = --long ]; then
    step "campaigns: many seeds, many hours; goes on where it was ended (--anew: from nothing)"
    shift
    failed=0
    "$bin/python" -m pytest tests -m long --durations=0 "$@" || failed=$?
    step "a soak of eight hours"
    "$bin/python" -m bench.soak || failed=$?
    exit "$failed"
fi
step "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check .
step "mypy --strict"
"$bin/mypy"
if command -v shellcheck >/dev/null; then
    step "shellcheck"
    shellcheck -x install.sh systemd/*.sh tools/*.sh tests/system/*.sh \
        image-build/*.sh image-build/root/usr/lib/hearth/*.sh
fi
step "import contracts"
"$bin/lint-imports" --no-cache
if [ "${1:-}" = fast ]; then
    step "tests (fast)"
    # shellcheck disable=SC2086
    exec "$bin/python" -m pytest $at_once -m "not slow and not long and not machines"
fi
logs=$(mktemp -d)

clients() {
    tests/interop/setup.sh
    tests/interop/reference_network/setup.sh
}

programs() {
    for program in relay tap goat pebble pebble-challtestsrv; do
        tests/interop/go.sh "$program" >/dev/null || lacks "go"
    done
    for server in caddy nginx; do
        tests/interop/web_servers.sh "$server" >/dev/null || lacks "web_servers"
    done
}

debians() {
    if sh tests/system/possible.sh; then
        "$bin/python" -c '
from tests.system.debians import root_file_system, wheels
root_file_system("trixie"), root_file_system("bookworm"), wheels()' || lacks "namespaces"
    else
        echo "no machines of their own can be made here (namespaces, overlay, cgroups)"
        lacks "namespaces"
    fi
}

lacks() { # lacks MARK: leave out the tests that have it
    echo "tests are left out: $1"
    printf ' and not %s' "$1" >>"$logs/without"
}

finished() { # finished PID NAME: wait for it, and show what it said
    step "$2"
    ended=0
    wait "$1" || ended=$?
    cat "$logs/$2"
    [ "$ended" = 0 ] || exit "$ended"
}

step "what the tests need: clients, programs built with Go, Debians; all at once, some minutes"
jobs=
trap '[ -z "$jobs" ] || kill $jobs 2>/dev/null; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
for job in clients programs debians; do
    "$job" >"$logs/$job" 2>&1 &
    jobs="$jobs $!"
done
# shellcheck disable=SC2086
set -- $jobs
for job in clients programs debians; do
    finished "$1" "$job"
    shift
done
without=$(cat "$logs/without" 2>/dev/null || true)
[ "$(id -u)" = 0 ] || without="$without and not root"
rm -rf "$logs"
trap - EXIT INT TERM
step "tests"
# shellcheck disable=SC2086
exec "$bin/python" -m pytest $at_once --durations=15 -m "not machines and not long$without"
