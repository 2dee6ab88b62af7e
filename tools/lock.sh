#!/bin/sh
# Pin every dependency with versions and hashes, for all supported Pythons and both processors.
# Run it to refresh; needs `uv` (pip install uv). Index addresses never reach the files.
set -eu
cd "$(dirname "$0")/.."
pin() {  # pin OUTPUT ARGS...: resolve for every platform, hashes included
    out=tools/locks/$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --no-annotate --output-file "$out" "$@"
}
pin base.txt pyproject.toml --extra fast
pin build.txt tools/locks/build.in
pin native.txt tools/locks/native.in
pin fuzz.txt tools/locks/fuzz.in
pin test.txt pyproject.toml tools/locks/test.in --extra fast --constraint tools/locks/base.txt
