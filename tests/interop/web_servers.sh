#!/bin/sh
# Bring Debian's caddy or nginx beside this file, once, without installing it; print where it is.
set -eu
cd "$(dirname "$0")"
name=$1
folder=$PWD/node_modules/.web-servers
case $name in
caddy) file=$folder/usr/bin/caddy ;;
nginx) file=$folder/usr/sbin/nginx ;;
*) echo "not known: $name" >&2; exit 1 ;;
esac
if [ ! -x "$file" ]; then
    command -v apt-get >/dev/null || { echo "these tests need a Debian, for its $name" >&2; exit 1; }
    aside=$(mktemp -d)
    trap 'rm -rf "$aside"' EXIT
    chmod 755 "$aside"
    (cd "$aside" && apt-get -qq download "$name" >&2 && dpkg -x "$name"_*.deb tree)
    mkdir -p "$folder"
    cp -a "$aside/tree/." "$folder/"
fi
printf '%s\n' "$file"
