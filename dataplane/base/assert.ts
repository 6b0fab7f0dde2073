/**
 * Bugs. A failed assertion throws a `Defect`: nobody catches it to go on, the process ends and is
 * started again, and the simulator reports the seed. Failures of the world are `Fault`s (fault.ts).
 */
export class Defect extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Defect';
  }
}

/**
 * @param message begins with the number of the invariant it guards (`I-06 …`) where there is one
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Defect(message);
}

/** The compiler proves that no case is missing; this is for values that came from elsewhere. */
export function unreachable(value: never): never {
  throw new Defect(`unexpected case: ${JSON.stringify(value)}`);
}
