#!/bin/sh
# Install a program of the network (relay, tap, goat), storage that speaks S3 (versitygw), or an
# authority that speaks ACME (pebble, pebble-challtestsrv), or a web server that no Debian has
# (traefik), beside this file, once; print where it is.
# The first time takes minutes. HEARTH_GO_BIN may name a folder that has them already.
set -eu
cd "$(dirname "$0")"
name=$1
version=v0.0.0-20260605210604-af2fec94f34c
folder=${HEARTH_GO_BIN:-$PWD/node_modules/.go-$version}
if [ ! -x "$folder/$name" ]; then
    command -v go >/dev/null || { echo "these tests need Go, or HEARTH_GO_BIN" >&2; exit 1; }
    package=github.com/bluesky-social/indigo/cmd/$name@$version
    case $name in
    # The last version that had goat; it moved to a module of its own.
    goat) package=${package%@*}@v0.0.0-20251003000214-3259b215110e ;;
    pebble*) package=github.com/letsencrypt/pebble/v2/cmd/$name@v2.10.1 ;;
    versitygw) package=github.com/versity/versitygw/cmd/versitygw@v1.8.0 ;;
    esac
    if [ "$name" = traefik ]; then
        # Its modules replace others, which only counts in a module of our own.
        its=github.com/traefik/traefik/v3
        its_version=v3.6.12
        file=$(cd / && go mod download -json "$its@$its_version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
        aside=$(mktemp -d)
        trap 'rm -rf "$aside"' EXIT
        sed -e 's/^module .*/module example.org\/traefik/' -e "0,/^require (/s,,&\n\t$its $its_version," \
            "$file" >"$aside/go.mod"
        (cd "$aside" && GOFLAGS=-mod=mod go build -ldflags='-s -w' -o "$folder/traefik" "$its/cmd/traefik" >&2)
    else
        (cd / && GOBIN=$folder go install "$package" >&2)
    fi
fi
printf '%s\n' "$folder/$name"
