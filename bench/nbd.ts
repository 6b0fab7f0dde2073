/**
 * Our NBD server over memory beside nbdkit's memory plugin and qemu-nbd on a tmpfs file: what the
 * protocol and its event loop cost, with nothing below.
 */
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Contender, Workload } from './fio.ts';
import { nbdArgs, type Servers } from './servers.ts';

export const nbdWorkloads: readonly Workload[] = [
  { name: '4K random read QD16', pattern: 'randread', block: '4k', depth: 16 },
  { name: '4K random write QD16', pattern: 'randwrite', block: '4k', depth: 16 },
  { name: '4K random read QD1', pattern: 'randread', block: '4k', depth: 1 },
  { name: '1M sequential write QD4', pattern: 'write', block: '1m', depth: 4 },
  { name: '1M sequential read QD4', pattern: 'read', block: '1m', depth: 4 },
];

export const nbdMebibytes = 64;

const serveEntry = path.join(import.meta.dirname, '../test/support/nbd/serve.ts');

/** @param servers with a folder on tmpfs */
export async function memoryServers(servers: Servers): Promise<readonly Contender[]> {
  const ours = servers.socket('ours');
  const args = [serveEntry, ours, String(nbdMebibytes)];
  const larder: Contender = {
    name: 'Larder',
    fioArgs: nbdArgs(ours, 'memory'),
    processes: new Map([['larder', await servers.start(process.execPath, args, ours)]]),
  };
  const nbdkit = servers.socket('nbdkit');
  const nbdkitArgs = ['--foreground', '-U', nbdkit, 'memory', `${nbdMebibytes}M`];
  const memory: Contender = {
    name: 'nbdkit memory',
    fioArgs: nbdArgs(nbdkit),
    processes: new Map([['nbdkit', await servers.start('nbdkit', nbdkitArgs, nbdkit)]]),
  };
  const qemu = servers.socket('qemu');
  const file = path.join(servers.folder, 'image');
  writeFileSync(file, '');
  truncateSync(file, nbdMebibytes * 2 ** 20);
  const qemuArgs = ['-f', 'raw', '-k', qemu, '-t', file];
  const tmpfs: Contender = {
    name: 'qemu-nbd on tmpfs',
    fioArgs: nbdArgs(qemu),
    processes: new Map([['qemu-nbd', await servers.start('qemu-nbd', qemuArgs, qemu)]]),
  };
  return [larder, memory, tmpfs];
}
