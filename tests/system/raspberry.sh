#!/bin/sh
# Set a new Debian up as the makers of Raspberry Pi OS do: raspberry.sh ROOT. Sources of packages lead
# nowhere here, as they do at a house without the internet.
set -eu
root=$1
inside() { chroot "$root" "$@"; }

printf 'Raspberry Pi reference 2026-06-15\n' >"$root/etc/rpi-issue"
mkdir -p "$root/boot/firmware"
echo "console=serial0,115200 console=tty1 root=PARTUUID=0 rootfstype=ext4 fsck.repair=yes rootwait" \
    >"$root/boot/firmware/cmdline.txt"
printf '[all]\narm_64bit=1\n' >"$root/boot/firmware/config.txt"
cp "$root/etc/rpi-issue" "$root/boot/firmware/issue.txt"
ln -s firmware/issue.txt "$root/boot/issue.txt"
echo "proc /proc proc defaults 0 0" >"$root/etc/fstab"
echo raspberrypi >"$root/etc/hostname"
printf '127.0.1.1\t\traspberrypi\n' >>"$root/etc/hosts"

# One more place for packages, of apt and of pip.
cat >"$root/etc/apt/sources.list.d/raspi.sources" <<'TEXT'
Types: deb
URIs: file:/nowhere/debian/
Suites: trixie
Components: main
TEXT
printf '[global]\nextra-index-url=file:/nowhere/simple\n' >"$root/etc/pip.conf"

inside adduser --disabled-login --gecos "" pi
for group in input spi i2c gpio; do
    inside groupadd -f -r "$group"
done
for group in adm dialout cdrom audio users sudo video games plugdev input gpio spi i2c netdev render; do
    inside adduser pi "$group"
done
echo "pi ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/010_pi-nopasswd"
chmod 0440 "$root/etc/sudoers.d/010_pi-nopasswd"
sed -i 's/^SHELL=.*/SHELL=\/bin\/bash/' "$root/etc/default/useradd"
sed -i 's/^ENV_PATH.*/ENV_PATH PATH=\/usr\/local\/sbin:\/usr\/local\/bin:\/usr\/sbin:\/usr\/bin:\/sbin:\/bin/' \
    "$root/etc/login.defs"
sed -i 's/^#\?publish-workstation=.*/publish-workstation=yes/' "$root/etc/avahi/avahi-daemon.conf"
mkdir -p "$root/var/lib/NetworkManager"
printf '[main]\nWirelessEnabled=false\n' >"$root/var/lib/NetworkManager/NetworkManager.state"
inside systemctl disable ssh
rm -f "$root"/etc/ssh/ssh_host_*_key*
echo uninitialized >"$root/etc/machine-id"
