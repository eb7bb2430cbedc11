#!/usr/bin/env bash
# `make serve` on a bare Debian, for each suite: with Debian's oldest Python that is supported here, and its newest.
#
#   tests/fresh/run.sh [--test] [SUITE ...]      bookworm (Python 3.11) and testing (3.14 in 2026); --test: `make test`, too
#
# Needs root, mmdebstrap, and 1 GB of disk for each suite (8 GB with --test). What git tracks is copied into a chroot, into a folder
# with a space in its name. There pip is configured as for the caller: local files and folders that the configuration
# names are mounted at the same place. Prints seconds and megabytes. Everything is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

with_tests=
[ "${1:-}" = --test ] && { with_tests=yes; shift; }
[ $# -gt 0 ] || set -- bookworm testing
[ "$(id -u)" = 0 ] || { echo "make fresh needs root, for chroot and mounts" >&2; exit 2; }
command -v mmdebstrap > /dev/null || { echo "make fresh needs mmdebstrap: apt-get install mmdebstrap" >&2; exit 2; }

scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT

for suite in "$@"; do
    echo "== Debian $suite"
    root=$scratch/$suite
    # A mirror may be a snapshot whose date of expiry has passed.
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,make,curl,ca-certificates \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$root"
    project="$root/root/a project"
    mkdir "$project"
    git ls-files -z | tar --create --null --files-from=- | tar --extract --directory "$project"
    cp tests/fresh/inside.sh "$root/root/"
    # A mount and a process namespace of its own: when it ends, so do its mounts and every process in it.
    unshare --mount --pid --fork --kill-child tests/fresh/enter.sh "$root" bash /root/inside.sh "$with_tests"
    rm -rf --one-file-system "$root"
done
