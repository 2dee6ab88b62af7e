#!/bin/sh
# Start a Debian with systemd as process 1, in namespaces: boot.sh LOWER UPPER WORK ROOT CGROUP INPUT.
# LOWER is only read; what is written goes to UPPER. INPUT is seen inside as /input.
set -eu
if [ "${IN_NAMESPACES-}" != yes ]; then
    mkdir -p "$5"
    echo $$ >"$5/cgroup.procs"
    IN_NAMESPACES=yes exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child \
        sh "$0" "$@"
fi
root=$4
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$root"
mkdir -p "$root/input" "$root/.before"
mount --bind -o ro "$6" "$root/input"
mount -t proc proc "$root/proc"
# The kernel is not this machine's to set.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
hostname debian
cd "$root"
pivot_root . .before
umount -l /.before
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd </dev/null >/dev/null 2>&1
