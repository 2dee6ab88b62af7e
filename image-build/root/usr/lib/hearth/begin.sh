#!/bin/sh
# Show the link to begin with on the screen, and write it on the boot partition, as long as the
# network has no owner.
set -u
file=/boot/firmware/begin.txt
if link=$(hearth claim); then
    code=$(printf '%s' "$link" | sed -n '1s/.*code=//p')
    text="$link
Or, by name: http://$(hostname).local:2587/claim?code=$code"
    printf '\n%s\n\n' "$text"
    [ "$(cat $file 2>/dev/null)" = "$text" ] || { printf '%s\n' "$text" >$file && sync $file; }
elif [ -e $file ]; then
    rm $file
fi
