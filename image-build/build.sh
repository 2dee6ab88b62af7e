#!/bin/sh
# Make an image to be written to a card, stick or disk: image-build/build.sh amd64|arm64 [--to FOLDER] [--raw].
# By root, on a Debian 12 or 13; packages come by this machine's own apt and pip, whose mirrors are
# also those of the image. Hearth is the last commit's. Takes some minutes; the Debian it begins
# with is kept for the next time. With --raw it is not compressed.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "$here/.."
to=dist
machine=
raw=
while [ $# -gt 0 ]; do
    case $1 in
    --to) to=$2 && shift ;;
    --raw) raw=yes ;;
    amd64 | arm64) machine=$1 ;;
    esac
    shift
done
[ -n "$machine" ] || { sed -n '2,5s/^# //p' "$0" >&2 && exit 2; }
[ "$(id -u)" = 0 ] || { echo "image: this needs root" >&2 && exit 1; }
for pair in mmdebstrap=mmdebstrap mke2fs=e2fsprogs mkfs.vfat=dosfstools mcopy=mtools sfdisk=fdisk \
    grub-mkimage=grub-common xz=xz-utils; do
    command -v "${pair%%=*}" >/dev/null || { echo "image: apt install ${pair#*=}" >&2 && exit 1; }
done
case $machine in
amd64) set -- /usr/lib/grub/i386-pc=grub-pc-bin /usr/lib/grub/x86_64-efi=grub-efi-amd64-bin ;;
*) set -- /usr/bin/arch-test=arch-test ;;
esac
for pair; do
    [ -e "${pair%%=*}" ] || { echo "image: apt install ${pair#*=}" >&2 && exit 1; }
done
umask 022
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH
version=$(git show "$commit:appliance/version.py" | sed -n 's/^VERSION = "\(.*\)"$/\1/p')
mkdir -p "$to"
to=$(cd "$to" && pwd -P)
work=$(mktemp -d -p "$to" .image.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
tree=$work/tree
say() { printf 'image: %s\n' "$*" >&2; }

# The release as it is published, and the packages of its lock.
put_release() {
    place=$tree/tmp/hearth
    mkdir -p "$place/wheels"
    git archive "$commit" appliance web tools systemd install.sh pyproject.toml README.md CHANGES.md |
        tar -xf - -C "$place"
    case $machine in amd64) set -- x86_64 ;; arm64) set -- aarch64 ;; esac
    set -- "manylinux2014_$1" "manylinux_2_17_$1" "manylinux_2_28_$1" "manylinux_2_34_$1"
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary=:all: -r "$place/tools/locks/base.txt" -d "$place/wheels" \
        --python-version 3.13 --platform "$1" --platform "$2" --platform "$3" --platform "$4"
    unshare --mount --pid --fork --mount-proc="$tree/proc" \
        chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /bin/sh -eu -c '
        /tmp/hearth/install.sh image
        # Members need no number behind the name; the panel may choose otherwise.
        install -d -m 700 -o hearth -g hearth /var/lib/hearth
        install -m 600 -o hearth -g hearth /dev/null /var/lib/hearth/hearth.toml
        printf "[door]\nport = 80\n" >/var/lib/hearth/hearth.toml
        systemctl --quiet enable hearth.socket systemd-networkd systemd-resolved systemd-timesyncd ssh \
            hearth-card.service hearth-begin.service
        systemctl --quiet disable e2scrub_reap.service 2>/dev/null || true
        ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
        passwd --quiet --lock root
    '
    tools/bill.py tree "$version" "$commit" "$tree" >"$to/$name.cdx.json"
}

# What must not be the same on two computers, or tells of this one.
clean() {
    rm -rf "$tree"/tmp/* "$tree"/var/log/* "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* \
        "$tree"/etc/ssh/ssh_host_* "$tree"/var/lib/dbus/machine-id "$tree"/var/lib/systemd/random-seed
    : >"$tree/etc/machine-id"
    tools/debian_sources.sh trixie main non-free-firmware >"$tree/etc/apt/sources.list"
    find "$tree" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}

name=hearth-$version-$machine
./install.sh packages
debian=$("$here/debian.sh" "$machine")
say "$name, from $debian"
cp -a "$debian" "$tree"
cp -r --no-preserve=ownership "$here/root/." "$tree/"
put_release
clean
boot=$work/boot
mkdir "$boot"
cp "$here/hearth.txt" "$boot/"
"$here/boot_$machine.sh" "$tree" "$boot" "$work/disk"
mv "$work/disk" "$to/$name.img"
[ -z "$raw" ] || exit 0
say "compressing"
xz --threads=0 -6 --keep --force "$to/$name.img"
(cd "$to" && sha256sum "$name.img.xz" "$name.cdx.json" >"$name.sha256")
"$here/imager.py" "$to/$name.img" "$version" >"$to/$name.imager.json"
say "$to/$name.img: $(du -m --apparent-size "$to/$name.img" | cut -f1) MB," \
    "compressed $(du -m "$to/$name.img.xz" | cut -f1) MB"
