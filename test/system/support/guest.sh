#!/bin/busybox sh
# The first process of the guest: shows it the machine's files, read-only under a layer in memory,
# and runs what the kernel's command line names. Everything is over when that ends.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in virtio_pci 9pnet_virtio 9p overlay virtio_blk nbd ext4 crc32c_generic; do
  $b modprobe $module || echo "guest: cannot load $module"
done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 machine /lower
$b mount -t tmpfs -o size=700m tmpfs /upper
$b mkdir /upper/changes /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /root
for folder in proc sys dev; do $b mount --move /$folder /root/$folder; done
for word in $($b cat /root/proc/cmdline); do
  case $word in run=*) run=${word#run=} ;; esac
done
$b cp "/root$run" /upper/script
for folder in tmp run; do $b mount -t tmpfs tmpfs /root/$folder; done
$b cp /upper/script /root/run/script
echo "guest: up after $($b cut -d' ' -f1 /root/proc/uptime) s"
exec $b switch_root /root /bin/sh /run/script
