#!/bin/sh
# Make the Debian of the images, without Hearth, and keep it for the next time: debian.sh MACHINE
# prints its folder. Packages come by this machine's own apt.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
machine=$1
suite=trixie

# What a computer needs to start, to have a network and a clock, and to stay up to date.
# Without libidn2-0, resolved does not answer to the name of the machine.
packages='systemd-sysv udev dbus systemd-resolved systemd-timesyncd systemd-zram-generator kmod
    initramfs-tools zstd e2fsprogs dosfstools fdisk iproute2 netbase procps tzdata ca-certificates
    openssh-server wpasupplicant wireless-regdb unattended-upgrades
    libidn2-0 python3 python3-venv python3-yaml restic'
case $machine in
amd64) packages="$packages systemd-repart linux-image-amd64 firmware-realtek" ;;
arm64) packages="$packages cloud-guest-utils linux-image-arm64 raspi-firmware firmware-brcm80211" ;;
esac
packages=$(echo "$packages" | tr -s ' \n' ,)

recipe=$(sha256sum <"$0" | cut -c1-12)
place=${XDG_CACHE_HOME:-$HOME/.cache}/hearth-image-build/$machine-$recipe
if [ ! -d "$place" ]; then
    [ "$machine" = "$(dpkg --print-architecture)" ] || "$here/foreign.sh"
    # What was cut off may have left mounts in it.
    rm -rf --one-file-system "$place.part"
    mkdir -p "${place%/*}"
    # An initial file system for any computer: the disk is moved, the processor is not known.
    "$here/../tools/debian_sources.sh" $suite main non-free-firmware |
        mmdebstrap --quiet --mode=root --variant=minbase --architectures="$machine" \
            --aptopt='APT::Install-Recommends "false"' --include="$packages" \
            --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-include=/usr/share/doc/*/copyright' \
            --dpkgopt='path-exclude=/usr/share/man/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            --dpkgopt='path-exclude=/usr/share/info/*' \
            $suite "$place.part" - >&2
    mv "$place.part" "$place"
fi
echo "$place"
