/**
 * Devices of the kernel's own NBD client, told by netlink. Whose device it is says the backend
 * text, which the kernel keeps; nothing is remembered here.
 *
 * Promises: requests wait while the server is away, for days; a device never goes on with another
 * backend than it began with; the server is spoken to as far as the handshake, then the connection
 * is the kernel's.
 */
import type { Buffer } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { ClientHandshake, type ServerAgreement } from '../nbd/client-handshake.ts';
import {
  attributeSocket,
  attributeText,
  attributeU32,
  attributeU64,
  nbdAttribute,
  nbdFamily,
} from '../nbd/netlink.ts';
import { connectedDescriptor, GenericNetlink, NetlinkRefusal } from './netlink.ts';

/**
 * As the loop devices of the other way have it: an xfs that was made with sectors of 512 bytes does
 * not mount on larger ones, and a volume moves between nodes.
 */
const sectorBytes = 512;
/**
 * After which a request that was not answered is sent again. The kernel looks at nothing else for
 * those that were under way when a server died, so this is the longest stall then; a flush that
 * takes longer is asked for twice, and the second finds less to do.
 */
const requestSeconds = 5;
/** For requests while there is no server; in ticks it must fit into 32 bits. */
const serverlessSeconds = 1_000_000;
const handshakeMs = 5_000;

export interface KernelExport {
  /** Unix socket of the server. */
  readonly socket: string;
  readonly name: string;
  /** Nobody else's on this machine. */
  readonly backend: string;
}

/** The kernel has the client, and it knows netlink. */
export async function hasKernelNbd(): Promise<boolean> {
  using netlink = await GenericNetlink.open();
  return (await netlink.family(nbdFamily.name)) !== undefined;
}

/** Name of the device, `nbd0`, that was made for this backend and not disconnected. */
export async function kernelDeviceOf(backend: string): Promise<string | undefined> {
  for (const name of await readdir('/sys/block')) {
    if (!/^nbd\d+$/.test(name)) continue;
    const file = path.join('/sys/block', name, 'backend');
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.trim() === backend) return name;
  }
  return undefined;
}

/** Makes a device and gives its name. */
export async function makeKernelDevice(from: KernelExport): Promise<string> {
  const answer = await withConnection(from, (descriptor, { sizeBytes, flags }) =>
    ask(nbdFamily.connect, [
      attributeU64(nbdAttribute.sizeBytes, sizeBytes),
      attributeU64(nbdAttribute.blockSizeBytes, sectorBytes),
      attributeU64(nbdAttribute.timeout, requestSeconds),
      attributeU64(nbdAttribute.deadConnectionTimeout, serverlessSeconds),
      attributeU64(nbdAttribute.serverFlags, flags),
      attributeText(nbdAttribute.backend, from.backend),
      attributeSocket(descriptor),
    ]),
  );
  const index = answer.get(nbdAttribute.index)?.readUInt32LE(0);
  if (index === undefined) throw new Fault('disk.failed', 'The kernel named no NBD device.');
  return `nbd${index}`;
}

/** Gives a device whose connection has died another one; one that has not died keeps its own. */
export async function reconnectKernelDevice(name: string, from: KernelExport): Promise<void> {
  await withConnection(from, (descriptor) =>
    ask(nbdFamily.reconfigure, [
      attributeU32(nbdAttribute.index, indexOf(name)),
      attributeText(nbdAttribute.backend, from.backend),
      attributeSocket(descriptor),
    ]),
  );
}

export async function resizeKernelDevice(
  name: string,
  backend: string,
  sizeBytes: number,
): Promise<void> {
  await ask(nbdFamily.reconfigure, [
    attributeU32(nbdAttribute.index, indexOf(name)),
    attributeText(nbdAttribute.backend, backend),
    attributeU64(nbdAttribute.sizeBytes, sizeBytes),
  ]);
}

/** What waits gets an error, as does all that comes later; a device that is not in use is free. */
export async function endKernelDevice(name: string): Promise<void> {
  await ask(nbdFamily.disconnect, [attributeU32(nbdAttribute.index, indexOf(name))]);
}

function indexOf(name: string): number {
  return Number(name.slice('nbd'.length));
}

async function ask(
  command: number,
  attributes: readonly Uint8Array[],
): Promise<ReadonlyMap<number, Buffer>> {
  using netlink = await GenericNetlink.open();
  const family = await netlink.family(nbdFamily.name);
  if (family === undefined)
    throw new Fault('disk.failed', 'The NBD client of the kernel is gone.', {
      hint: 'Load the module again: modprobe nbd.',
      retriable: true,
    });
  try {
    return await netlink.request({ family, command, version: nbdFamily.version, attributes });
  } catch (error) {
    if (!(error instanceof NetlinkRefusal)) throw error;
    throw new Fault('disk.failed', `The kernel's NBD client: ${error.message}.`, {
      hint: 'The log of the kernel (dmesg) has its reason. A device that was ended is free when nothing on it is mounted any more.',
      retriable: true,
      cause: error,
    });
  }
}

/** Our hold on the connection ends afterwards; the kernel has its own when it took it. */
async function withConnection<T>(
  from: KernelExport,
  use: (descriptor: number, agreement: ServerAgreement) => Promise<T>,
): Promise<T> {
  const descriptor = await connectedDescriptor(from.socket);
  const socket = new net.Socket({ fd: descriptor, readable: true, writable: true });
  try {
    return await use(descriptor, await shakeHands(socket, from.name));
  } finally {
    // Not `end`: that would shut it down for the kernel, too.
    socket.destroy();
  }
}

/** As plain as the kernel speaks: no TLS, no structured replies. */
async function shakeHands(socket: net.Socket, exportName: string): Promise<ServerAgreement> {
  const plain = { tls: false, structured: false, contexts: [] };
  const handshake = new ClientHandshake({ goal: 'transmit', exportName, ...plain });
  const { promise, resolve, reject } = Promise.withResolvers<ServerAgreement>();
  const refuse = (why: string): void => {
    reject(new Fault('peer.refused', `The engine of ${exportName}: ${why}`, { retriable: true }));
  };
  socket.setTimeout(handshakeMs, () => refuse(`no answer within ${handshakeMs} ms`));
  socket.on('error', (error) => refuse(error.message));
  socket.on('end', () => refuse('it closed the connection in the handshake'));
  socket.on('data', (chunk: Buffer) => {
    for (const step of handshake.push(chunk)) {
      if (step.kind === 'send') socket.write(step.bytes);
      else if (step.kind === 'failed') refuse(step.message);
      else if (step.kind === 'begin') {
        // From here on every byte is the kernel's.
        socket.pause();
        resolve(step.agreement);
      }
    }
  });
  try {
    return await promise;
  } finally {
    socket.setTimeout(0);
  }
}
