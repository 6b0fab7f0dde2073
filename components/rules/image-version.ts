/** An image names its version: what runs tomorrow is what ran today. */
import type { Problem } from './problem.ts';

export function imageVersionProblems(path: string, image: string, example: string): Problem[] {
  const [name = '', digest] = image.split('@');
  const tag = /:([^:/]+)$/.exec(name)?.[1];
  if (digest !== undefined || (tag !== undefined && tag !== 'latest')) return [];
  return [
    {
      path,
      found: `${image}, which means another version every day`,
      allowed: 'an image with its version, best with its digest too',
      todo: `write it as in ${example}`,
    },
  ];
}
