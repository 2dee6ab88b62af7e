#!/bin/sh
# Hearth as a service of this machine: install, upgrade, rollback, uninstall, status. Read by
# install.sh, whose words it uses; only functions. Nothing here changes what runs: that is
# switch.sh's, which a power cut does not stop. From install.sh: $here, $verb.
# shellcheck disable=SC2154

root=/opt/hearth
data=/var/lib/hearth
kept=/var/lib/hearth-kept
settings=/etc/hearth
command=/usr/local/bin/hearth
units=/etc/systemd/system
rules=/etc/udev/rules.d/90-hearth.rules # where disks by USB are seen
# What watches beside the service: for changes that are asked for, and for what is due.
watchers='hearth-switch.path hearth-update.path hearth-ports.path hearth-backup.timer hearth-update.timer'
ROOM_MB=600
CONFINED='systemd cannot confine it here (\1: \2); a container needs nesting: see journalctl -u hearth'
system_file=/etc/os-release
SYSTEMS='Debian 12 or 13, Ubuntu 24.04 or 26.04, or Raspberry Pi OS (64-bit) made of these Debians'

# What the system says of itself; nothing where it does not.
said() { # said FIELD
    # shellcheck disable=SC1090
    (. "$system_file" && eval "printf '%s' \"\${$1-}\"") 2>/dev/null || true
}

# Refuse what nothing could be installed on. Raspberry Pi OS is `debian`, that of 32 bits `raspbian`.
need_system() {
    called=$(said PRETTY_NAME)
    case " $(said ID) $(said ID_LIKE) " in
    *' debian '*) ;;
    *) fail "this is ${called:-unknown to $system_file}, no Debian or alike" "use $SYSTEMS" ;;
    esac
    case $(said ID) in debian | raspbian) oldest=12 ;; ubuntu) oldest=24 ;; *) oldest=0 ;; esac
    version=$(said VERSION_ID)
    # What has no number is newer than all that have one.
    case ${version%%.*} in
    '' | *[!0-9]*) ;;
    *) [ "${version%%.*}" -ge "$oldest" ] || fail "$called is too old for Hearth" "use $SYSTEMS" ;;
    esac
    # Not the kernel's word: a 64-bit one may run a system of 32 bits, as on Raspberry Pis.
    case $(dpkg --print-architecture) in
    amd64 | arm64) ;;
    *) fail "there are no packages for a system of $(dpkg --print-architecture)" \
        "use a system of 64 bits, amd64 or arm64, such as Raspberry Pi OS (64-bit)" ;;
    esac
}

need_machine() {
    need_system
    [ -d /run/systemd/system ] || fail "systemd does not run here" "./install.sh try needs none"
    room=$(df -Pm "$(nearest "$root")" | awk 'NR == 2 { print $4 }')
    [ "$room" -ge "$ROOM_MB" ] ||
        fail "$root has $room MB left, and $ROOM_MB are needed" "make room, then run this again"
}

