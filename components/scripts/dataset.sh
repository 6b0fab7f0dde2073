# Sourced before the other scripts of a dataset. Its folders, under $STORE:
#
#   incoming/next           what the writer is making
#   versions/00000042       a version: whole, read-only, never changed
#   current                 a link to one of them; replaced by a rename, so it is always one or the other
#   leases/00000042/<pod>   that pod may still read that version; touched while it does
#   .last                   the number given last; a number is never given twice
set -eu

refuse() {
  echo "REFUSED: $*" >&2
  exit 1
}

# Number of the current version, nothing before the first one.
current_version() {
  link=$(readlink "$STORE/current" 2>/dev/null) || return 0
  echo "${link#versions/}"
}

# Replaces a link in one step.
point() {
  rm -f "$2.partial"
  ln -s "$1" "$2.partial"
  mv -T "$2.partial" "$2"
}
