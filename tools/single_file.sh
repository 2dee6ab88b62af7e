#!/bin/sh
# Make Hearth one file with a Python of its own: tools/single_file.sh [amd64|arm64]... [--to FOLDER]
# [--commit NAME].
# On amd64 or arm64, for either, without running anything of the other. The Python is Debian 12's,
# the oldest we run on; its packages come by this machine's own apt, the others by the lock. The same
# commit and packages give the same bytes. Debian packages it needs: mmdebstrap, patchelf, elfutils.
set -eu
cd "$(dirname "$0")/.."
suite=bookworm python=3.11
to=dist
machines=
commit=HEAD
while [ $# -gt 0 ]; do
    case $1 in
    --to) to=$2 && shift ;;
    --commit) commit=$2 && shift ;;
    amd64 | arm64) machines="$machines $1" ;;
    *) sed -n '2,6s/^# //p' "$0" >&2 && exit 2 ;;
    esac
    shift
done
own=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
./install.sh packages
mkdir -p "$to"
commit=$(git rev-parse "$commit")
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH

say() { printf 'single file: %s\n' "$*" >&2; }

# A tree of Debian packages, unpacked and not installed: any machine's, without running its programs.
unpack() { # unpack MACHINE
    [ ! -d "$work/debian-$1" ] || return 0
    tools/debian_sources.sh $suite | mmdebstrap --quiet --variant=extract --architectures="$1" \
        --aptopt='APT::Install-Recommends "false"' \
        --include=python$python-minimal,libpython$python-stdlib,ca-certificates \
        $suite "$work/debian-$1" - 2>"$work/log" || { cat "$work/log" >&2 && exit 1; }
}

# What is needed by nothing of ours; each would bring libraries along.
NOT_NEEDED='_crypt _ctypes_test _curses _curses_panel _dbm _sqlite3 _test* _xx* audioop nis ossaudiodev
    readline xxlimited*'
NOT_TAKEN='config-* idlelib lib2to3 pydoc_data sqlite3 test turtledemo tkinter'

make_python() { # make_python MACHINE TREE
    from=$work/debian-$1 tree=$2
    mkdir -p "$tree/bin" "$tree/lib/licences"
    cp "$from/usr/bin/python$python" "$tree/bin/"
    cp -r "$from/usr/lib/python$python" "$tree/lib/"
    # shellcheck disable=SC2086
    (
        cd "$tree/lib/python$python"
        rm -rf $NOT_TAKEN
        cd lib-dynload
        for name in $NOT_NEEDED; do rm -f $name.cpython-*; done
    )
    # Every Debian has these; all others are found beside, from whatever library asks for them.
    has='ld-linux.* libc libm libgcc_s libpthread libdl librt libstdc++'
    find "$tree/bin" "$tree/lib" -type f \( -name '*.so' -o -name "python$python" \) |
        while read -r file; do patchelf --print-needed "$file"; done | sort -u |
        grep -vxE "($(printf %s "$has" | sed 's/+/\\+/g; s/ /|/g'))\.so\..*" >"$work/wanted"
    printf 'libcrypto.so.3\n' >>"$work/wanted"
    sort -u "$work/wanted" | while read -r name; do
        found=$(find "$from/usr/lib" "$from/lib" -name "$name" | head -n 1)
        [ -n "$found" ] || { say "there is no $name" && exit 1; }
        cp -L "$found" "$tree/lib/$name"
    done
    # shellcheck disable=SC2016
    patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$tree/bin/python$python"
    cat "$from"/usr/share/ca-certificates/mozilla/*.crt >"$tree/lib/authorities.pem"
    # Whose work that is, and of which version.
    for name in python$python-minimal libpython$python-stdlib libssl3 libffi8 libexpat1 zlib1g \
        libbz2-1.0 liblzma5 libuuid1 ca-certificates; do
        cp "$from/usr/share/doc/$name/copyright" "$tree/lib/licences/$name"
        zcat "$from/usr/share/doc/$name"/changelog*.gz | head -n 1 | cut -d' ' -f1,2
    done >"$tree/lib/contents.txt"
}

add_packages() { # add_packages MACHINE TREE
    case $1 in amd64) cpu=x86_64 ;; arm64) cpu=aarch64 ;; esac
    set -- "$2/lib/python3/dist-packages" "manylinux2014_$cpu" "manylinux_2_17_$cpu" \
        "manylinux_2_28_$cpu" "manylinux_2_34_$cpu"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
        --require-hashes --only-binary=:all: --target "$1" -r tools/locks/base.txt \
        --implementation cp --python-version $python \
        --platform "$2" --platform "$3" --platform "$4" --platform "$5"
    # What only a compiler reads, or nobody, where there is something quicker.
    rm -rf "${1:?}/bin" "$1"/zstandard/_cffi*
    find "$1" -type f \( -name '*.py[ixd]' -o -name '*.px[di]' -o -name '*.[ch]' \) -delete
    find "$1" -name '*.so*' -type f -exec eu-strip --strip-debug {} +
    git archive "$commit" appliance web | tar -xf - -C "$1"
    mv "$1/web" "$1/appliance/web"
    sed -n 's/^\([^ ]*==[^ ]*\).*/\1/p' tools/locks/base.txt >>"$1/../../contents.txt"
}

# Modules are taken as they were compiled; what they were compiled from is not looked at.
compile() { # compile TREE
    find "$1" -name __pycache__ -prune -exec rm -rf {} +
    PYTHONHASHSEED=0 "$work/python/bin/python$python" -P -m compileall -q -j 1 \
        --invalidation-mode unchecked-hash -s "$1/lib" "$1/lib"
}

make_file() { # make_file MACHINE
    say "$1"
    unpack "$1"
    tree=$work/tree-$1
    make_python "$1" "$tree"
    add_packages "$1" "$tree"
    compile "$tree"
    # amd64 has pages of 4 kB, and nothing else.
    [ "$1" != arm64 ] || .venv/bin/python tools/elf_pages.py "$tree" || exit 1
    find "$tree" -name RECORD -delete
    tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        --mode=u=rwX,go= --format=gnu -cf - . | gzip -9n >"$work/content"
    id=$(sha256sum "$work/content" | cut -c1-16)
    sed "s/@ID@/$id/" tools/single_file_begin.sh >"$work/begin"
    # The number has as many digits as its name has letters.
    sed "s/@FROM@/$(printf '%06d' "$(($(wc -c <"$work/begin") + 1))")/" "$work/begin" >"$work/file"
    cat "$work/content" >>"$work/file"
    chmod 755 "$work/file"
    mv "$work/file" "$to/hearth-$1"
    (cd "$to" && sha256sum "hearth-$1" >"hearth-$1.sha256")
    say "$to/hearth-$1: $(wc -c <"$to/hearth-$1") bytes, unpacked $(du -sm "$tree" | cut -f1) MB"
}

# Bytecode is the same for all machines: what compiles it is of this one.
unpack "$own"
make_python "$own" "$work/python"
for machine in ${machines:-amd64 arm64}; do make_file "$machine"; done
