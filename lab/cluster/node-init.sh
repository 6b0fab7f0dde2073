#!/bin/sh
# The first process of one lab node, started in fresh mount, network, UTS, IPC and pid namespaces:
#
#   node-init.sh <node folder>     on standard input: a line "go" once the network is plugged in,
#                                  its end once the API server answers
#
# The node's root is an overlay: the machine's own files below, read-only by nature, and the node's disk
# above. So every path is the standard one, what pods do to the file system stays in the node, and
# nothing is ever created on the machine. It ends when its starter dies before saying "go".
set -eu

folder=$1
# NODE_NAME NODE_ADDRESS NODE_BOOT_ID NODE_MACHINE_ID NODE_LABELS LAB_BIN STORE STORE_IMAGE
# READ_ONLY_FOLDERS CGROUP_FILES: lists, one entry a line; DISKS: "<image> <path>" a line
. "$folder/node.env"
root=$folder/root
disk=$folder/disk
lines() { printf '%s\n' "$1" | sed '/^$/d'; }

mount -t ext4 -o loop,noatime "$folder/root.img" "$disk"
mkdir -p "$disk/upper" "$disk/work"
mkdir -p "$disk/var/lib/containerd"
mount -t overlay larder -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$root"

mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run" # empty after a boot, as on any machine
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

# Every container image, unpacked; a new node's own store begins as links to them.
mkdir -p "$root$STORE"
mount -t ext4 -o loop,ro,noload "$STORE_IMAGE" "$root$STORE"
[ -e "$disk/var/lib/containerd/io.containerd.metadata.v1.bolt" ] ||
  cp -a "$root$STORE/skeleton/." "$disk/var/lib/containerd/"

# containerd's snapshots are overlays themselves and need a plain file system; volumes want one too.
for path in var/lib/kubelet var/lib/containerd var/lib/cni var/log/pods var/log/containers; do
  mkdir -p "$disk/$path" "$root/$path"
  mount --bind "$disk/$path" "$root/$path"
done
lines "$READ_ONLY_FOLDERS" | while IFS= read -r path; do
  mkdir -p "$root$path"
  mount --bind "$path" "$root$path"
  mount -o remount,bind,ro "$root$path"
done
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
lines "$DISKS" | while read -r image path; do
  mkdir -p "$root$path"
  mount -t ext4 -o loop "$folder/$image" "$root$path"
done
cp -RPp "$folder/files/." "$root/"

# The kubelet insists on these values and would set them for the whole machine: it is shown files that
# hold them already. A boot id of its own makes a restart of the node a reboot for Kubernetes.
mkdir -p "$root/run/lab"
show() {
  [ -e "$root/proc/sys/$1" ] || return 0
  file=$root/run/lab/$(printf %s "$1" | tr / _)
  printf '%s\n' "$2" > "$file"
  mount --bind "$file" "$root/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
show kernel/random/boot_id "$NODE_BOOT_ID"
rm -f "$root/etc/machine-id"
printf '%s\n' "$NODE_MACHINE_ID" > "$root/etc/machine-id"

cd "$root"
mkdir run/machine
pivot_root . run/machine
cd /
umount -l /run/machine
rmdir /run/machine
mount --make-rshared / # last, so that it covers every mount: Bidirectional volumes need it
printf '%s\n' "$NODE_NAME" > /proc/sys/kernel/hostname
for file in $CGROUP_FILES; do printf "1\n" > "$file"; done

IFS= read -r go && [ "$go" = go ] || exit 1
export PATH="$LAB_BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What systemd does on a real node.
keep() {
  log=$folder/log/$1.log
  shift
  (
    while :; do
      code=0
      "$@" < /dev/null >> "$log" 2>&1 || code=$?
      printf 'node-init: ended with code %s, starting again\n' "$code" >> "$log"
      sleep 1
    done
  ) &
}
keep containerd containerd --config /etc/containerd/lab.toml
# A kubelet that finds no containerd ends and costs a second more.
until ctr version > /dev/null 2>&1; do sleep 0.1; done
keep kubelet kubelet --config /etc/kubernetes/kubelet.json \
  --kubeconfig /etc/kubernetes/kubelet.kubeconfig --hostname-override "$NODE_NAME" \
  --node-ip "$NODE_ADDRESS" --node-labels "$NODE_LABELS"

# kube-proxy asks once too early, and then again only after many seconds.
read -r _ || :
exec < /dev/null
keep kube-proxy kube-proxy --config /etc/kubernetes/kube-proxy.json --hostname-override "$NODE_NAME"

# Waits for ever and buries the orphans of the node, as a first process must.
while :; do
  wait || :
  sleep 1
done
