#!/bin/sh
# Called by local-path-provisioner in its helper pod: makes the directory of a dynamic volume, but never
# on a bare mount point. The helper pod binds the parent of VOL_DIR at the same path; the kernel says
# which part of which file system that is. On a mounted disk it is a folder near that disk's root; on a
# bare mount point it is the very path, on the file system of the node.
set -eu
parent=${VOL_DIR%/*}
root=''
while read -r _ _ _ part where _; do
  if [ "$where" = "$parent" ]; then root=$part; fi
done <"${MOUNTINFO:-/proc/self/mountinfo}"
case "$root" in
*"$parent")
  echo "REFUSED: no disk is mounted above $parent; writing would fill the system's disk" >&2
  exit 1
  ;;
esac
mkdir -m 0777 -p "$VOL_DIR"
