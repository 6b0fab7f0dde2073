#!/bin/bash
# Entrypoint of the lab's PostgreSQL image, with the contract of the official image (its documentation:
# docker-library/docs, postgres): POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS,
# POSTGRES_INITDB_WALDIR, POSTGRES_HOST_AUTH_METHOD, the first four also as *_FILE; PGDATA; scripts in
# /docker-entrypoint-initdb.d at the first start; started as root it continues as postgres, started as any
# other user it stays that user.
set -Eeuo pipefail

# from_file NAME [DEFAULT]: takes NAME, or the content of the file that NAME_FILE names.
from_file() {
  local name=$1 file_name=${1}_FILE
  if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then
    echo "error: both $name and $file_name are set; use one of them" >&2
    exit 1
  fi
  local value=${!name:-${2:-}}
  if [[ -n ${!file_name:-} ]]; then value=$(< "${!file_name}"); fi
  export "$name=$value"
  unset "$file_name"
}

prepare_folders() {
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" || : # not ours to change when a volume plug-in owns it; the server will judge
  mkdir -p /var/run/postgresql
  chmod 3775 /var/run/postgresql || :
  if [[ -n ${POSTGRES_INITDB_WALDIR:-} ]]; then
    mkdir -p "$POSTGRES_INITDB_WALDIR"
    chmod 0700 "$POSTGRES_INITDB_WALDIR"
  fi
}

give_to_postgres() {
  find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
  find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
  if [[ -n ${POSTGRES_INITDB_WALDIR:-} ]]; then
    find "$POSTGRES_INITDB_WALDIR" \! -user postgres -exec chown postgres '{}' +
  fi
}

require_password() {
  if [[ -z $POSTGRES_PASSWORD && $POSTGRES_HOST_AUTH_METHOD != trust ]]; then
    cat >&2 << 'END'
error: the database is new and the superuser has no password

  What to do: set POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) to a value that is not empty, or, where
  anybody who reaches the port may do anything, POSTGRES_HOST_AUTH_METHOD=trust
END
    exit 1
  fi
  if [[ $POSTGRES_HOST_AUTH_METHOD == trust ]]; then
    echo 'warning: POSTGRES_HOST_AUTH_METHOD=trust: everyone who reaches the port is let in' >&2
  fi
}

# initdb looks its user up by name; a uid without an entry gets one from a library for the time being.
with_user_entry() {
  if getent passwd "$(id -u)" > /dev/null; then
    "$@"
    return
  fi
  local passwd group
  passwd=$(mktemp)
  group=$(mktemp)
  echo "postgres:x:$(id -u):$(id -g):PostgreSQL:$PGDATA:/bin/false" > "$passwd"
  echo "postgres:x:$(id -g):" > "$group"
  LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD=$passwd NSS_WRAPPER_GROUP=$group "$@"
  rm -f "$passwd" "$group"
}

create_cluster() {
  local wal=()
  if [[ -n ${POSTGRES_INITDB_WALDIR:-} ]]; then wal=(--waldir "$POSTGRES_INITDB_WALDIR"); fi
  # The arguments are words of a shell, quotes included, as with the official image.
  local arguments=()
  eval "arguments=(${POSTGRES_INITDB_ARGS:-})"
  with_user_entry initdb --username "$POSTGRES_USER" \
    --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") "${wal[@]}" "${arguments[@]}"
}

allow_hosts() {
  local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
}

run_sql() {
  local database=()
  if [[ -n ${POSTGRES_DB:-} ]]; then database=(--dbname "$POSTGRES_DB"); fi
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc \
    "${database[@]}" "$@"
}

create_database() {
  local there
  there=$(POSTGRES_DB='' run_sql --dbname postgres --tuples-only --no-align --set "name=$POSTGRES_DB" \
    <<< "SELECT 1 FROM pg_database WHERE datname = :'name'")
  if [[ -z $there ]]; then
    POSTGRES_DB='' run_sql --dbname postgres --set "name=$POSTGRES_DB" <<< 'CREATE DATABASE :"name"'
  fi
}

run_init_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh)
        echo "running $script"
        # Without the executable bit it becomes part of this shell, so that it may set variables.
        if [[ -x $script ]]; then "$script"; else . "$script"; fi
        ;;
      *.sql) echo "running $script" && run_sql --file "$script" ;;
      *.sql.gz) echo "running $script" && gunzip --stdout "$script" | run_sql ;;
      *.sql.xz) echo "running $script" && xzcat "$script" | run_sql ;;
      *.sql.zst) echo "running $script" && zstd --decompress --stdout "$script" | run_sql ;;
      '/docker-entrypoint-initdb.d/*') ;; # the folder is empty
      *) echo "ignoring $script" ;;
    esac
  done
}

first_start() {
  require_password
  # Fail before anything is written when the scripts cannot be read.
  ls /docker-entrypoint-initdb.d > /dev/null
  create_cluster
  allow_hosts
  # No TCP until the scripts have run: nobody must see a half-made database as ready.
  PGUSER=${PGUSER:-$POSTGRES_USER} pg_ctl -D "$PGDATA" -w start \
    -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")"
  export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
  create_database
  run_init_scripts
  unset PGPASSWORD
  PGUSER=${PGUSER:-postgres} pg_ctl -D "$PGDATA" -m fast -w stop
  echo 'PostgreSQL is set up; starting it'
}

# Help and version need no database.
wants_words_only() {
  local argument
  for argument in "$@"; do
    case $argument in
      -'?' | --help | --describe-config | -V | --version) return 0 ;;
      *) ;;
    esac
  done
  return 1
}

if [[ ${1:-} == -* ]]; then set -- postgres "$@"; fi
if [[ ${1:-} != postgres ]] || wants_words_only "$@"; then exec "$@"; fi

prepare_folders
if [[ $(id -u) == 0 ]]; then
  give_to_postgres
  exec setpriv --reuid postgres --regid postgres --init-groups "$BASH_SOURCE" "$@"
fi
from_file POSTGRES_PASSWORD
from_file POSTGRES_USER postgres
from_file POSTGRES_DB "$POSTGRES_USER"
from_file POSTGRES_INITDB_ARGS
: "${POSTGRES_HOST_AUTH_METHOD:=}"
if [[ -s $PGDATA/PG_VERSION ]]; then
  echo 'the database is there already; starting it'
else
  first_start "${@:2}"
fi
exec "$@"
