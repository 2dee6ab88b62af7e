#!/bin/sh
# Build a program of the network (relay, tap, goat, jetstream) beside this file, once; print where
# it is. The first time takes minutes. HEARTH_GO_BIN may name a folder that has them already.
set -eu
cd "$(dirname "$0")"
name=$1
indigo=v0.0.0-20260605210604-af2fec94f34c
# The last version that had goat; it moved to a module of its own.
with_goat=v0.0.0-20251003000214-3259b215110e
# The first dialect of Jetstream, from before it was written anew.
first_jetstream=v0.0.0-20250414024304-d17bd81a945e
folder=${HEARTH_GO_BIN:-$PWD/node_modules/.go-$indigo}
if [ ! -x "$folder/$name" ]; then
    command -v go >/dev/null || { echo "these tests need Go, or HEARTH_GO_BIN" >&2; exit 1; }
    case $name in
    jetstream) module=jetstream version=$first_jetstream ;;
    goat) module=indigo version=$with_goat ;;
    *) module=indigo version=$indigo ;;
    esac
    module=github.com/bluesky-social/$module
    (cd / && go mod download "$module@$version" >&2)
    # Built where it lies, `go install` would ask for every version there ever was.
    (cd "$(go env GOMODCACHE)/$module@$version" && go build -buildvcs=false -o "$folder/$name" "./cmd/$name" >&2)
fi
printf '%s\n' "$folder/$name"
