# Tries a backup target before anything relies on it: writes a backup, reads it back, removes it.
#
# In:  as restic.sh; SOURCE is the target's name
if ! list; then
  restic init || refuse "the target $SOURCE neither opens nor can be used: the lines above say why (wrong password, wrong keys, address not reached)"
fi
rm -rf "$tmp/probe" "$tmp/back"
mkdir "$tmp/probe" "$tmp/back"
head -c 100000 /dev/urandom >"$tmp/probe/bytes"
restic backup --host larder --tag probe "$tmp/probe" >/dev/null || refuse "the target $SOURCE takes no backup: the lines above say why"
restic restore latest --tag probe --target "$tmp/back" >/dev/null || refuse "the target $SOURCE does not give back what it took"
cmp "$tmp/probe/bytes" "$tmp/back$tmp/probe/bytes" || refuse "the target $SOURCE gives back other bytes than it took"
restic forget --group-by '' --tag probe --keep-last 1 --prune >/dev/null || refuse "the target $SOURCE lets nothing be removed: old backups would stay for ever"
echo "the target $SOURCE took a backup and gave it back"
