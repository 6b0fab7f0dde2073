/**
 * Asks members to leave while clients work, and to stay after all, as the controller does when
 * copies move to other nodes; adds members with an empty disk, and takes out those that are not in
 * sync when enough others are. When all is healed everybody is asked to stay.
 */
import { limits } from '../../dataplane/base/limits.ts';
import type { Prng } from '../../dataplane/base/prng.ts';
import type { Shelf } from './shelf.ts';

/** Longest pause between two changes of mind. */
const pauseMs = 600;
/** Members that may be added in a run. */
const addedMax = 3;
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
      const draw = this.#prng.fraction();
      if (draw < 0.25) this.#add();
      else if (draw < 0.5) this.#takeOut();
      else this.#ask((id, retiring) => (id === chosen ? !retiring : retiring));
      this.#next();
    });
  }

  #add(): void {
    const { cluster, members, settings } = this.#shelf;
    const room = cluster.record.members.length < limits.membersMax;
    if (!room || cluster.away || members.length >= settings.members + addedMax) return;
    const { id } = this.#shelf.addMember();
    const added = { id, address: id, inSync: false, departedAt: 0 };
    cluster.edit((record) => ({ ...record, members: [...record.members, added] }));
  }

  /** Whoever is not in sync, as long as there are as many copies as there shall be. */
  #takeOut(): void {
    const { cluster, recorded, settings } = this.#shelf;
    if (recorded.length < settings.members) return;
    const last = cluster.record.members.find(({ inSync }) => !inSync);
    if (last === undefined) return;
    cluster.edit((record) => ({
      ...record,
      members: record.members.filter(({ id }) => id !== last.id),
    }));
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
