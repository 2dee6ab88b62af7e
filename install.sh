#!/bin/sh
# Set Hearth up from this folder: makes a virtual environment from a pinned, hashed lock, then runs
# it, or makes it a service of this machine (systemd/machine.sh).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
venv=$here/.venv
locks=$here/tools/locks

usage() {
    cat <<'TEXT'
usage: ./install.sh try [ARGS]    run a whole network on this computer only (see: try --help)
       ./install.sh test [fast]   check the code and run the tests (fast: without browsers and strangers)
       ./install.sh test --system install, upgrade and remove it in Debians of its own (as root)
       ./install.sh test --long   campaigns of many seeds and hours, the last a soak of eight

They need Debian (or alike) with Python 3.11 to 3.14. They write into this folder, and what they
fetch also into ~/.cache; run as root, they install the Debian packages that are missing.

As a service of this machine, by root:

       ./install.sh install       install it, or bring it to what is in this folder
       ./install.sh upgrade       the same, where it is installed; goes back by itself when it fails
       ./install.sh rollback [--with-data]   go back to the release before
       ./install.sh uninstall [--purge]      remove it; the data stays unless you say otherwise
       ./install.sh status        what is installed, and whether it answers
TEXT
}

say() { printf '%s\n' "$*" >&2; }

fail() { # fail WHAT-WAS-SEEN WHAT-TO-DO
    say "hearth: $1"
    say "        $2"
    exit 1
}

# Print the path of a Python for which the packages are made.
find_python() {
    others=
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$name" >/dev/null || continue
        if "$name" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
            2>/dev/null; then
            command -v "$name"
            return
        fi
        others="$others${others:+, }$("$name" -V 2>&1 || true)"
    done
    [ -z "$others" ] || fail "no Python 3.11 to 3.14 was found, only $others" \
        "use Debian 12 or 13, Raspberry Pi OS made of these, or Ubuntu 24.04 or 26.04: theirs is one"
    fail "no Python was found" \
        "on Debian 12 or 13, Ubuntu 24.04 or 26.04: sudo apt install python3 python3-venv"
}

# Fetch Debian packages when we may, else say which are wanted.
need_debian() { # need_debian WHAT-WAS-SEEN PACKAGE...
    seen=$1
    shift
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$seen" "on Debian or Ubuntu: sudo apt install $*    then run this again"
    fi
    say "hearth: installing Debian packages: $*"
    # An unreachable source of something else must not stop us; if it is ours, the next step fails.
    apt-get update -qq >/dev/null || true
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >/dev/null ||
        fail "apt could not install: $* (see above)" "mend that, then run this again"
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "this needs root" "sudo ./install.sh $verb"
}

