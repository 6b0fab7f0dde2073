#!/bin/sh
# Runs a script as root inside a Debian tree and leaves what it changed in a folder of its own:
#
#   derive.sh <base> <work folder> <script>     the changes are in <work folder>/upper
#
# Runs in a mount namespace of its own (unshare --mount), so no mount outlives it.
set -eu
base=$1
work=$2
script=$3

mkdir -p "$work/upper" "$work/work" "$work/root"
mount -t overlay larder-image \
  -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mount -t tmpfs tmpfs "$work/root/run"
mount -t tmpfs tmpfs "$work/root/tmp"
cp -L /etc/resolv.conf "$work/root/run/resolv.conf"
ln -sf /run/resolv.conf "$work/root/etc/resolv.conf"
cp "$script" "$work/root/tmp/derive"
# Nothing is to be started by an installation in here.
printf '#!/bin/sh\nexit 101\n' > "$work/root/usr/sbin/policy-rc.d"
chmod 755 "$work/root/usr/sbin/policy-rc.d"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
  chroot "$work/root" /bin/sh -eu /tmp/derive
