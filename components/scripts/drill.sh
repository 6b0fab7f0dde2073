# A restore that nobody needs: the newest good backup into a scratch folder, read back and measured.
#
# In:  as restic.sh, and
#      SCRATCH  an empty folder that goes with the pod
#      MAX_AGE_SECONDS  the newest good backup may not be older
list || refuse "the repository of $SOURCE does not open: the line above says why"
good=$(newest_good)
[ -n "$good" ] || refuse "there is no verified backup of $SOURCE"
id=$(echo "$good" | id_of)
taken=$(echo "$good" | time_of)
begun=$(date +%s)
oldest=$(date -u -d "@$((begun - MAX_AGE_SECONDS))" +%Y-%m-%dT%H:%M:%S)
[ ! "${taken%%[.Z]*}" \< "$oldest" ] || refuse "the newest verified backup of $SOURCE is of $taken, older than it may be ($MAX_AGE_SECONDS s)"
restic restore "$id" --target "$SCRATCH" --verify || refuse "the backup $id of $SOURCE cannot be restored"
seconds=$(($(date +%s) - begun))
files=$(find "$SCRATCH" -type f | wc -l)
[ "$files" -gt 0 ] || refuse "the backup $id of $SOURCE holds no file"
# Dumps carry checksums of their own.
for sums in $(find "$SCRATCH" -name sha256sums | sort -r | head -n 1); do
  (cd "${sums%/*}" && sha256sum -c sha256sums >/dev/null) || refuse "the newest dump in the backup $id of $SOURCE is damaged"
  echo "the newest dump, ${sums%/*}, holds"
done
echo "DRILL $SOURCE: $id of $taken, $files files, $(du -sk "$SCRATCH" | cut -f1) KiB in $seconds s"
