# Runs before the writer: an empty folder to write to, and nothing left of a run that was killed.
#
# In:  as dataset-folders.sh, which ran before
if [ -d incoming/next ]; then
  # A killed run may have made folders read-only already. Files are left alone: they may be shared.
  find incoming/next -type d -exec chmod u+w {} +
  rm -rf incoming/next
fi
mkdir incoming/next
echo "write to $STORE/incoming/next; current is version $(current_version)"
