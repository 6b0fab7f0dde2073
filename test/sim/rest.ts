/**
 * The end of a run: is the volume at rest, and what do its copies hold? In sync means equal, and
 * every read from first to last must be explained.
 */
import { valueOf } from './client.ts';
import type { Shelf } from './shelf.ts';

/** Time to come to rest after everything is healed, and to answer the last reads. */
export const settleMs = 60_000;

/** The same after faults without a budget, where coming to rest is not demanded. */
const leftMs = 4000;

/** Served, nothing unanswered, and everybody in sync. */
export function atRest(shelf: Shelf): boolean {
  const last = shelf.newest;
  return (
    last?.engine.serving === true &&
    last.process.alive &&
    last.clients.every((client) => client.finished) &&
    shelf.recorded.length === shelf.named.length
  );
}

export function whyNotAtRest(shelf: Shelf): string {
  const last = shelf.newest;
  const members = shelf.cluster.record.members.map(
    ({ id, inSync }) => `${id} ${inSync ? 'in sync' : 'absent'}`,
  );
  return (
    `not at rest ${settleMs} ms after everything was healed: ` +
    `${last?.process.name} serving=${last?.engine.serving} reason="${last?.engine.reason}"; ${members.join(', ')}`
  );
}

/** Reads everything once more, then asks the history and compares the copies. */
export async function questionAtRest(shelf: Shelf): Promise<void> {
  const { world, newest, history } = shelf;
  if (newest === undefined) return;
  let done = false;
  void newest
    .finalReader()
    .readAll()
    .then(async (read) => {
      if (!read) world.violate('I-21 a block could not be read after everything was healed');
      await newest.engine.flush();
      done = true;
    });
  await world.runUntil(world.nowMs + settleMs, () => done);
  if (!done) world.violate('I-07 the last reads were not answered');
  lookAtSnapshots(shelf);
  const wrong = history.check();
  if (wrong !== undefined) world.violate(`I-06 I-15 I-16 ${wrong}`);
  compareCopies(shelf);
}

/** Every member has each snapshot of the record, with the same content: that of one moment. */
function lookAtSnapshots({ world, named, cluster, history, photographer }: Shelf): void {
  for (const name of cluster.record.snapshots) {
    const images = named.map((member) => ({ id: member.id, image: member.image(name) }));
    const lacking = images.filter(({ image }) => image.length === 0).map(({ id }) => id);
    if (lacking.length > 0) world.violate(`I-23 ${lacking.join()} lacks snapshot ${name}`);
    const photograph = photographer.taken.get(name);
    const [first] = images;
    for (const [block, content] of (first?.image ?? []).entries()) {
      const seen = images.map(({ id, image }) => `${id}: ${image[block]}`);
      const values = new Set(images.map(({ image }) => image[block]));
      values.delete('unreadable');
      if (values.size > 1) {
        world.violate(`I-23 block ${block} of snapshot ${name} differs: ${seen.join(', ')}`);
      }
      if (photograph?.segment !== history.segment || content === 'unreadable') continue;
      const value = valueOf(Buffer.from(content, 'hex'), block);
      if (typeof value === 'string') world.violate(`I-23 snapshot ${name}: ${value}`);
      else history.read(block, { ...photograph, value, by: `snapshot ${name}` });
    }
  }
}

/** After faults without a budget nothing must work; what does work must not lie. */
export async function questionWhatIsLeft(shelf: Shelf): Promise<void> {
  const { world, history } = shelf;
  await world.runUntil(world.nowMs + leftMs, () => atRest(shelf));
  const { newest } = shelf;
  if (newest?.engine.serving === true) {
    let done = false;
    void newest
      .finalReader()
      .readAll()
      .then(() => {
        done = true;
      });
    await world.runUntil(world.nowMs + leftMs, () => done);
  }
  const wrong = history.checkDurable();
  if (wrong !== undefined) world.violate(`I-06 I-10 I-21 ${wrong}`);
  if (world.violation === undefined && atRest(shelf)) compareCopies(shelf);
}

/** A block that rotted and was not read since is one that repair has yet to meet. */
function compareCopies(shelf: Shelf): void {
  const images = shelf.named.map((member) => ({ id: member.id, image: member.image() }));
  for (let block = 0; block < shelf.settings.blockCount; block++) {
    const seen = images.map(({ id, image }) => `${id}: ${image[block]}`);
    const values = new Set(images.map(({ image }) => image[block]));
    values.delete('unreadable');
    // Without a budget a member may be counted in and not have started again yet.
    values.delete(undefined);
    if (values.size > 1) shelf.world.violate(`I-12 block ${block} differs: ${seen.join(', ')}`);
  }
}
