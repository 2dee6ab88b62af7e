#!/bin/sh
# Change the release that runs, and the data with it; prove the new one, or go back. As root, on an
# installed machine: `before-start` while nothing runs, `settle` to bring a change to its end.
#
# The file `change` says what is under way, replaced as a whole at each step, so that a power cut
# anywhere leaves something that can be gone on with:
#   switch FROM TO   wanted       -> before-start copies the data, switches, and says `trying`
#   trying FROM TO   to be proven -> settle drops the file when TO answers, else says `back`
#   back FROM TO     wanted       -> before-start brings FROM back, with the data it had if TO has
#                                    changed what FROM reads, and says `came`
#   came FROM TO     to be seen   -> settle drops the file when FROM answers, or will not
# FROM is `-` where there is nothing to come back to. How it ended is said in the file `result`.
set -eu

root=/opt/hearth
data=/var/lib/hearth
settings=/etc/hearth/hearth.env
kept=/var/lib/hearth-kept # copies of the data, as it was before each change; for root only
units=/etc/systemd/system
PATIENCE=60 # seconds for a started release to answer

say() { printf 'hearth: %s\n' "$*" >&2; }

# Write a file as a whole: half of one is never seen.
put() { # put FILE TEXT
    printf '%s\n' "$2" >"$1.new"
    sync "$1.new"
    mv -f "$1.new" "$1"
    sync "${1%/*}"
}

point() { # point LINK RELEASE
    ln -sfn "releases/$2" "$root/$1.new"
    mv -fT "$root/$1.new" "$root/$1"
    sync "$root"
}

# What in the data a release may change, as opposed to add to: all but blobs, and what is made anew.
# Never as lines of text: whoever may write there may give a file a name of two lines.
databases() { # databases ACTION, of find
    find "$data" -maxdepth 1 -type f ! -name '*.lock' ! -name reserve "$@"
}

# Run a command of a release as the service would.
as_hearth() { # as_hearth RELEASE COMMAND [ARGS]
    release=$root/releases/$1
    shift
    [ "$(id -u)" = 0 ] || { say "this has to be run by root" && return 1; }
    if [ -r "$settings" ]; then
        while IFS= read -r line || [ -n "$line" ]; do
            case $line in
            '' | '#'*) ;;
            *=\"*\") line=${line%\"} && export "${line%%=*}=${line#*=\"}" ;;
            *=*) export "${line?}" ;;
            esac
        done <"$settings"
    fi
    HOME=$data HEARTH_DATA=$data PYTHONPATH=$release PYTHONDONTWRITEBYTECODE=1 \
        exec setpriv --reuid hearth --regid hearth --clear-groups \
        "$release/.venv/bin/python" -P -m appliance "$@"
}

# The versions of the schemas, by which one release knows the data of another.
schemas() {
    setpriv --reuid hearth --regid hearth --clear-groups python3 -I -c '
import pathlib, sqlite3, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.sqlite")):
    print(path.name, *sqlite3.connect(path).execute("PRAGMA user_version").fetchone())
' "$data"
}

# End what the timers have begun; it is begun again.
nobody_beside() { systemctl stop hearth-backup.service hearth-update-due.service 2>/dev/null || true; }

# Bring a backup back, while nothing runs; what runs then is what was restored, or what was before.
restore() { # restore ARGS
    case " $* " in *' -h '* | *' --help '*) return ;; esac
    [ "$(id -u)" = 0 ] || return 0
    [ ! -e "$root/change" ] || { say "a change of release is under way; try again then" && exit 1; }
    sockets=
    for unit in hearth.socket hearth-https.socket; do
        ! systemctl is-active --quiet "$unit" || sockets="$sockets $unit"
    done
    systemctl stop hearth.socket hearth-https.socket hearth.service 2>/dev/null || true
    nobody_beside
    status=0
    (as_hearth "${current##*/}" "$@") || status=$?
    # shellcheck disable=SC2086
    [ -z "$sockets" ] || systemctl start $sockets
    systemctl start hearth.service
    [ "$status" != 0 ] || say "the service runs again, with what was restored"
    exit "$status"
}

copy_data() { # copy_data FOLDER
    rm -rf "$1" "$1.partial"
    mkdir -p "$kept"
    chmod 700 "$kept"
    mkdir "$1.partial"
    databases -exec cp -a --reflink=auto -t "$1.partial" {} +
    schemas >"$1.partial/.schemas"
    sync -f "$1.partial"
    mv "$1.partial" "$1"
    sync "$kept"
}

# Bring the copy back; what it replaces goes beside it. Only renames: a full disk is no hindrance.
restore_data() { # restore_data FOLDER
    if [ ! -e "$1.undone/.whole" ]; then
        mkdir -p "$1.undone"
        databases -exec mv -f -t "$1.undone" {} +
        sync -f "$1.undone"
        touch "$1.undone/.whole"
        sync -f "$1.undone"
    fi
    # Whatever lies there now came from the copy.
    find "$1" -maxdepth 1 -type f ! -name .schemas -exec mv -f -t "$data" {} +
    sync -f "$data"
}

read_change() {
    step='' from='' to=''
    [ ! -e "$root/change" ] || read -r step from to <"$root/change"
}

