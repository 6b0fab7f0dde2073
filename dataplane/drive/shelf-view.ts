/**
 * All volumes and nodes as a controller sees them: kept up by mirrors while it runs, asked for
 * otherwise. What it writes itself it knows at once.
 */
import type { StorageNodeObject, VolumeObject } from '../control/objects.ts';
import type { Changed, Mirror, Objects } from '../ports/objects.ts';

interface Seen {
  readonly nodes: readonly StorageNodeObject[];
  readonly volumes: readonly VolumeObject[];
}

export class ShelfView implements Disposable {
  readonly #objects: Objects;
  #mirrors:
    | { readonly volumes: Mirror<VolumeObject>; readonly nodes: Mirror<StorageNodeObject> }
    | undefined;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** @param onHint told when there is something new to look at */
  keepUp(onHint: () => void): void {
    const { volumes, storageNodes } = this.#objects;
    const nodes = storageNodes.mirror((now, before) => {
      // A node that says that it is there says nothing new.
      if (now === undefined || before === undefined || !isBeat(now, before)) onHint();
    });
    const hint = () => {
      onHint();
    };
    this.#mirrors = { volumes: volumes.mirror(hint), nodes };
  }

  [Symbol.dispose](): void {
    this.#mirrors?.volumes[Symbol.dispose]();
    this.#mirrors?.nodes[Symbol.dispose]();
    this.#mirrors = undefined;
  }

  async all(): Promise<Seen> {
    const [nodes, volumes] = await Promise.all([
      this.#mirrors?.nodes.all() ?? this.#objects.storageNodes.list(),
      this.#allVolumes(),
    ]);
    return { nodes, volumes };
  }

  /**
   * One volume and the nodes as they are now, the other volumes as they were seen: what was
   * promised to them is known, because this controller promised it.
   */
  async closely(name: string): Promise<Seen & { readonly volume: VolumeObject | undefined }> {
    const [volume, nodes, seen] = await Promise.all([
      this.#objects.volumes.get(name),
      this.#objects.storageNodes.list(),
      this.#allVolumes(),
    ]);
    const others = seen.filter(({ metadata }) => metadata.name !== name);
    return { volume, nodes, volumes: volume === undefined ? others : [...others, volume] };
  }

  async put(volume: VolumeObject): Promise<Changed<VolumeObject>> {
    const written = await this.#objects.volumes.putStatus(volume);
    if (written.kind === 'written') this.#mirrors?.volumes.learn(written.object);
    return written;
  }

  async putNode(node: StorageNodeObject): Promise<void> {
    const written = await this.#objects.storageNodes.putStatus(node);
    if (written.kind === 'written') this.#mirrors?.nodes.learn(written.object);
  }

  async #allVolumes(): Promise<readonly VolumeObject[]> {
    return this.#mirrors?.volumes.all() ?? this.#objects.volumes.list();
  }
}

/** Only the time at which it was there has changed, or the room on its disks. */
function isBeat(now: StorageNodeObject, before: StorageNodeObject): boolean {
  const essence = ({ metadata, spec, status }: StorageNodeObject) => {
    const disks = status.disks.map((disk) => ({ ...disk, freeBytes: 0 }));
    const { deletionTimestamp = '' } = metadata;
    return JSON.stringify([deletionTimestamp, spec, { ...status, seenAt: '', disks }]);
  };
  return essence(now) === essence(before);
}
