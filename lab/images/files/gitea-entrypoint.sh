#!/bin/sh
# As in the official rootless image: makes the folders, writes the configuration from the environment
# (GITEA__section__KEY), then runs Gitea, or what it is given.
set -eu
for folder in "$HOME" "$GITEA_CUSTOM" "$GITEA_TEMP" "${GITEA_APP_INI%/*}"; do
  mkdir -p "$folder"
done
if [ ! -f "$GITEA_APP_INI" ]; then
  printf 'RUN_USER = git\nRUN_MODE = prod\n' >"$GITEA_APP_INI"
fi
/app/gitea/gitea config edit-ini --in-place --apply-env --config "$GITEA_APP_INI"
if [ $# -gt 0 ]; then exec "$@"; fi
exec gitea web
