#!/bin/sh
# Install the published clients and the reference PDS beside this file, with a Node of their own.
set -eu
cd "$(dirname "$0")"
stamp=$(sha256sum package-lock.json setup.sh | sha256sum | cut -c1-16)
[ -f "node_modules/.ready-$stamp" ] && exit 0
command -v npm >/dev/null || { echo "npm is needed for the interoperability tests" >&2; exit 1; }
echo "installing published clients (npm, about two minutes)" >&2
npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
for runtime in node_modules/node-linux-*; do
    [ -f "$runtime/bin/node" ] && break
done
[ -f "$runtime/bin/node" ] || {
    echo "npm brought no Node for this processor ($(uname -m)); x86_64 and aarch64 have one" >&2
    exit 1
}
chmod +x "$runtime/bin/node"
# The one native part is compiled here, against the headers of that same Node and by a node-gyp of
# our own: Debian's links every module to Debian's Node.
# The paths are relative, for make cannot cope with a space in them.
here=$PWD
nodedir=../${runtime#node_modules/}
(cd node_modules/better-sqlite3 &&
    PATH="$here/$runtime/bin:$PATH" npm_config_nodedir="$nodedir" \
        node ../node-gyp/bin/node-gyp.js rebuild --release --nodedir="$nodedir" >../.gyp.log 2>&1) || {
    tail -n 20 node_modules/.gyp.log >&2
    echo "better-sqlite3 could not be compiled (see above); it needs make and a C++ compiler" >&2
    exit 1
}
"$runtime/bin/node" -e "new (require('better-sqlite3'))(':memory:')"
ln -sfn "$nodedir/bin/node" node_modules/.bin/node22
: >"node_modules/.ready-$stamp"
