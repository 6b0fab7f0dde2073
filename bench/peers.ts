/**
 * What Larder is measured against: the file itself, and other people's NBD servers on files of the
 * same file system. All but nbdkit go past the page cache.
 */
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Contender } from './fio.ts';
import { nbdArgs, type Servers } from './servers.ts';

export function rawFile(servers: Servers, mebibytes: number): Contender {
  const file = image(servers, 'raw', mebibytes);
  const fioArgs = ['--ioengine=libaio', '--direct=1', `--filename=${file}`];
  return { name: 'raw file', fioArgs, processes: new Map() };
}

export async function qemuNbd(servers: Servers, mebibytes: number): Promise<Contender> {
  const { socket, pid } = await startQemuNbd(servers, 'qemu-nbd', mebibytes);
  return {
    name: 'qemu-nbd, one copy',
    fioArgs: nbdArgs(socket),
    processes: new Map([['qemu-nbd', pid]]),
  };
}

export async function nbdkitFile(servers: Servers, mebibytes: number): Promise<Contender> {
  const socket = servers.socket('nbdkit');
  const file = image(servers, 'nbdkit', mebibytes);
  const pid = await servers.start('nbdkit', ['--foreground', '-U', socket, 'file', file], socket);
  return {
    name: 'nbdkit file, one copy',
    fioArgs: nbdArgs(socket),
    processes: new Map([['nbdkit', pid]]),
  };
}

/** Two qemu-nbd as replicas, and a storage daemon that writes to both. */
export async function qemuQuorum(servers: Servers, mebibytes: number): Promise<Contender> {
  const first = await startQemuNbd(servers, 'child-1', mebibytes);
  const second = await startQemuNbd(servers, 'child-2', mebibytes);
  const socket = servers.socket('quorum');
  const child = (name: string, path_: string) =>
    JSON.stringify({
      'node-name': name,
      driver: 'nbd',
      server: { type: 'unix', path: path_ },
      cache: { direct: true, 'no-flush': false },
    });
  const quorum = {
    'node-name': 'volume',
    driver: 'quorum',
    children: ['child-1', 'child-2'],
    'vote-threshold': 2,
  };
  const pid = await servers.start(
    'qemu-storage-daemon',
    [
      `--blockdev=${child('child-1', first.socket)}`,
      `--blockdev=${child('child-2', second.socket)}`,
      `--blockdev=${JSON.stringify(quorum)}`,
      `--nbd-server=addr.type=unix,addr.path=${socket}`,
      '--export=type=nbd,id=export,node-name=volume,name=volume,writable=on',
    ],
    socket,
  );
  return {
    name: 'qemu quorum, two copies',
    fioArgs: nbdArgs(socket, 'volume'),
    processes: new Map([
      ['quorum', pid],
      ['child 1', first.pid],
      ['child 2', second.pid],
    ]),
  };
}

async function startQemuNbd(servers: Servers, name: string, mebibytes: number) {
  const socket = servers.socket(name);
  const args = ['--cache=none', '--aio=native', '-f', 'raw', '-k', socket, '-t'];
  const file = image(servers, name, mebibytes);
  const pid = await servers.start('qemu-nbd', [...args, '-e', '4', file], socket);
  return { socket, pid };
}

function image(servers: Servers, name: string, mebibytes: number): string {
  const file = path.join(servers.folder, `${name}.img`);
  writeFileSync(file, '');
  truncateSync(file, mebibytes * 2 ** 20);
  return file;
}
