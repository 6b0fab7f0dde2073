# Backs up a folder into its repository, verifies, then lets the oldest go.
#
# In:  as restic.sh, and
#      DATA    the folder
#      VOLUME  the name that the mark in it must have; nothing when its tier makes no mark
#      KEEP    restic's flags of retention (rules/retention.ts)
#      EXCLUDE  names below DATA that are left out, nothing for none
#      PARTS   the whole store is read once in so many runs
#      COPIES  nothing, or a folder with consistent copies of the SQLite files (jobs/sqlite-copies.ts):
#              `files` names them, `tree` holds them; the live ones are left out
[ -d "$DATA" ] || refuse "there is no $DATA to back up"
if [ -n "${VOLUME:-}" ] && [ "$(cat "$DATA/.larder-volume" 2>/dev/null)" != "$VOLUME" ]; then
  refuse "what is mounted at $DATA is not the volume $VOLUME (its file .larder-volume is missing or names another); nothing was backed up"
fi
[ ! -e "$DATA/.larder-restoring" ] || refuse "$SOURCE is being restored; nothing was backed up"

# Made at the first backup. A repository that is there and does not open is never made anew: restic refuses.
if ! list; then
  restic init || refuse "the repository of $SOURCE neither opens nor can be made: the lines above say why (wrong password, wrong keys, target not reached)"
  : >"$tmp/listed"
fi
# Locks of runs that were killed; restic leaves those of living ones alone.
restic unlock

good=$(newest_good)
if is_empty "$DATA" && [ -n "$good" ]; then
  refuse "$SOURCE is empty and its newest backup is not: an empty backup would push the good ones out. Restore it, or remove its repository when it is meant"
fi

for name in .larder-volume .larder-restored lost+found ${EXCLUDE:-}; do
  echo "$DATA/$name"
done >"$tmp/exclude"
if [ -n "${COPIES:-}" ]; then
  [ -f "$COPIES/files" ] || refuse "there are no copies of the SQLite files of $SOURCE"
  while read -r file; do
    # In a list of patterns these mean themselves only behind a backslash, and a dollar when doubled.
    plain=$(printf '%s/%s' "$DATA" "$file" | sed 's/[][*?\\]/\\&/g; s/[$]/$$/g')
    for suffix in '' -wal -shm -journal; do echo "$plain$suffix"; done
  done <"$COPIES/files" >>"$tmp/exclude"
fi

code=0
restic backup --host larder --tag "source=$SOURCE" --exclude-file "$tmp/exclude" "$DATA" ${COPIES:+"$COPIES"} >"$tmp/out" 2>&1 || code=$?
cat "$tmp/out"
# 3: some files could not be read. What was written carries no mark of a good one.
[ "$code" = 0 ] || refuse "restic ended with $code: this backup of $SOURCE is not complete and does not count"
id=$(sed -n 's/^snapshot \([0-9a-f]*\) saved$/\1/p' "$tmp/out")
[ -n "$id" ] || refuse 'restic named no snapshot'

part=$(($(date +%s) / 86400 % PARTS + 1))
restic check --read-data-subset="$part/$PARTS" || refuse "the repository of $SOURCE is damaged; nothing was removed. See \`restic check\` and \`restic repair\`"
restic tag --add verified "$id"
echo "verified $id: the structure, and part $part of $PARTS of the store"

newest=$(tail -n 1 "$tmp/listed" | time_of)
now=$(date -u +%Y-%m-%dT%H:%M:%S)
if [ "$now" \< "${newest%%[.Z]*}" ]; then
  echo "WARNING: the clock ($now) is behind the newest backup ($newest): nothing is removed today"
  exit 0
fi
# Those of failed runs before this one.
unverified=$(grep -v '"verified"' "$tmp/listed" | id_of || true)
if [ -n "$unverified" ]; then
  # shellcheck disable=SC2086
  restic forget $unverified
fi
# shellcheck disable=SC2086
restic forget --group-by '' --tag verified --prune $KEEP
echo "backed up $SOURCE: $id, verified"
