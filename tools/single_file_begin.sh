#!/bin/sh
# Hearth with a Python of its own, which lies behind these lines. It is unpacked once for each
# version into the user's cache ($HEARTH_RUNTIME or ~/.cache/hearth), and run from there.
set -eu
id=@ID@ from=@FROM@
cache=${HEARTH_RUNTIME:-${XDG_CACHE_HOME:-${HOME:-/var/cache}/.cache}/hearth}
place=$cache/$id

fail() {
    printf 'hearth: %s\n        %s\n' "$1" "set HEARTH_RUNTIME to a folder of your own on a disk" >&2
    exit 1
}

# A version that runs is locked by its process, and one being unpacked, too: the others go.
unpack() {
    (umask 077 && mkdir -p "$cache") || fail "$cache cannot be made"
    [ -O "$cache" ] || fail "$cache belongs to somebody else"
    part=$(mktemp -d "$cache/part.XXXXXX") || fail "$cache cannot be written"
    exec 9<"$part"
    flock -s 9
    if ! tail -c "+$((1${from} - 1000000))" "$0" | tar -xzf - -C "$part" || ! sync -f "$part"; then
        rm -rf "$part"
        fail "there is no room in $cache, or this file is not whole"
    fi
    mv -T "$part" "$place" 2>/dev/null || rm -rf "$part"
    # shellcheck disable=SC2094
    for other in "$cache"/*; do
        [ "$other" = "$place" ] || (flock -xn 8 && rm -rf "$other") 8<"$other" || true
    done
}

[ -d "$place" ] || unpack
[ -O "$place" ] || fail "$place belongs to somebody else"
exec 9<"$place"
flock -s 9
# A machine without certificates of the authorities takes those that came along.
[ -n "${SSL_CERT_FILE-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] ||
    export SSL_CERT_FILE="$place/lib/authorities.pem"
unset PYTHONHOME PYTHONPATH
exec "$place/bin/python3.11" -P -s -m appliance "$@"
