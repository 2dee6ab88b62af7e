#!/bin/sh
# Run a command in a Debian that has nothing but what every Debian has: bare.sh ROOT UPPER INPUT
# COMMAND. ROOT is only read; what is written goes to UPPER. INPUT is seen inside as /input. The
# network is this machine's. It ends with what started it.
set -eu
if [ "${IN_NAMESPACES-}" != yes ]; then
    IN_NAMESPACES=yes exec unshare --mount --pid --fork --kill-child sh "$0" "$@"
fi
lower=$1 upper=$2 input=$3
shift 3
mount --make-rprivate /
mkdir -p "$upper/new" "$upper/work" "$upper/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper/new,workdir=$upper/work" "$upper/root"
cd "$upper/root"
mkdir -p input
mount --bind -o ro "$input" input
mount -t proc proc proc
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero random urandom; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot . "$@"
