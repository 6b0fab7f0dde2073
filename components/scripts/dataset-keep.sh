# Runs beside a reader: shows it the current version, and tells the dataset which versions this pod may
# still be reading.
#
# In:  STORE    the dataset's volume, read-only, at the same path as in the reader
#      LEASES   its folder of leases, writable
#      LINK     a folder of this pod; its link `current` is what the reader follows
#      POD      the pod's name
#      PAUSE    seconds between two looks
#      DRAIN    seconds for which a version is kept after the switch, whoever reads it
# The reader opens LINK/current anew when it wants the newest version. The old one stays as long as a
# process of this pod has a file of it open, mapped, or stands in it: looked up in /proc, where the pod's
# processes are shared.
umask 002
have=''
left=''

leave() {
  rm -f "$LEASES"/*/"$POD"
  exit 0
}
trap leave TERM INT

# True when a process of the pod reads the version, and when it cannot be told.
in_use() {
  for process in "${PROC:-/proc}"/[0-9]*; do
    # The pod's own anchor, which belongs to somebody else and reads nothing.
    if [ "${process##*/}" = 1 ]; then continue; fi
    open=$(ls -l "$process/fd" "$process/cwd" 2>/dev/null) || {
      if [ -d "$process/fd" ]; then return 0; fi
      continue
    }
    case "$open" in *"-> $STORE/versions/$1"*) return 0 ;; esac
    if grep -q -F "$STORE/versions/$1/" "$process/maps" 2>/dev/null; then return 0; fi
  done
  return 1
}

lease() {
  mkdir -p "$LEASES/$1" && touch "$LEASES/$1/$POD"
}

# The lease comes first, the look second: see dataset-collect.sh.
follow() {
  version=$(current_version)
  if [ -z "$version" ] || [ "$version" = "$have" ]; then return 0; fi
  lease "$version" || return 0 # a full disk: the version that it has is as good as before
  if [ ! -d "$STORE/versions/$version" ]; then
    rm -f "$LEASES/$version/$POD"
    return 0
  fi
  point "$STORE/versions/$version" "$LINK/current"
  echo "reads version $version, before ${have:-none}"
  have=$version
  left=$(date +%s)
}

renew() {
  for mine in "$LEASES"/*/"$POD"; do
    [ -e "$mine" ] || continue
    version=${mine#"$LEASES/"}
    version=${version%/*}
    if [ "$version" = "$have" ] || [ $(($(date +%s) - left)) -lt "$DRAIN" ] || in_use "$version"; then
      touch -c "$mine"
    else
      rm -f "$mine"
      echo "left version $version"
    fi
  done
}

# A container that was restarted finds the link of its former self.
if link=$(readlink "$LINK/current" 2>/dev/null); then
  have=${link##*/}
  left=$(date +%s)
  lease "$have"
fi

while :; do
  follow
  renew
  sleep "$PAUSE" &
  wait $! || true
done
