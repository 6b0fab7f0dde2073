# Dumps every database of a server, verifies the dump, then lets the oldest go.
#
# In:  DATABASE  the name under which dumps are kept
#      KEEP      verified dumps to keep, three or more
#      PGHOST, PGUSER, PGPASSWORD  the server
# On the disk, under larder/dumps/$DATABASE: one folder a dump, named by its time (UTC), with one file
# a database, the roles, a list of contents and checksums. A folder ending in .partial is not a dump.
enter_disk
base="larder/dumps/$DATABASE"
mkdir -p "$base"
cd "$base"

exec 9>.lock
flock 9

# A server that has just become ready is reached through its Service a moment later: every node learns
# of it by itself. Two minutes in all.
tries=60
until pg_isready -q -t 2; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || refuse "$PGHOST does not accept connections; is the database running?"
  sleep "${PAUSE:-2}"
done

# What a killed run left behind: it was never a dump.
rm -rf ./*.partial

stamp=$(date -u +%Y%m%dT%H%M%SZ)
[ ! -e "$stamp" ] || refuse "there is a dump of this very second already"
newest=$(find . -maxdepth 1 -type d -name '[0-9]*Z' | sort | tail -n 1)
newest=${newest#./}
work="$stamp.partial"
mkdir "$work"

pg_dumpall --globals-only >"$work/globals.sql" ||
  refuse "$PGHOST does not hand out its roles to $PGUSER; the line above says why"
tail -c 1024 "$work/globals.sql" | grep -q 'PostgreSQL database cluster dump complete' ||
  refuse 'the list of roles is cut off'

psql -d postgres -AtX -c "select oid || ' ' || datname from pg_database where datallowconn and not datistemplate order by oid" >"$work/databases.partial"
while read -r oid name; do
  file="$oid.dump"
  pg_dump -Fc -d "$name" -f "$work/$file"
  # Reads the whole archive: a truncated or damaged one ends with an error.
  pg_restore -f /dev/null "$work/$file"
  echo "$file $name" >>"$work/databases"
done <"$work/databases.partial"
rm "$work/databases.partial"
[ -s "$work/databases" ] || refuse "$PGHOST has no database to dump"
(cd "$work" && sha256sum ./*.dump globals.sql databases >sha256sums)

durable "$work"/* "$work"
mv "$work" "$stamp"
durable .
echo "dumped $(wc -l <"$stamp/databases") databases of $PGHOST to $NODE:$MOUNT/$base/$stamp ($(du -sk "$stamp" | cut -f1) KiB), verified"

# A clock that went back would make the newest dump look like the oldest.
if [ -n "$newest" ] && [ "$stamp" \< "$newest" ]; then
  echo "WARNING: the clock of $NODE ($stamp) is behind the newest dump ($newest): nothing is removed today"
  exit 0
fi

# Newest first; only dumps whose checksums hold count, and only behind $KEEP of them is anything removed.
[ "$KEEP" -ge 3 ] || refuse "KEEP is $KEEP: fewer than three dumps are never kept"
good=0
for dump in $(find . -maxdepth 1 -type d -name '[0-9]*Z' | sort -r); do
  if [ "$good" -ge "$KEEP" ]; then
    rm -rf "$dump"
    echo "removed the old dump ${dump#./}"
  elif (cd "$dump" && sha256sum -c sha256sums >/dev/null 2>&1); then
    good=$((good + 1))
  else
    echo "WARNING: the dump ${dump#./} is damaged and does not count; look at the disk of $NODE"
  fi
done
echo "$good good dumps are kept"
