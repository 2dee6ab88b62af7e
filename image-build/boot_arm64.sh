#!/bin/sh
# What a Raspberry Pi starts with: boot_arm64.sh TREE BOOT DISK. Kernel, firmware and device trees are
# on the boot partition, where Debian's raspi-firmware puts them, and puts new ones.
set -eu
tree=$1 boot=$2
cp -r "$tree/boot/firmware/." "$boot/"
rm -rf "$tree"/boot/firmware/*
line='root=LABEL=hearth-root ro rootwait net.ifnames=0 panic=30'
printf '%s\n' "console=ttyS1,115200 console=tty0 $line" >"$boot/cmdline.txt"
# What writes cmdline.txt anew for each new kernel reads this. Memory for pictures is as the kernel
# has it: what is right for a 3 stops a 4, and the card may be moved.
cat >"$tree/etc/default/raspi-firmware" <<'CONF'
ROOTPART=LABEL=hearth-root
CONSOLES="ttyS1,115200 tty0"
CMA=0
CONF
printf '%s\n' 'net.ifnames=0 panic=30' >"$tree/etc/default/raspi-extra-cmdline"
# A table that systemd-repart does not write to; growpart does.
mkdir -p "$tree/etc/systemd/system/sysinit.target.wants"
rm -rf "$tree/etc/repart.d"
cat >"$tree/etc/systemd/system/hearth-grow.service" <<'UNIT'
# The first start gives the root the rest of the card.

[Unit]
Description=Hearth: the root takes the whole card
DefaultDependencies=no
After=systemd-remount-fs.service
Before=systemd-growfs-root.service
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/lib/hearth/grow.sh

[Install]
WantedBy=sysinit.target
UNIT
ln -sf ../hearth-grow.service "$tree/etc/systemd/system/sysinit.target.wants/"
cat >"$tree/usr/lib/hearth/grow.sh" <<'GROW'
#!/bin/sh
# Grow the partition that the root is on; ends well when there is nothing to grow.
part=$(findmnt -no SOURCE /)
name=${part##*/}
number=$(cat "/sys/class/block/$name/partition")
disk=$(basename "$(dirname "$(readlink -f "/sys/class/block/$name")")")
TMPDIR=/run growpart "/dev/$disk" "$number" || [ $? = 1 ]
GROW
exec python3 "${0%/*}/disk.py" pi "$@"
