/** What every section from the volumes on builds on, and how a step tells that it found nothing. */
import type { Problem } from '../../rules/problem.ts';
import type { StackConfig } from '../schema.ts';
import type { Target } from '../shelf/backups.ts';
import type { Inventory } from '../shelf/inventory.ts';
import type { Tiers } from '../shelf/tiers.ts';

export interface Ground extends Inventory, Tiers {
  readonly config: StackConfig;
  readonly targets: readonly Target[];
}

/** Either the thing or what is wrong with its place. */
export type Placed<T> = { readonly value: T } | { readonly problem: Problem };

/** The thing as a list of one; or its problem, put to the others, and an empty list. */
export function keep<T>(placed: Placed<T>, problems: Problem[]): T[] {
  if ('value' in placed) return [placed.value];
  problems.push(placed.problem);
  return [];
}
