/**
 * The port on which the API server is reached from outside: a free one, or a word on who holds it.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { LabFault } from '../base/fault.ts';

const defaultPort = 16_443;
const tries = 50;

/**
 * The asked-for port when it is free, else a `LabFault`; without a wish the first free one from
 * 16443.
 */
export async function chooseApiPort(wanted?: number): Promise<number> {
  if (wanted !== undefined) {
    if (await isFree(wanted)) return wanted;
    throw new LabFault(
      `Port ${wanted} of 127.0.0.1, asked for as the lab's API port, is in use by ${holderOf(wanted)}.`,
      'stop that program, or ask for another port, or for none: then the next free one is taken',
    );
  }
  for (let port = defaultPort; port < defaultPort + tries; port += 1)
    if (await isFree(port)) return port;
  throw new LabFault(
    `The ports ${defaultPort} to ${defaultPort + tries - 1} of 127.0.0.1 are all in use.`,
    'stop labs that are no longer needed (npm stop, with their LARDER_LAB), or ask for a port',
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => resolve(true));
    });
  });
}

/** Name and pid of the process that listens on the port, as far as /proc shows it to us. */
function holderOf(port: number): string {
  const inode = listeningInode(port);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some(
        (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
      );
      if (holds) return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (process ${pid})`;
    } catch {
      // It has ended, or belongs to somebody else.
    }
  }
  return 'a process of another user';
}

/** Inode of the listening socket, from the table that proc(5) describes; state 0A is LISTEN. */
function listeningInode(port: number): string | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === '0A') return fields[9];
    }
  return undefined;
}
