/** The file of a Unix socket outlives its process; these tell a leftover from one in use. */
import { rmSync } from 'node:fs';
import { connect } from 'node:net';

/** True when somebody accepts connections there. */
async function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
}

/** False, and nothing is changed, when another process listens there. */
export async function clearPath(path: string): Promise<boolean> {
  if (await isAnswered(path)) return false;
  rmSync(path, { force: true });
  return true;
}
