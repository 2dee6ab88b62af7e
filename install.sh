#!/bin/sh
# Set Hearth up from this checkout: makes a virtual environment from a pinned, hashed lock, then runs.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$here/.venv
locks=$here/tools/locks

usage() {
    cat <<'TEXT'
usage: ./install.sh try [ARGS]    run a whole network on this computer only (see: try --help)
       ./install.sh test [fast]   check the code and run the tests (fast: without browsers and strangers)

Both need Debian (or alike) with Python 3.11 or newer. They write into this folder only, except
that, run as root, they install the Debian packages that are missing.
TEXT
}

say() { printf '%s\n' "$*" >&2; }

fail() { # fail WHAT-WAS-SEEN WHAT-TO-DO
    say "hearth: $1"
    say "        $2"
    exit 1
}

# Print the path of a Python that is new enough.
find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11 or newer was found" "on Debian or Ubuntu: apt install python3 python3-venv"
}

# Debian keeps venv in a package of its own: fetch it when we may, else say so.
need_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "hearth: installing the Debian package python3-venv"
        apt-get update -qq >&2 && apt-get install -y -qq python3-venv >&2 && return
    fi
    fail "this Python cannot make virtual environments" "run: sudo apt install python3-venv"
}

# Install exactly what a lock says: these versions, these hashes.
install_locked() { # install_locked LOCK [PIP ARGS]
    lock=$1
    shift
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes "$@" -r "$lock" >&2
}

# Bring .venv to what LOCK says; does nothing when it is so already.
need_packages() { # need_packages LOCK
    stamp=$venv/.ready-$(cat "$1" "$locks/native.txt" "$0" | sha256sum | cut -c1-16)
    [ -f "$stamp" ] && return
    if [ ! -x "$venv/bin/python" ]; then
        python=$(find_python)
        need_venv "$python"
        say "hearth: making a virtual environment in .venv (once; a minute or two)"
        "$python" -m venv "$venv"
    fi
    install_locked "$1" --only-binary :all: ||
        fail "packages could not be installed (see above)" "check the network, then run this again"
    # One accelerator comes as source. It has a fallback, so a missing compiler stops nobody.
    if command -v cc >/dev/null; then
        install_locked "$locks/native.txt" --no-build-isolation 2>/dev/null ||
            say "hearth: the C accelerator did not build; going on with the plain Python codec"
    fi
    : >"$stamp"
}

command=${1:-help}
[ $# -gt 0 ] && shift
case $command in
try)
    need_packages "$locks/base.txt"
    PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
    export PYTHONPATH
    exec "$venv/bin/python" -m appliance try "$@"
    ;;
test)
    need_packages "$locks/test.txt"
    exec sh "$here/tools/test.sh" "$@"
    ;;
help | -h | --help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
