/**
 * Asks members to leave while clients work, and to stay after all, as the controller does when
 * copies move to other nodes. When all is healed everybody is asked to stay.
 */
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Shelf } from './shelf.ts';

/** Longest pause between two changes of mind. */
const pauseMs = 600;
/** Part of the runs that have one. */
const share = 0.4;

export class Owner {
  readonly #shelf: Shelf;
  readonly #prng: Prng;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
    this.#prng = shelf.world.prng.fork('owner');
  }

  /** In some runs; ends when everything is healed. */
  begin(): void {
    if (this.#prng.chance(share)) this.#next();
  }

  /** Nobody has to leave any more, whichever state the record is put back to. */
  relent(): void {
    const { world, cluster } = this.#shelf;
    if (cluster.record.members.some(({ retiring }) => retiring)) this.#ask(() => false);
    world.after(pauseMs, () => {
      this.relent();
    });
  }

  #next(): void {
    const { world, members } = this.#shelf;
    world.after(this.#prng.between(50, pauseMs), () => {
      if (this.#shelf.healing) return;
      const chosen = this.#prng.pick(members)?.id;
      this.#ask((id, retiring) => (id === chosen ? !retiring : retiring));
      this.#next();
    });
  }

  #ask(leaves: (id: string, retiring: boolean) => boolean): void {
    this.#shelf.cluster.edit((record) => ({
      ...record,
      members: record.members.map(({ retiring = false, ...member }) =>
        leaves(member.id, retiring) ? { ...member, retiring: true } : member,
      ),
    }));
  }
}
