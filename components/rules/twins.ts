/** Names that must be one thing each. */
import type { Problem } from './problem.ts';

/** A problem for each value that stood earlier in the list. */
export function twins(
  values: readonly string[],
  path: (index: number) => string,
  allowed: string,
): Problem[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    if (first === index) return [];
    return [
      {
        path: path(index),
        found: `${value}, which ${path(first)} is already`,
        allowed,
        todo: 'give one of the two another name, or remove it',
      },
    ];
  });
}
