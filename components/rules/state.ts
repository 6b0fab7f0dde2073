/**
 * What must hold for the stack's state itself. An object that it lists twice has one entry that
 * nothing declares, and the engine deletes what nothing declares: the object of the other entry.
 */
import type { Problem } from './problem.ts';

export interface Double {
  /** `the claim apps/gitea` */
  readonly object: string;
  readonly urns: readonly string[];
}

export function stateProblems(doubles: readonly Double[]): Problem[] {
  return doubles.map(({ object, urns }) => {
    // Whatever the program declares lies in a component of its own.
    const strangers = urns.filter((urn) => !urn.includes('larder:index:'));
    const out = strangers.length === 0 ? urns.slice(1) : strangers;
    return {
      path: "the stack's state",
      found: `${object} ${urns.length === 2 ? 'twice' : `${urns.length} times`}: ${urns.join(' and ')}, as after \`pulumi import\``,
      allowed:
        'each object once. The second entry is declared by nothing, and the next update would delete the object with all that it holds',
      todo: `take it out of the state, which leaves the object alone: ${out.map((urn) => `\`pulumi state delete '${urn}' --force --yes\``).join(', ')}`,
    };
  });
}
