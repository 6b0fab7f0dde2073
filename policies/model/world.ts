/**
 * Everything a program declares, with the look-ups that rules need. Built once per check.
 *
 * Never: reports; throws on something missing. What is not in the program is simply not found.
 */
import { type DeclaredObject, declared, type GivenResource } from './declared.ts';
import type { Home } from './drivers.ts';
import { type Workload, workloadOf } from './workload.ts';

/** What the pack's configuration tells about the world outside the program. */
export interface WorldSettings {
  /** Where the volumes of a class live, for classes that this program does not declare. */
  readonly classes: Readonly<Record<string, Home>>;
  /** Where the state of the stack lies, when the pack was told. */
  readonly stateBackend?: string;
}

export class World {
  readonly objects: readonly DeclaredObject[];
  readonly workloads: readonly Workload[];
  readonly settings: WorldSettings;
  readonly #byKind = new Map<string, DeclaredObject[]>();
  readonly #byName = new Map<string, DeclaredObject>();

  constructor(objects: readonly DeclaredObject[], settings: WorldSettings) {
    this.objects = objects;
    this.settings = settings;
    this.workloads = objects.flatMap((object) => workloadOf(object) ?? []);
    for (const object of objects) {
      if (object.kind === '') continue;
      const kind = kindKey(object.group, object.kind);
      const peers = this.#byKind.get(kind);
      if (peers === undefined) this.#byKind.set(kind, [object]);
      else peers.push(object);
      this.#byName.set(`${kind} ${object.namespace}/${object.name}`, object);
    }
  }

  static of(resources: readonly GivenResource[], settings: WorldSettings): World {
    return new World(resources.map(declared), settings);
  }

  /** The same world without some of its objects. */
  without(leave: (object: DeclaredObject) => boolean): World {
    return new World(
      this.objects.filter((object) => !leave(object)),
      this.settings,
    );
  }

  /** All objects of a kind, in the order of the program. */
  all(group: string, kind: string): readonly DeclaredObject[] {
    return this.#byKind.get(kindKey(group, kind)) ?? [];
  }

  find(group: string, kind: string, namespace: string, name: string): DeclaredObject | undefined {
    return this.#byName.get(`${kindKey(group, kind)} ${namespace}/${name}`);
  }

  /** A cluster-wide object, whatever namespace its provider would have defaulted. */
  findClusterWide(group: string, kind: string, name: string): DeclaredObject | undefined {
    return this.all(group, kind).find((object) => object.name === name);
  }
}

function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`;
}
