#!/usr/bin/env bash
# served.sh ROOT USER VOLUME COMMAND HEALTH: run COMMAND in the chroot ROOT as a container engine would, until HEALTH is
# content and an image has been answered; then SIGTERM, and say how it ended. Called by image.py in namespaces of its own.
set -euo pipefail
root=$1 user=$2 volume=$3 command=$4 health=$5

ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "uid=$user,gid=$user,mode=0700,size=1g" tmpfs "$root$volume"
mount -o remount,bind,ro "$root"

# Not root, no capabilities, no way to get any: those that chroot needs end with root's user id.
as_user() {
    exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        chroot --userspec="$user:$user" "$root" sh -c "exec $1"
}

du -xsm "$root" | awk '{print "image: " $1 " MB unpacked"}'
start=$SECONDS
as_user "$command" &
server=$!
until (as_user "$health") > /dev/null 2>&1; do
    kill -0 $server 2> /dev/null || { echo "the server has ended before it was healthy"; exit 1; }
    sleep 0.5
done
echo "healthy after $((SECONDS - start)) s"
curl -sf -F image=@tests/pictures/cat.jpg http://127.0.0.1:8080/predictions/cifar10
echo
if touch "$root/opt/written" 2> /dev/null; then echo "the root file system is writable"; exit 1; fi
kill -TERM $server
wait $server && echo "stopped by SIGTERM with exit code 0"
