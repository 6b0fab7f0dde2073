#!/bin/sh
# Imports images into a containerd store on a disk image, by a containerd of its own:
#
#   fill-store.sh <disk image> <scratch folder> <containerd> <ctr> <archive>...
#
# Runs in mount and pid namespaces of its own (unshare --mount --pid --fork --kill-child), so neither mount
# nor process outlives it.
set -eu
image=$1
scratch=$2
containerd=$3
ctr=$4
shift 4

mkdir -p "$scratch/disk" "$scratch/run"
mount -t ext4 -o loop,noatime "$image" "$scratch/disk"
mkdir -p "$scratch/disk/var/lib/containerd"
cat > "$scratch/containerd.toml" << END
version = 3
root = "$scratch/disk/var/lib/containerd"
state = "$scratch/run"
# Only the store is wanted: nothing that runs containers or touches the machine.
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart"]
[grpc]
  address = "$scratch/run/containerd.sock"
END
"$containerd" --config "$scratch/containerd.toml" 2>&1 &
server=$!
ask() { "$ctr" --address "$scratch/run/containerd.sock" --namespace k8s.io "$@"; }
until ask version > /dev/null 2>&1; do
  kill -0 "$server" # with set -e: ends here when containerd has ended
  sleep 0.1
done
for archive in "$@"; do ask images import "$archive"; done
kill "$server"
wait "$server" || :
umount "$scratch/disk"
