#!/bin/sh
# Let this machine run programs of arm64, by qemu (Debian package qemu-user-static): by root, until
# it is switched off. A Debian with systemd has it so already.
set -eu
[ "$(uname -m)" != aarch64 ] || exit 0
kinds=/proc/sys/fs/binfmt_misc
[ -e $kinds/register ] || mount -t binfmt_misc binfmt_misc $kinds
[ ! -e $kinds/qemu-aarch64 ] || exit 0
line=/usr/lib/binfmt.d/qemu-aarch64.conf
[ -e $line ] || { echo "qemu for arm64 is missing: apt install qemu-user-static" >&2 && exit 1; }
cat $line >$kinds/register
