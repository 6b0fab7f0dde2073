# Runs before an application: refuses to let it begin in place of its data.
#
# In:  ROOT     where the volume is mounted
#      VOLUME   the volume's name when its tier makes a mark, else nothing
set -eu

if [ -n "${VOLUME:-}" ] && [ "$(cat "$ROOT/.larder-volume" 2>/dev/null)" != "$VOLUME" ]; then
  echo "REFUSED: what is mounted at $ROOT is not the volume $VOLUME (its file .larder-volume is missing or names another)" >&2
  exit 1
fi
if [ -e "$ROOT/.larder-restoring" ]; then
  echo "REFUSED: the restore of $ROOT did not end; run \`pulumi up\` again, it goes on where it was" >&2
  exit 1
fi
