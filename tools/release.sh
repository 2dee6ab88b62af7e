#!/bin/sh
# Make the key of who publishes, or a release of this checkout: tools/release.sh --help.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
"$here/install.sh" packages
PYTHONPATH=$here exec "$here/.venv/bin/python" "$here/tools/make_release.py" "$@"
