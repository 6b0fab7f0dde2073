/**
 * A short name for some content: the same content has the same one on every machine. For names and
 * annotations by which the cluster notices that something changed; never for secrets.
 */
import { createHash } from 'node:crypto';

/** Ten hexadecimal digits. */
export function digestOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 10);
}
