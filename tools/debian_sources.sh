#!/bin/sh
# Print the lines by which apt finds a Debian, as this machine's own apt finds its packages:
# debian_sources.sh SUITE [COMPONENT...]. No mirror is named in any file of ours.
set -eu
suite=$1
shift
# shellcheck disable=SC2016
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' 'Component: main' |
    sort -u | while read -r uri release origin; do
    [ "$origin" = Debian ] || continue
    case $release in
    *-security) pocket=-security ;;
    *-updates) pocket=-updates ;;
    *-*) continue ;;
    *) pocket= ;;
    esac
    echo "deb $uri $suite$pocket ${*:-main}"
done
