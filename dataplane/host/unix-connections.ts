/** Connections to Unix sockets, as the kernel lists them. */
import { readFile } from 'node:fs/promises';

/** State of a connected socket in the list (linux/net.h). */
const connected = '03';

/**
 * Whether anybody is connected to the socket of a process; also when the process has a network of
 * its own, because it was started by a pod that is gone.
 */
export async function isConnected(socket: string, pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/net/unix`, 'utf8').catch(() => '');
  return text.split('\n').some((line) => {
    const [, , , , , state, , file] = line.trim().split(/\s+/);
    return state === connected && file === socket;
  });
}
