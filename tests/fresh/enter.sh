#!/usr/bin/env bash
# enter.sh ROOT COMMAND...: run a command in the chroot ROOT, with the caller's network and pip configuration.
# Called in a mount namespace of its own.
set -euo pipefail
root=$1
shift

# "global.cert='/x'" and ":env:.cert='/x'" become options of one [global] section; the environment comes first and wins.
{
    echo "[global]"
    python3 -m pip config list | sed -nE "s/^(global|:env:)\.([a-z-]+)='(.*)'$/\2 = \3/p" | sort -u -t= -k1,1
} > "$root/etc/pip.conf"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# Paths and file: URLs of that configuration exist in the chroot, too.
for word in $(cat "$root/etc/pip.conf"); do
    path=${word#file://}
    path=${path%/simple}
    if [ "${path#/}" != "$path" ] && [ -e "$path" ]; then
        if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$root$(dirname "$path")"; touch "$root$path"; fi
        mount --bind "$path" "$root$path"
    fi
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

kept=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || kept+=("$name=${!name}")
done
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 "${kept[@]}" "$@"
