# Sets the settings of a profile on its node, looks once a minute whether they still hold, and puts back what was there
# when it is asked to end. What was there is kept under /run: after a reboot the values are gone, and so are the notes.
#
# In:  PROFILE  the profile's name
#      NODE     the node's name
#      $WANTED  (default /wanted) files `sysctls` and `modules`, and a file `disks.$NODE`; lines as they are read below
#      $SYS, $PROC, $NOTES, $MODPROBE  (defaults /sys, /proc, /notes, /modprobe) the node's folders
set -eu
notes="${NOTES:-/notes}/$PROFILE"
wanted="${WANTED:-/wanted}"
file="${MODPROBE:-/modprobe}/larder-$PROFILE.conf"
mkdir -p "$notes"

refuse() {
  echo "REFUSED: $*" | tee "${TERMINATION:-/dev/termination-log}" >&2
  exit 1
}

# keep WHERE VALUE WHAT: writes a value, notes what was there first, and reads it back.
keep() {
  [ -e "$1" ] || refuse "$NODE has no $3 ($1): is its module loaded?"
  now=$(current "$1")
  [ "$now" != "$2" ] || return 0
  note="$notes/$(echo "$1" | tr '/ ' '__')"
  if [ -e "$note" ]; then
    echo "$3 on $NODE was changed to $now by somebody else; setting $2 again"
  else
    printf '%s\n%s\n' "$1" "$now" >"$note.partial"
    mv "$note.partial" "$note"
  fi
  echo "$2" >"$1" 2>/dev/null || refuse "$NODE does not take $2 for $3"
  now=$(current "$1")
  [ "$now" = "$2" ] || refuse "$NODE made $now of $2 for $3"
  echo "set $3 to $2 on $NODE"
}

# A scheduler file shows all of them and marks the one in use; a list of numbers is parted by tabs.
current() {
  value=$(tr '\t' ' ' <"$1")
  case "$value" in
  *\[*\]*)
    value=${value#*\[}
    value=${value%%\]*}
    ;;
  esac
  echo "$value"
}

# The queue of the whole disk behind a mount path, through its partition.
queue_of() {
  numbers=''
  while read -r _ _ number _ where _; do
    if [ "$where" = "$1" ]; then numbers=$number; fi
  done <"${PROC:-/proc}/1/mountinfo"
  [ -n "$numbers" ] || refuse "no disk is mounted at $1 on $NODE"
  block="${SYS:-/sys}/dev/block/$numbers"
  if [ -e "$block/partition" ]; then block="$block/.."; fi
  [ -d "$block/queue" ] || refuse "what is mounted at $1 on $NODE is no disk of its own ($numbers)"
  echo "$block/queue"
}

apply() {
  while read -r key value; do
    keep "${PROC:-/proc}/sys/$(echo "$key" | tr . /)" "$value" "$key"
  done <"$wanted/sysctls"
  if [ -e "$wanted/disks.$NODE" ]; then
    while read -r mount scheduler ahead; do
      queue=$(queue_of "$mount") || exit 1
      [ "$scheduler" = - ] || keep "$queue/scheduler" "$scheduler" "the scheduler of $mount"
      [ "$ahead" = - ] || keep "$queue/read_ahead_kb" "$ahead" "the read-ahead of $mount"
    done <"$wanted/disks.$NODE"
  fi
  if [ -s "$wanted/modules" ] && ! cmp -s "$wanted/modules" "$file"; then
    cp "$wanted/modules" "$file.partial"
    mv "$file.partial" "$file"
    echo "wrote $file on $NODE: it holds from the next time that the modules are loaded"
  fi
}

restore() {
  for note in "$notes"/*; do
    case "$note" in *.partial | *'*') continue ;; esac
    where=$(sed -n 1p "$note")
    was=$(sed -n 2p "$note")
    if echo "$was" >"$where" 2>/dev/null; then echo "put $was back at $where"; fi
    rm -f "$note"
  done
  rm -f "$file"
  exit 0
}

trap restore TERM
while :; do
  apply
  sleep "${PAUSE:-60}" &
  wait $!
done
