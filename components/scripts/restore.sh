# Fills a new volume from its newest good backup, or from the one that is named. Never touches data.
#
# In:  as restic.sh, and
#      DATA      where the volume is mounted: the same path as in the backup
#      COPIES    an empty folder for copies of SQLite files, at the same path as in the backup
#      SNAPSHOT  `latest`, or an id
if [ ! -e "$DATA/.larder-restoring" ] && ! is_empty "$DATA"; then
  echo "$SOURCE holds data already; nothing was restored. To look at a backup, restore it into a volume declared beside this one"
  exit 0
fi
list || refuse "the repository of $SOURCE does not open: the line above says why. Nothing was restored"
if [ "$SNAPSHOT" = latest ]; then
  id=$(newest_good | id_of)
  [ -n "$id" ] || refuse "there is no verified backup of $SOURCE; write \`restore: none\` to begin with an empty volume"
else
  id=$(verified | id_of | grep "^$SNAPSHOT" || true)
  [ "$(echo "$id" | wc -w)" = 1 ] || refuse "$SNAPSHOT is not one verified backup of $SOURCE; there are: $(verified | id_of | tr '\n' ' ')"
fi
echo "$id" >"$DATA/.larder-restoring"
sync
begun=$(date +%s)
restic restore "$id" --target / --include "$DATA" --include "$COPIES" --verify || refuse "the restore of $SOURCE did not end well; the next \`pulumi up\` goes on"
if [ -d "$COPIES/tree" ]; then cp -a "$COPIES/tree/." "$DATA/"; fi
sync
mv "$DATA/.larder-restoring" "$DATA/.larder-restored"
sync
echo "restored $SOURCE from $id in $(($(date +%s) - begun)) s, verified"