need_commands() { # need_commands COMMAND=PACKAGE...
    for pair; do
        shift
        command -v "${pair%%=*}" >/dev/null || set -- "$@" "${pair#*=}"
    done
    [ $# = 0 ] || need_debian "the tests need more Debian packages" "$@"
}

# Say whether .venv is whole: finished, of a Python that is still there, and made for this place.
venv_is_whole() {
    [ ! -e "$venv/.unfinished" ] && "$venv/bin/python" -I -c 'import pip' 2>/dev/null &&
        grep -qF -- " $venv" "$venv/pyvenv.cfg"
}

# Leave a mark until the end, so that a run cut off in the middle is not taken for whole.
begin_change() {
    { mkdir -p "$venv" && touch "$venv/.unfinished"; } 2>/dev/null ||
        fail "$venv cannot be written" "clone Hearth into a folder of your own, or become its owner"
}

make_venv() {
    python=$(find_python)
    # Debian keeps venv in a package of its own.
    "$python" -I -c 'import ensurepip, venv' 2>/dev/null ||
        need_debian "$python cannot make virtual environments" "${python##*/}-venv"
    say "hearth: making a virtual environment in .venv (once; a minute or two)"
    # What a link leads to is somebody else's.
    [ ! -L "$venv" ] || rm "$venv"
    begin_change
    find "$venv/" -mindepth 1 ! -name .unfinished -delete
    "$python" -I -m venv "$venv" >&2 ||
        fail "$python could not make a virtual environment (see above)" "mend that, then run this again"
}

# Install exactly what a lock says: these versions, these hashes.
install_locked() { # install_locked LOCK [PIP ARGS]
    lock=$locks/$1.txt
    shift
    # A release archive brings its packages along.
    wheels=${HEARTH_WHEELS:-$here/wheels}
    [ ! -d "$wheels" ] || set -- "$@" --no-index --find-links "$wheels"
    "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes "$@" -r "$lock" >&2
}

install_packages() { # install_packages LOCK
    venv_is_whole || make_venv
    begin_change
    find "$venv/" -maxdepth 1 -name '.ready-*' ! -name ".ready-$id-*" -delete
    install_locked "$1" --only-binary :all: ||
        fail "packages for $("$venv/bin/python" -V) on $(uname -m) could not be installed (see above)" \
            "check the network, then run this again (made for Python 3.11 to 3.14, x86_64, aarch64)"
    # One accelerator comes as source. It has a fallback, so a missing compiler stops nobody.
    if command -v cc >/dev/null; then
        { install_locked build --only-binary :all: && install_locked native --no-build-isolation; } \
            2>"$venv/native.log" ||
            say "hearth: the C accelerator did not build (why: .venv/native.log); going on without it"
    fi
    rm "$venv/.unfinished"
    touch "$venv/.ready-$id-$1"
}

# Bring .venv to what tools/locks/LOCK.txt says; does nothing when it is so already.
need_packages() { # need_packages LOCK
    id=$({ cat "$here/install.sh" "$locks"/*.txt; command -v cc || true; } | sha256sum | cut -c1-16)
    [ -f "$venv/.ready-$id-$1" ] && venv_is_whole && return
    (
        flock -n 9 || { say "hearth: waiting for another install.sh at work here" && flock 9; }
        { [ -f "$venv/.ready-$id-$1" ] && venv_is_whole; } || install_packages "$1"
    ) 9<"$here"
}

start() { # start COMMAND [ARGS]
    verb=${1:-help}
    [ $# -gt 0 ] && shift
    case $verb:${1:-} in
    try:*)
        need_packages base
        PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
        export PYTHONPATH
        exec "$venv/bin/python" -P -m appliance try "$@"
        ;;
    test:--system)
        need_root
        need_commands mmdebstrap=mmdebstrap patchelf=patchelf eu-strip=elfutils \
            qemu-aarch64-static=qemu-user-static qemu-system-x86_64=qemu-system-x86 \
            qemu-system-aarch64=qemu-system-arm mcopy=mtools \
            grub-mkimage=grub-efi-amd64-bin grub-mkimage=grub-pc-bin \
            mkfs.vfat=dosfstools sfdisk=fdisk xz=xz-utils ssh=openssh-client
        [ -e /usr/share/ovmf/OVMF.fd ] || need_debian "the tests need UEFI" ovmf
        need_packages test
        exec sh "$here/tools/test.sh" "$@"
        ;;
    test: | test:fast | test:--long)
        [ "${1:-}" = fast ] || need_commands chromium=chromium npm=npm \
            c++=build-essential c++=python3-dev pg_createcluster=postgresql \
            redis-server=redis-server restic=restic mmdebstrap=mmdebstrap shellcheck=shellcheck \
            minisign=minisign
        need_packages test
        exec sh "$here/tools/test.sh" "$@"
        ;;
    packages:) need_packages base ;;
    install: | image: | upgrade: | rollback: | rollback:--with-data | uninstall: | uninstall:--purge | status:)
        umask 022
        . "$here/systemd/machine.sh"
        need_root
        exec 8>/run/hearth-install.lock
        flock -n 8 || fail "another install.sh is at work on this machine" "wait until it has ended"
        "machine_$verb" "$@"
        ;;
    help:* | -h:* | --help:*) usage ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
}

# On the last line, so that half a file does nothing.
start "$@"
