#!/bin/sh
# What an x86-64 computer starts with: boot_amd64.sh TREE BOOT DISK. The kernel is found by Debian's
# own links, so that a new one needs no boot loader to be told.
set -eu
mkdir -p "$1/boot/grub" "$1/boot/firmware"
# A stick is no Raspberry Pi: the kernel is in the root, where GRUB reads it.
cat >"$1/boot/grub/grub.cfg" <<'GRUB'
set timeout=1
menuentry Hearth {
    linux /vmlinuz root=LABEL=hearth-root ro net.ifnames=0 panic=30 console=ttyS0 console=tty0
    initrd /initrd.img
}
menuentry "Hearth, with the kernel before" {
    linux /vmlinuz.old root=LABEL=hearth-root ro net.ifnames=0 panic=30 console=ttyS0 console=tty0
    initrd /initrd.img.old
}
GRUB
exec python3 "${0%/*}/disk.py" any "$@"
