# Fills a new, empty server from its newest whole dump. Never touches a server that holds tables.
#
# In:  DATABASE  the name under which dumps are kept
#      SNAPSHOT  `latest`, or the time of a dump (the name of its folder)
#      PGHOST, PGUSER, PGPASSWORD  the server
enter_disk
cd "larder/dumps/$DATABASE" 2>/dev/null || refuse "$MOUNT on $NODE holds no dumps of $DATABASE; write \`restore: none\` to begin with an empty database"

tries=60
until pg_isready -q -t 2; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || refuse "$PGHOST does not accept connections; is the database running?"
  sleep "${PAUSE:-2}"
done

ask() {
  psql -d "$1" -AtX -v ON_ERROR_STOP=1 -c "$2"
}
tables="select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)'"
for database in $(ask postgres 'select datname from pg_database where datallowconn and not datistemplate'); do
  [ "$(ask "$database" "$tables")" = 0 ] || {
    if [ "$(ask postgres "select count(*) from pg_database where datname = 'larder_restoring'")" = 1 ]; then break; fi
    echo "the database $database on $PGHOST holds tables already; nothing was restored"
    exit 0
  }
done

found=''
for dump in $(find . -maxdepth 1 -type d -name '[0-9]*Z' | sort -r); do
  if [ "$SNAPSHOT" != latest ] && [ "$dump" != "./$SNAPSHOT" ]; then continue; fi
  if (cd "$dump" && sha256sum -c sha256sums >/dev/null 2>&1); then
    found=$dump
    break
  fi
  echo "WARNING: the dump ${dump#./} is damaged; an older one is looked for"
done
[ -n "$found" ] || refuse "there is no whole dump of $DATABASE (wanted: $SNAPSHOT) on $MOUNT of $NODE; write \`restore: none\` to begin with an empty database"

# Says that a restore has begun, should it be killed: the next run begins it anew.
ask postgres "select 1 from pg_database where datname = 'larder_restoring'" | grep -q 1 || ask postgres 'create database larder_restoring' >/dev/null
# Roles that are there already are no error, and the password of this server stays what its Secret says.
grep -v -E "^(CREATE|ALTER) ROLE \"?$PGUSER\"?[ ;]" "$found/globals.sql" | psql -d postgres -qX >/dev/null
while read -r file name; do
  if [ "$name" = larder_restoring ]; then continue; fi
  exists=$(ask postgres "select count(*) from pg_database where datname = '$name'")
  if [ "$exists" = 0 ]; then ask postgres "create database \"$name\"" >/dev/null; fi
  pg_restore --clean --if-exists --exit-on-error -d "$name" "$found/$file" || refuse "the dump ${found#./} of $name cannot be restored; nothing else was touched"
done <"$found/databases"
ask postgres 'drop database larder_restoring' >/dev/null
echo "restored $(wc -l <"$found/databases") databases of $DATABASE from ${found#./}"
