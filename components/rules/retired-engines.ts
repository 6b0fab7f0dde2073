/** Storage that people still ask for by name, and what took its place. */
const retired: Readonly<Record<string, { readonly ended: string; readonly instead: string }>> = {
  cstor: {
    ended: 'OpenEBS cStor, which was archived upstream and gets no fixes',
    instead:
      'choose `engine: openebs-hostpath` for one fast copy, `longhorn` or `larder` for several; data move by restoring a backup',
  },
  jiva: {
    ended: 'OpenEBS Jiva, which was archived upstream; Longhorn is its living relative',
    instead: 'choose `engine: longhorn` or `larder`; data move by restoring a backup',
  },
  minio: {
    ended: 'MinIO, an object store and no tier, whose open edition has ended',
    instead:
      'remove it from larder:tiers; for S3 at home run Garage, SeaweedFS or versitygw beside the cluster',
  },
};

/** What to say of an engine that is not offered any more; undefined for a word nobody knows. */
export function retiredEngine(word: string): { ended: string; instead: string } | undefined {
  const plain = word.toLowerCase().replace(/^openebs[-_ ]?/, '');
  return Object.hasOwn(retired, plain) ? retired[plain] : undefined;
}
