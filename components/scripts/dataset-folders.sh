# Makes the folders of a dataset, on its own volume only.
#
# In:  STORE    the dataset's volume
#      VOLUME   the volume's name when its tier makes a mark, else nothing
if [ -n "${VOLUME:-}" ] && [ "$(cat "$STORE/.larder-volume" 2>/dev/null)" != "$VOLUME" ]; then
  refuse "what is mounted at $STORE is not the volume $VOLUME (its file .larder-volume is missing or names another)"
fi
cd "$STORE"
for folder in incoming versions leases; do
  if [ ! -d "$folder" ]; then mkdir "$folder"; fi
done
# Readers run as users of their own, in the dataset's group.
if [ -O leases ]; then chmod 2770 leases; fi
