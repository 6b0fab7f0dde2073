#!/bin/sh
# Called by local-path-provisioner when a claim of a tier with reclaim policy Delete is gone.
set -eu
rm -rf "$VOL_DIR"
