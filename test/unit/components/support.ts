/** Stack files for tests: a good one, and what changes in it. */
import { parseConfig } from '../../../components/config/parse.ts';
import { resolveShelf } from '../../../components/config/resolve.ts';
import type { Shelf } from '../../../components/config/shelf.ts';
import type { Problem } from '../../../components/rules/problem.ts';

export type Raw = Record<string, unknown>;

/** Three nodes with a disk each, and nothing on them. */
export function bareShelf(change: Raw = {}): Raw {
  return {
    cluster: { context: 'home' },
    nodes: ['kube01', 'kube02', 'kube03'].map((name) => ({
      name,
      disks: [{ mount: '/mnt/nvme' }],
    })),
    ...change,
  };
}

/** Every problem of a stack file, whichever step finds it. */
export function problemsIn(raw: Raw): readonly Problem[] {
  const parsed = parseConfig(raw);
  if (!parsed.ok) return parsed.problems;
  const resolved = resolveShelf(parsed.config);
  return resolved.ok ? [] : resolved.problems;
}

/** @throws Error with the problems when there are any */
export function shelfOf(raw: Raw): Shelf {
  const parsed = parseConfig(raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const resolved = resolveShelf(parsed.config);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return resolved.shelf;
}
