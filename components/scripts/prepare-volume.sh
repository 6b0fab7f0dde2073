# Makes the directory of a volume on its disk, once in the life of the volume.
#
# In:  VOLUME  the volume's name
#      ADOPT   a folder on the disk that holds its data already, or nothing
#      $KNOWN  (default /known/volume) is there as soon as the cluster knows the volume. From then on
#      nothing is ever made: a missing directory is a missing disk or lost data, and an empty one in its
#      place would be taken for the volume.
enter_disk
directory=${ADOPT:-larder/volumes/$VOLUME}
mark="$directory/.larder-volume"

if [ -f "$mark" ]; then
  holder=$(cat "$mark")
  [ "$holder" = "$VOLUME" ] ||
    refuse "$MOUNT/$directory on $NODE belongs to the volume $holder, not to $VOLUME"
  echo "$MOUNT/$directory on $NODE holds the volume $VOLUME already; nothing to do"
  exit 0
fi

if [ -e "${KNOWN:-/known/volume}" ]; then
  refuse "the volume $VOLUME exists, but $MOUNT on $NODE does not hold it: is another disk mounted there? Nothing was made. Attach the right disk, or restore the data to $MOUNT/$directory together with its file .larder-volume"
fi

if [ -n "${ADOPT:-}" ]; then
  # Said in words: these files are the volume. An empty folder is not what was meant.
  [ -d "$directory" ] && [ -n "$(ls -A "$directory")" ] ||
    refuse "there is nothing to adopt at $MOUNT/$directory on $NODE: the folder is missing or empty. Correct \`adopt:\`, or leave it out to begin with an empty volume"
  echo "$VOLUME" >"$mark.partial"
  durable "$mark.partial"
  mv "$mark.partial" "$mark"
  durable "$directory"
  echo "adopted $MOUNT/$directory on $NODE as the volume $VOLUME"
  exit 0
fi

if [ -d "$directory" ] && [ -n "$(ls -A "$directory")" ]; then
  refuse "$MOUNT/$directory on $NODE holds files that Larder did not put there. Move them away, or take them over: \`adopt: $directory\` in the volume's entry"
fi

# Group and set-group-id are the pod's (fsGroup); the mark comes last, so that a directory with it is whole.
mkdir -p "$directory"
chmod 0770 "$directory"
echo "$VOLUME" >"$mark.partial"
durable "$mark.partial"
mv "$mark.partial" "$mark"
durable "$directory" larder/volumes larder .
echo "made $MOUNT/$directory on $NODE for the volume $VOLUME"
