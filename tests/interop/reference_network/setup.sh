#!/bin/sh
# Install the reference AppView and its network beside this file. It runs on the Node that
# ../setup.sh brings, and on Debian's postgresql and redis-server.
set -eu
cd "$(dirname "$0")"
stamp=$(sha256sum package-lock.json setup.sh | sha256sum | cut -c1-16)
[ -f "node_modules/.ready-$stamp" ] && exit 0
../setup.sh
echo "installing the reference AppView (npm and a compiler, about three minutes)" >&2
npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
runtime=$(dirname "$(dirname "$(readlink -f ../node_modules/.bin/node22)")")
here=$PWD
(cd node_modules/better-sqlite3 &&
    PATH="$runtime/bin:$PATH" npm_config_nodedir="$runtime" \
        node "$here/../node_modules/node-gyp/bin/node-gyp.js" rebuild --release \
        --nodedir="$runtime" >../.gyp.log 2>&1) || {
    tail -n 20 node_modules/.gyp.log >&2
    echo "better-sqlite3 could not be compiled (see above)" >&2
    exit 1
}
"$runtime/bin/node" -e "new (require('better-sqlite3'))(':memory:')"
: >"node_modules/.ready-$stamp"
