#!/bin/sh
# A disk plugged in by USB that nobody else mounts is mounted below /media, where backups can go to it
# (backup.target usb:NAME). By root, from hearth-disk@.service: disk.sh plug | unplug DEVICE.
set -eu

device=/dev/$2
place=/media/hearth-$2
folder=$place/hearth-backup
# A desktop mounts what is plugged in; it goes first.
PATIENCE=${HEARTH_DISK_PATIENCE:-5}
# Nothing on it is believed: no devices, no rights, no programs.
options=nosuid,nodev,noexec,noatime

case $1 in
plug)
    sleep "$PATIENCE"
    ! findmnt -rn -S "$device" >/dev/null || exit 0
    case $(blkid -p -s TYPE -o value "$device") in
    # These know no owners.
    vfat | exfat | ntfs) options=$options,uid=hearth,gid=hearth,umask=077 owned= ;;
    ext2 | ext3 | ext4 | btrfs | xfs | f2fs) owned=yes ;;
    *) exit 0 ;;
    esac
    mkdir -p "$place"
    mount -o "$options" "$device" "$place" || { rmdir "$place" && exit 1; }
    if [ -n "$owned" ] && [ ! -e "$folder" ]; then
        mkdir -m 700 "$folder"
        chown hearth:hearth "$folder"
    fi
    ;;
unplug)
    # What is being written is lost with the disk; a backup that was cut off is begun again.
    ! findmnt -rn "$place" >/dev/null || umount -l "$place"
    [ ! -d "$place" ] || rmdir "$place"
    ;;
esac
