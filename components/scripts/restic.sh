# Sourced before the scripts that use restic: the repository, and what counts as a good backup in it.
#
# In:  RESTIC_REPOSITORY, RESTIC_PASSWORD_FILE, and the credentials of the target
#      SOURCE  what is backed up, for messages and as a tag
# A snapshot is good when it carries the tag `verified`: it got it after restic had read back its structure
# and a part of the store. One without it never counts and never pushes a good one out.
set -eu
tmp=${TMPDIR:-/tmp}

refuse() {
  echo "REFUSED: $*" >&2
  exit 1
}

# restic's list of snapshots into $tmp/listed, one a line, the newest last. Fails when the repository does
# not open, and shows why.
list() {
  restic snapshots --json --no-lock >"$tmp/snapshots" || return 1
  sed 's/},{/},\
{/g' "$tmp/snapshots" | grep '"short_id"' >"$tmp/listed" || true
}

verified() {
  grep '"verified"' "$tmp/listed" || true
}

id_of() {
  sed 's/.*"short_id": *"\([0-9a-f]*\)".*/\1/'
}

time_of() {
  sed 's/.*"time": *"\([^"]*\)".*/\1/'
}

# The newest good one, nothing when there is none.
newest_good() {
  verified | tail -n 1
}

is_empty() {
  [ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name '.larder-*' ! -name lost+found | head -n 1)" ]
}
