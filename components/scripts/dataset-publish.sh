# Runs after the writer: makes what it wrote the current version, in one step, or changes nothing.
#
# In:  STORE  the dataset's volume
#      DATASET  its name, for messages
cd "$STORE"
[ -d incoming/next ] || refuse "the writer of $DATASET left no folder incoming/next"
[ -n "$(ls -A incoming/next)" ] || refuse "the writer of $DATASET made nothing; readers keep version $(current_version)"
strange=$(find incoming/next ! -type f ! -type d ! -type l | head -n 1)
[ -z "$strange" ] || refuse "$strange is neither a file, a folder nor a link; readers keep version $(current_version)"

exec 9>.lock
flock 9

last=$(cat .last 2>/dev/null || echo 0)
newest=$(ls versions | sort | tail -n 1)
for number in "${newest:-0}" "$(current_version)"; do
  number=$(echo "${number:-0}" | sed 's/^0*\([0-9]\)/\1/')
  if [ "$number" -gt "$last" ]; then last=$number; fi
done
version=$(printf '%08d' $((last + 1)))

# What did not change since the current version is shared with it, file by file: a link, no copy.
before=$(current_version)
shared=0
if [ -n "$before" ] && [ -d "versions/$before" ]; then
  BEFORE="$STORE/versions/$before"
  export BEFORE
  shared=$(cd incoming/next && find . -type f -exec sh -c '
    for file; do
      old="$BEFORE/$file"
      if [ -f "$old" ] && [ ! -L "$old" ] && cmp -s "$file" "$old"; then
        ln -f "$old" "$file.larder-shared" && mv -f "$file.larder-shared" "$file" && echo shared
      fi
    done' sh {} + | wc -l)
fi

find incoming/next -type f -exec chmod a-w,a+r {} +
find incoming/next -mindepth 1 -type d -exec chmod a-w,a+rx {} +
sync
echo $((last + 1)) >.last.partial
mv .last.partial .last
mv -T incoming/next "versions/$version"
chmod a-w,a+rx "versions/$version"
sync
point "versions/$version" current
sync
total=$(find "versions/$version" -type f | wc -l)
echo "published version $version of $DATASET: $total files, of which $shared are shared with version ${before:-none}"
