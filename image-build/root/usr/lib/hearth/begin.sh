#!/bin/sh
# Show the link to begin with on the screen, and write it on the boot partition, as long as the
# network has no owner.
set -u
file=/boot/firmware/begin.txt
if link=$(hearth claim); then
    printf '\n%s\n\n' "$link"
    [ "$(cat $file 2>/dev/null)" = "$link" ] || { printf '%s\n' "$link" >$file && sync $file; }
elif [ -e $file ]; then
    rm $file
fi
