# Removes the versions that nobody reads: never the current one, never one with a live lease, and not the
# newest $KEEP before the current one.
#
# In:  STORE          the dataset's volume
#      DATASET        its name, for messages
#      KEEP           older versions that stay though nobody reads them
#      LEASE_SECONDS  a lease that was not touched for so long is a dead pod's
# Times are compared as the file system of the dataset gives them, never with the node's clock.
cd "$STORE"
[ -d versions ] || { echo "$DATASET has no version yet"; exit 0; }
exec 9>.lock
flock 9
touch .now
now=$(stat -c %Y .now)

# True when a pod may be reading the version.
is_leased() {
  for lease in "leases/$1"/*; do
    touched=$(stat -c %Y "$lease" 2>/dev/null) || continue
    if [ $((now - touched)) -le "$LEASE_SECONDS" ]; then return 0; fi
  done
  return 1
}

# Only folders are made writable: the files of a version may be those of the next one too.
remove_going() {
  find "versions/.going-$1" -type d -exec chmod u+w {} +
  rm -rf "versions/.going-$1" "leases/$1"
  echo "removed version $1 of $DATASET: nobody reads it any more"
}

# A version goes in two steps. A reader takes its lease first and looks for the version then, so either it
# finds the version gone and takes the current one, or its lease is seen here and the version comes back.
let_go() {
  chmod u+w "versions/$1"
  mv -T "versions/$1" "versions/.going-$1"
  if is_leased "$1"; then
    mv -T "versions/.going-$1" "versions/$1"
    chmod a-w "versions/$1"
  else
    remove_going "$1"
  fi
}

current=$(current_version)
[ -n "$current" ] || { echo "$DATASET has no current version"; exit 0; }

# What a killed run left half-way.
for going in versions/.going-*; do
  [ -d "$going" ] || continue
  version=${going#versions/.going-}
  if is_leased "$version" || [ "$version" = "$current" ]; then
    mv -T "$going" "versions/$version"
    chmod a-w "versions/$version"
  else
    remove_going "$version"
  fi
done

older=0
for version in $(ls versions | sort -r); do
  if [ "$version" = "$current" ]; then continue; fi
  older=$((older + 1))
  if [ "$older" -le "$KEEP" ] || is_leased "$version"; then continue; fi
  let_go "$version"
done
echo "$DATASET: version $current is current, $(ls versions | wc -l) on the disk, $(du -sk versions | cut -f1) KiB"