nearest() { # the nearest folder that exists
    place=$1
    until [ -d "$place" ]; do place=${place%/*}/; place=${place%/}; done
    printf '%s' "${place:-/}"
}

current() { target=$(readlink "$root/current" 2>/dev/null) && printf '%s' "${target##*/}"; }
previous() { target=$(readlink "$root/previous" 2>/dev/null) && printf '%s' "${target##*/}"; }

CONTENTS='appliance web tools systemd install.sh pyproject.toml README.md CHANGES.md'

# A release is named by its version, by what is in it, and by the Python it was made for.
name_release() {
    python=$(find_python)
    version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$here/appliance/version.py")
    # shellcheck disable=SC2086
    sum=$(cd "$here" && find $CONTENTS -type f ! -name '*.pyc' -exec sha256sum {} + |
        LC_ALL=C sort | sha256sum | cut -c1-8)
    minor=$("$python" -I -c 'import sys; print("py%d%d" % sys.version_info[:2])')
    release=$version-$sum-$minor
}

make_release() {
    place=$root/releases/$release
    [ -e "$place/.complete" ] && return
    say "hearth: making $place (a minute or two)"
    rm -rf "$place"
    mkdir -p "$place"
    # shellcheck disable=SC2086
    tar -C "$here" --exclude='*.pyc' -cf - $CONTENTS | tar -C "$place" --no-same-owner -xf -
    chmod -R u=rwX,go=rX "$place"
    HEARTH_WHEELS=${HEARTH_WHEELS:-$here/wheels} "$place/install.sh" packages
    "$place/.venv/bin/python" -I -m compileall -q "$place/appliance" >&2 ||
        fail "$release is damaged (see above)" "fetch it once more; nothing was changed"
    sync -f "$place"
    touch "$place/.complete"
    sync -f "$place"
}

prepare_machine() {
    id hearth >/dev/null 2>&1 || {
        say "hearth: adding the user hearth"
        useradd --system --user-group --home-dir "$data" --no-create-home \
            --shell /usr/sbin/nologin hearth
    }
    if [ ! -e "$settings/hearth.env" ]; then
        mkdir -p "$settings"
        printf '%s\n' \
            "# Settings of Hearth that go before those of the panel: HEARTH_GROUP_KEY=value, a line" \
            "# each, as docs/settings.md names them. Then: systemctl restart hearth" \
            >"$settings/hearth.env.new"
        chown root:hearth "$settings/hearth.env.new"
        chmod 640 "$settings/hearth.env.new"
        mv "$settings/hearth.env.new" "$settings/hearth.env"
    fi
    # Whoever published this may publish what comes after it, until root says otherwise.
    if [ -f "$here/release.pub" ] && [ ! -e "$settings/release.pub" ]; then
        cp "$here/release.pub" "$settings/release.pub.new"
        chmod 644 "$settings/release.pub.new"
        mv "$settings/release.pub.new" "$settings/release.pub"
    fi
    printf '%s\n' '#!/bin/sh' "# Hearth's commands, for the network installed on this machine." \
        "exec sh $root/switch.sh run \"\$@\"" >"$command.new"
    chmod 755 "$command.new"
    mv -f "$command.new" "$command"
}

# Ask for a change of release, and wait for what comes of it.
change() { # change STEP FROM TO
    rm -f "$root/result"
    printf '%s\n' "$*" >"$root/change.new"
    sync "$root/change.new"
    mv "$root/change.new" "$root/change"
    sync "$root"
    systemctl start hearth-switch.path
    while [ -e "$root/change" ]; do sleep 0.2; done
    result=$(cat "$root/result" 2>/dev/null || printf 'unknown')
}

# What the service itself gave as the reason, if it did.
why() {
    reason=$(journalctl -q -u hearth -o cat -n 100 --no-pager 2>/dev/null |
        sed -n -e 's/^hearth: \(cannot .*\|.*cannot be used.*\)/\1/p' \
            -e "s/^hearth.service: Failed at step \\([A-Z_]*\\) .*: \\(.*\\)/$CONFINED/p" | tail -n 1)
    printf '%s' "${reason:-see: journalctl -u hearth}"
}

wait_for_change() {
    [ ! -e "$root/change" ] || say "hearth: a change of release is under way; waiting for it"
    while [ -e "$root/change" ] && systemctl is-active --quiet hearth-switch.path; do sleep 0.5; done
}

machine_install() {
    need_machine
    wait_for_change
    # What is new enough is for find_python to say.
    command -v python3 >/dev/null || need_debian "there is no Python" python3 python3-venv
    python=$(find_python)
    "$python" -I -c 'import ensurepip, venv' 2>/dev/null ||
        need_debian "$python cannot make virtual environments" "${python##*/}-venv"
    command -v restic >/dev/null || need_debian_if_possible restic "there are no backups without it"
    # The package that carries libsecp256k1 for older ones is not made for this Python.
    "$python" -I -c 'import sys; sys.exit(sys.version_info >= (3, 14))' ||
        dpkg -s libsecp256k1-6 >/dev/null 2>&1 ||
        need_debian_if_possible libsecp256k1-6 "signatures take ten times as long without it"
    name_release
    before=$(current || printf '%s' -)
    if [ "$before" = "$release" ] && systemctl is-active --quiet hearth && "$command" health >&2; then
        say "hearth: $release is installed already, and answers; nothing to do"
        return
    fi
    if [ "$before" != - ] && [ "$before" != "$release" ]; then
        machine_upgrade
        return
    fi
    # What runs and does not answer is made anew.
    rm -f "$root/releases/$release/.complete"
    cat >&2 <<TEXT
hearth: this will
  - add a user hearth, and the service hearth, started with the machine
  - put the program into $root, its settings into $settings
  - keep everything in $data (what is there already stays)
TEXT
    prepare_machine
    make_release
    cp "$root/releases/$release/systemd/switch.sh" "$root/switch.sh"
    sh "$root/switch.sh" units "$release"
    enable_units
    change switch - "$release"
    [ "$result" = "now $release" ] ||
        fail "$release was installed but does not answer" "$(why)"
    say "hearth: $release answers"
    machine_claim
}

# Into a root file system that does not run: it will, when its machine is switched on.
machine_image() {
    name_release
    prepare_machine
    make_release
    cp "$root/releases/$release/systemd/switch.sh" "$root/switch.sh"
    sh "$root/switch.sh" units "$release"
    ln -sfn "releases/$release" "$root/current"
    # shellcheck disable=SC2086
    systemctl enable --quiet hearth.service $watchers
    # Port 80, if the image has it opened: nobody's wish, so it is closed where it is not wanted.
    printf '%s\n' '{"wanted": [80], "opened": [80], "failed": [], "boot": ""}' >"$root/ports.json"
}

# Started with the machine, all of them; these watch from now on.
enable_units() {
    if [ -d "${rules%/*}" ]; then
        cp "$root/releases/$release/systemd/disk.rules" "$rules"
        udevadm control --reload 2>/dev/null || true
    fi
    systemctl daemon-reload
    # shellcheck disable=SC2086
    systemctl enable --quiet hearth.service $watchers
    # shellcheck disable=SC2086
    systemctl start $watchers
}

machine_claim() {
    "$command" claim || say "hearth: the panel is on port 2587, or where its setting admin.port says"
}

need_debian_if_possible() { # need_debian_if_possible PACKAGE WHY
    (need_debian "$1 is missing" "$1") 2>/dev/null || say "hearth: going on without $1: $2"
}

need_installed() {
    [ -n "$(current || true)" ] || fail "Hearth is not installed on this machine" "./install.sh install"
}

machine_upgrade() {
    need_machine
    need_installed
    wait_for_change
    name_release
    before=$(current)
    if [ "$before" = "$release" ]; then
        say "hearth: $release is what runs; nothing to do"
        return
    fi
    wanted=$(find "$data" -maxdepth 1 -type f -exec du -cm {} + | awk 'END { print $1 + 50 }')
    room=$(df -Pm "${kept%/*}" | awk 'NR == 2 { print $4 }')
    [ "$room" -ge "$wanted" ] ||
        fail "a copy of the data needs $wanted MB, and $room are left" "make room, then run this again"
    say "hearth: this will change $before to $release, and go back by itself if that does not answer"
    prepare_machine
    make_release
    change switch "$before" "$release"
    [ "$result" = "now $release" ] ||
        fail "$release did not answer; $(current) runs again ($result)" "$(why)"
    enable_units
    say "hearth: $release answers; ./install.sh rollback goes back to $before"
}

machine_rollback() {
    need_installed
    wait_for_change
    back=$(previous) || fail "there is no release before this one" "nothing was changed"
    before=$(current)
    copy=$kept/before-$before
    if [ -d "$copy" ] && ! sh "$root/switch.sh" same-data "$before" && [ "${1-}" != --with-data ]; then
        fail "$before has changed the data so that $back cannot read it" \
            "rollback --with-data brings back the data of $(date -r "$copy/.schemas" '+%F %R'), without what came since"
    fi
    say "hearth: this will change $before back to $back"
    change back "$back" "$before"
    [ "$(current)" = "$back" ] || fail "$(current) still runs ($result)" "see: journalctl -u hearth"
    "$command" health >&2 || fail "$back does not answer" "$(why)"
}

machine_uninstall() {
    case ${1-} in
    --purge)
        printf 'This erases the whole network: accounts, keys, posts, settings (%s, %s).\n' \
            "$data" "$settings" >&2
        printf 'Type "erase" to go on: ' >&2
        read -r answer || answer=
        [ "$answer" = erase ] || fail "nothing was changed" "without --purge, the data stays"
        ;;
    '') ;;
    *) fail "uninstall knows --purge only" "nothing was changed" ;;
    esac
    for unit in $watchers hearth-backup.service hearth-update-due.service hearth-update.service \
        hearth-switch.service hearth-ports.service hearth.socket hearth-https.socket hearth.service; do
        systemctl disable --quiet --now "$unit" 2>/dev/null || true
        rm -f "$units/$unit"
    done
    systemctl stop "hearth@*.service" 2>/dev/null || true
    rm -f "$command" "$rules" "$units/hearth-disk@.service" "$units/hearth@.service" \
        "$units"/multi-user.target.wants/hearth@*.service /var/lib/systemd/timers/stamp-hearth-*
    systemctl daemon-reload
    rm -rf "$root"
    if [ "${1-}" != --purge ] && [ ! -d "$data" ]; then
        say "hearth: uninstalled; there was no network in $data"
        return
    fi
    if [ "${1-}" != --purge ]; then
        say "hearth: uninstalled; the network is kept in $data, its settings in $settings"
        return
    fi
    rm -rf "$data" "$kept" "$settings"
    ! id hearth >/dev/null 2>&1 || userdel hearth
    say "hearth: uninstalled, and all data erased"
}

machine_status() {
    need_installed
    printf 'runs      %s (%s)\n' "$(current)" "$(systemctl is-active hearth || true)"
    printf 'before    %s\n' "$(previous || printf none)"
    [ ! -e "$root/change" ] || printf 'changing  %s\n' "$(cat "$root/change")"
    [ ! -e "$root/result" ] || printf 'changed   %s\n' "$(cat "$root/result")"
    for timer in hearth-backup.timer hearth-update.timer; do
        printf 'timer     %s (%s)\n' "$timer" "$(systemctl is-active "$timer" || true)"
    done
    printf 'data      %s (%s)\n' "$data" "$(du -sh "$data" | cut -f1)"
    "$command" health
}
