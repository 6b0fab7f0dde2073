#!/bin/sh
# Imports images into a containerd store on a disk image, by a containerd of its own:
#
#   fill-store.sh <disk image> <scratch folder> <containerd> <ctr> <mount point in the nodes> <archive>...
#
# On the image: containerd/ is that store, and skeleton/ is what a node copies to start a store of its own
# with: the databases as they are, the contents and unpacked layers as links into containerd/.
# Runs in mount and pid namespaces of its own (unshare --mount --pid --fork --kill-child), so neither mount
# nor process outlives it.
set -eu
image=$1
scratch=$2
containerd=$3
ctr=$4
mounted=$5
shift 5

mkdir -p "$scratch/disk" "$scratch/run"
mount -t ext4 -o loop,noatime "$image" "$scratch/disk"
cat > "$scratch/containerd.toml" << END
version = 3
root = "$scratch/disk/containerd"
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

cd "$scratch/disk/containerd"
content=io.containerd.content.v1.content/blobs/sha256
layers=io.containerd.snapshotter.v1.overlayfs/snapshots
metadata=io.containerd.metadata.v1.bolt/meta.db
for name in "$content" "$layers" "${metadata%/*}"; do mkdir -p "../skeleton/$name"; done
chmod 700 ../skeleton/io.containerd.*
for name in "$content"/* "$layers"/*; do ln -s "$mounted/containerd/$name" "../skeleton/$name"; done
cp -p "$metadata" "../skeleton/$metadata"
cp -p "${layers%/*}/metadata.db" "../skeleton/${layers%/*}/metadata.db"
cd /
umount "$scratch/disk"
