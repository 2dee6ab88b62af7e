#!/bin/sh
# Tell whether a Debian of its own can be booted here, as boot.sh does it: by root, with namespaces,
# an overlay and a control group.
[ "$(id -u)" = 0 ] && command -v mmdebstrap >/dev/null || exit 1
tree=/sys/fs/cgroup/unified
[ -d $tree ] || tree=/sys/fs/cgroup
mkdir "$tree/hearth-possible-$$" 2>/dev/null && rmdir "$tree/hearth-possible-$$" || exit 1
exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child sh -c '
    set -e
    mount --make-rprivate /
    mount -t tmpfs tmpfs /tmp
    mkdir /tmp/lower /tmp/upper /tmp/work /tmp/root /tmp/tree
    mount -t overlay overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root
    mount -t cgroup2 cgroup2 /tmp/tree
' 2>/dev/null
