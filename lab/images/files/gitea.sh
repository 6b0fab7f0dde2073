#!/bin/sh
# The command `gitea` in the image: the program with the configuration of the entry point.
exec /app/gitea/gitea -c "$GITEA_APP_INI" "$@"
