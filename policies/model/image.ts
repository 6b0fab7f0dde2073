/**
 * A container image reference taken apart: `registry/repository:tag@digest`.
 * Rules of the split: the distribution project's reference grammar (a first part with a dot, a
 * colon or the word localhost is a registry).
 */

export interface Image {
  readonly reference: string;
  readonly registry: string;
  /** Lower-case, without registry, tag and digest: `library/postgres` is written `postgres`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

export function parseImage(reference: string): Image {
  const [named = '', digest] = reference.trim().split('@', 2);
  const slash = named.lastIndexOf('/');
  const colon = named.lastIndexOf(':');
  const tag = colon > slash ? named.slice(colon + 1) : undefined;
  const path = tag === undefined ? named : named.slice(0, colon);
  const [first = '', ...rest] = path.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const repository = (hasRegistry ? rest.join('/') : path).toLowerCase();
  return {
    reference,
    registry: hasRegistry ? first : 'docker.io',
    repository: repository.replace(/^library\//, ''),
    tag,
    digest,
  };
}

/**
 * True when the repository is what the pattern names. `gitea/gitea` compares the last two parts,
 * `postgres` an official image (no publisher, or a mirror's `library`), and a star stands for any
 * publisher: `*` + `/sonarr` is Sonarr by whomever it was packed.
 */
export function matchesImage(image: Image, pattern: string): boolean {
  const parts = image.repository.split('/');
  const last = parts.at(-1) ?? '';
  const [publisher, name] = pattern.includes('/') ? pattern.split('/', 2) : [undefined, pattern];
  if (publisher === undefined) {
    return image.repository === name || image.repository.endsWith(`/library/${name}`);
  }
  if (name !== '*' && name !== last) return false;
  return publisher === '*' || parts.at(-2) === publisher;
}

/**
 * The version that a tag starts with, `[16, 4]` for `16.4-alpine` and `v16.4`; empty when the tag
 * says none (`latest`, `alpine`).
 */
export function versionOf(tag: string | undefined): readonly number[] {
  const found = /^v?(\d+(?:\.\d+)*)/i.exec(tag ?? '')?.[1];
  return found === undefined ? [] : found.split('.').map(Number);
}
