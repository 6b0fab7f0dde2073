/**
 * Serves a lossy disk over NBD on a Unix socket, in a process of its own, because whoever uses the
 * file system on it may wait for it without a turn of the event loop:
 *
 *     node test/support/lossy-disk/lossy-server.ts <socket> <size in MiB>
 *
 * Its parent tells it over the channel of `fork` what is to go wrong, and gets an answer to each.
 */
import { Prng } from '../../../dataplane/base/prng.ts';
import { NbdExport, NbdExports } from '../../../dataplane/drive/nbd-export.ts';
import { NbdServer } from '../../../dataplane/drive/nbd-server.ts';
import { listenUnix } from '../../../dataplane/host/nbd-listener.ts';
import { realClock } from '../nbd/real-clock.ts';
import { LossyBlocks } from './lossy-blocks.ts';

/** What the parent may ask; each is answered with a number. */
export type LossyRequest =
  | { readonly ask: 'lose-power'; readonly seed: number }
  | { readonly ask: 'restore-power' }
  | { readonly ask: 'fail'; readonly kinds: readonly string[] }
  | {
      readonly ask: 'damage';
      readonly how: 'flip' | 'unreadable';
      readonly beginning: string;
    };

const [socket, mebibytes] = process.argv.slice(2);
if (socket === undefined || mebibytes === undefined)
  throw new Error('usage: lossy-server.ts <socket> <size in MiB>');
const blocks = new LossyBlocks(Number(mebibytes) * 2 ** 20);
const exports = new NbdExports([new NbdExport({ name: 'disk', blocks })]);
const listener = await listenUnix({ path: socket });
const log = { info: () => {}, warn: () => {} };
const server = new NbdServer({ clock: realClock, log, listener, exports }, 'plain');
process.on('message', (request: LossyRequest) => process.send?.(answer(request)));
process.once('disconnect', () => process.exit(0));
process.send?.(0);
await server.run();

function answer(request: LossyRequest): number {
  switch (request.ask) {
    case 'lose-power':
      return blocks.losePower(new Prng(request.seed));
    case 'restore-power':
      blocks.restorePower();
      return 0;
    case 'fail':
      blocks.fail(request.kinds);
      return 0;
    case 'damage':
      return blocks.damage(request.how, request.beginning);
  }
}
