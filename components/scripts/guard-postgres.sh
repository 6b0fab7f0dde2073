# Runs before PostgreSQL: refuses to let it make a new, empty cluster in place of the one that was there.
#
# In:  VOLUME    the volume's name
#      ROOT      where the volume is mounted
#      PGDATA    the data directory in it
set -eu

refuse() {
  echo "REFUSED: $*" >&2
  exit 1
}

if [ -n "${VOLUME:-}" ] && [ "$(cat "$ROOT/.larder-volume" 2>/dev/null)" != "$VOLUME" ]; then
  refuse "what is mounted at $ROOT is not the volume $VOLUME (its file .larder-volume is missing or names another)"
fi
if [ -f "$PGDATA/PG_VERSION" ]; then
  echo 'from now on an empty data directory is lost data, not a new database' >"$ROOT/.larder-initialised"
elif [ -f "$ROOT/.larder-initialised" ]; then
  refuse "the data directory $PGDATA has gone from a volume that had one; restore a dump (docs/components/dump-schedule.md), or remove $ROOT/.larder-initialised to begin with an empty database"
fi