before_start() {
    read_change
    case $step in switch | back) nobody_beside ;; esac
    copy=$kept/before-$to
    case $step in
    switch)
        say "changing to $to"
        [ "$from" = - ] || copy_data "$copy"
        rm -rf "$copy.undone"
        place_units "$to"
        point current "$to"
        put "$root/change" "trying $from $to"
        ;;
    back)
        say "going back to $from"
        if [ -d "$copy" ] && [ "$(schemas)" != "$(cat "$copy/.schemas")" ]; then
            restore_data "$copy"
            say "the data is as it was before $to; what $to made of it is in $copy.undone"
        fi
        rm -rf "$copy"
        place_units "$from"
        point current "$from"
        put "$root/change" "came $from $to"
        ;;
    esac
}

finish() { # finish RESULT
    put "$root/result" "$1"
    rm "$root/change"
    sync "$root"
}

# The units belong to the release.
place_units() { # place_units RELEASE
    for unit in "$root/releases/$1"/systemd/hearth*; do
        cmp -s "$unit" "$units/${unit##*/}" && continue
        cp "$unit" "$units/${unit##*/}.new"
        sync "$units/${unit##*/}.new"
        mv -f "$units/${unit##*/}.new" "$units/${unit##*/}"
    done
}

property() { systemctl show hearth.service --property "$1" --value; }

answers() { # answers RELEASE
    [ "$(property ActiveState)" = active ] && (as_hearth "$1" health >/dev/null)
}

# Milliseconds of computing that the service has had, all its processes together.
computed() {
    time=$(property CPUUsageNSec)
    case $time in *[!0-9]*) time=0 ;; esac
    printf '%s' "$((time / 1000000))"
}

# Tell whether a release answers, and goes on answering: not for a moment between two crashes. It has
# a minute, and as long as its start gets on, as in a migration.
proven() { # proven RELEASE
    left=$PATIENCE
    before=$(property NRestarts)
    while [ "$left" -gt 0 ]; do
        had=$(computed)
        pid=$(property MainPID)
        if answers "$1"; then
            sleep 3
            [ "$(property MainPID)" = "$pid" ] && answers "$1" && return
        fi
        [ "$(property ActiveState)" != failed ] || return 1
        [ $(($(property NRestarts) - before)) -lt 3 ] || return 1
        sleep 1
        case $(property ActiveState)/$(property SubState) in
        activating/start*) [ $(($(computed) - had)) -lt 10 ] || left=$((left + 1)) ;;
        esac
        left=$((left - 1))
    done
    return 1
}

restart() { # restart RELEASE
    place_units "$1"
    systemctl daemon-reload
    systemctl reset-failed hearth.service 2>/dev/null || true
    systemctl restart --no-block hearth.service
    # Until the old process has ended, and what precedes the new one has ended too, well or not.
    while [ -n "$(property Job | sed 's/^0$//')" ]; do
        case $(property SubState) in start | auto-restart*) break ;; esac
        sleep 0.2
    done
}

confirm() {
    cp "$root/releases/$to/systemd/switch.sh" "$root/switch.sh.new"
    sync "$root/switch.sh.new"
    mv -f "$root/switch.sh.new" "$root/switch.sh"
    if [ "$from" = - ]; then rm -f "$root/previous"; else point previous "$from"; fi
    finish "now $to"
    # The release before this one stays, and the data as it was; those before them go.
    for release in "$root/releases"/*; do
        case ${release##*/} in "$to" | "$from") continue ;; esac
        rm -f "$release/.complete"
        rm -rf "$release"
    done
    [ ! -d "$kept" ] ||
        find "$kept" -mindepth 1 -maxdepth 1 ! -name "before-$to*" -exec rm -rf {} +
    say "$to answers"
}

# Bring a change to its end, good or not; fails only where it has to be called again.
settle() {
    read_change
    case $step in
    switch) restart "$to" ;;
    back) restart "$from" ;;
    trying | came) systemctl start hearth.service || true ;;
    esac
    read_change
    case $step in
    switch)
        systemctl stop hearth.service
        read_change
        [ "$step" = switch ] || return 1 # it has begun just now: again
        say "the change to $to could not begin; see: journalctl -u hearth"
        finish "not begun $to"
        [ "$from" = - ] || restart "$from"
        ;;
    trying)
        if proven "$to"; then
            confirm
            return
        fi
        say "$to does not answer; see: journalctl -u hearth"
        if [ "$from" = - ]; then
            finish "silent $to"
            return
        fi
        put "$root/change" "back $from $to"
        restart "$from"
        read_change
        ;;
    esac
    # Not even back yet, as after a failure to copy: again.
    [ "$step" != back ] || return 1
    [ "$step" = came ] || return 0
    proven "$from" || say "nor does $from; see: journalctl -u hearth"
    [ "$(readlink "$root/previous")" != "releases/$from" ] || rm "$root/previous"
    finish "back from $to"
}

main() {
    umask 022
    case ${1:-} in
    run)
        shift
        current=$(readlink "$root/current")
        [ "${1:-}" != restore ] || restore "$@"
        as_hearth "${current##*/}" "$@"
        ;;
    before-start) before_start ;;
    units) place_units "$2" ;;
    same-data) [ "$(schemas)" = "$(cat "$kept/before-$2/.schemas")" ] ;;
    settle)
        (
            flock 9
            settle
        ) 9>"$root/lock"
        ;;
    *)
        say "run, before-start, settle, units RELEASE or same-data RELEASE, not ${1:-nothing}"
        exit 2
        ;;
    esac
}

main "$@"
