/**
 * One reading of a resource, or of a whole program, for all rules. The runtime hands every policy
 * its own copy of the same inputs; copying each into plain data again would cost most of the pack's
 * time.
 *
 * Relies on one thing: within one request the runtime asks the policies in the order in which they
 * were registered. A policy that is not later than the one before begins a new request, so a
 * reading never outlives its request (preview and update may be served by one process).
 */
import { type DeclaredObject, declared, type GivenResource } from './model/declared.ts';
import { World, type WorldSettings } from './model/world.ts';

/** A policy's place in the pack, counted from 0. */
type Position = number;

export class SharedReading {
  #objectPosition: Position = Number.POSITIVE_INFINITY;
  #object: DeclaredObject | undefined;
  #worldPosition: Position = Number.POSITIVE_INFINITY;
  #objects: readonly DeclaredObject[] = [];
  readonly #worlds = new Map<string, World>();

  object(position: Position, given: GivenResource): DeclaredObject {
    const isNew = position <= this.#objectPosition || this.#object?.urn !== given.urn;
    const object = isNew || this.#object === undefined ? declared(given) : this.#object;
    this.#objectPosition = position;
    this.#object = object;
    return object;
  }

  world(position: Position, given: readonly GivenResource[], settings: WorldSettings): World {
    if (position <= this.#worldPosition) {
      this.#objects = given.map(declared);
      this.#worlds.clear();
    }
    this.#worldPosition = position;
    const key = JSON.stringify(settings);
    const world = this.#worlds.get(key) ?? new World(this.#objects, settings);
    this.#worlds.set(key, world);
    return world;
  }
}
