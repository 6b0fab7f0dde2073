# Sourced before the other scripts: enters the file system of a disk, or refuses.
#
# In:  NODE   the node's name, for messages
#      MOUNT  the mount path on the node
#      UUID   the file system's UUID, or nothing when the inventory gives none
# The parent folder of the mount path is bound at $HOST (default /host) with the node's mounts in it.
# Out: the working directory is the root of the disk's file system. It stays that file system even if
#      the disk is unmounted a moment later: everything after this uses relative paths.
set -eu

refuse() {
  echo "REFUSED: $*" >&2
  exit 1
}

# Prints "major:minor source" of the newest mount at a path.
mounted_at() {
  newest=''
  while read -r _ _ numbers _ where rest; do
    if [ "$where" = "$1" ]; then
      rest=${rest##* - }
      rest=${rest#* }
      newest="$numbers ${rest%% *}"
    fi
  done <"${MOUNTINFO:-/proc/self/mountinfo}"
  echo "$newest"
}

check_uuid() {
  folder=${BY_UUID:-/by-uuid}
  link=$(readlink "$folder/$UUID") ||
    refuse "no file system with UUID $UUID is attached to $NODE: plug in the right drive and mount it at $MOUNT"
  device=${link##*/}
  mount=$(mounted_at "$1")
  numbers=${mount%% *}
  source=${mount#* }
  if [ "${source##*/}" = "$device" ]; then return; fi
  if [ "$(cat "${SYS_BLOCK:-/sys/class/block}/$device/dev" 2>/dev/null)" = "$numbers" ]; then return; fi
  refuse "$MOUNT on $NODE is ${source:-unknown}, and the file system $UUID is on $device: mount the right drive there"
}

enter_disk() {
  host=${HOST:-/host}
  disk="$host/${MOUNT##*/}"
  [ -d "$disk" ] || refuse "there is no $MOUNT on $NODE: mount the disk there"
  cd "$disk"
  if [ "$(stat -c %d .)" = "$(stat -c %d "$host")" ]; then
    refuse "$MOUNT on $NODE is an ordinary folder and no disk is mounted there; writing would fill the system's disk. Mount the disk (see /etc/fstab), then run \`pulumi up\` again"
  fi
  if [ -n "${UUID:-}" ]; then check_uuid "$disk"; fi
}

# Makes written files and renames survive a power cut.
durable() {
  if command -v fsync >/dev/null 2>&1; then fsync "$@"; else sync "$@"; fi
}
