# Runs on every node with disks: looks once a minute whether each is mounted, and the right one. When one is
# not, it ends with the reason as its message; Kubernetes starts it again, and `pulumi preview` tells.
#
# In:  NODE       the node's name
#      $DISKS     (default /disks) a folder with a file for each node: a line "MOUNT UUID" for each disk, - for no UUID
#      $ROOT      (default /host) where the folders of the node are bound
#      $TERMINATION  (default /dev/termination-log) where the reason is left
trap 'exit 0' TERM

look() {
  while read -r MOUNT UUID; do
    [ "$UUID" != - ] || UUID=''
    parent=${MOUNT%/*}
    HOST="${ROOT:-/host}$parent"
    (enter_disk) 2>&1 || true
  done <"${DISKS:-/disks}/$NODE"
}

while :; do
  found=$(look)
  if [ -n "$found" ]; then
    echo "$found" | tee "${TERMINATION:-/dev/termination-log}" >&2
    exit 1
  fi
  sleep "${PAUSE:-60}" &
  wait $!
done
