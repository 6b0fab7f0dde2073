/**
 * System calls that Node does not have, through koffi (docs/decisions/0160): generic netlink, and a
 * connected Unix socket whose descriptor may be given to the kernel.
 *
 * Promises: a request has its answer or an error within `answerMs`; no descriptor is left open.
 */
import { Buffer } from 'node:buffer';
import { promisify } from 'node:util';
import { Fault } from '../base/fault.ts';
import {
  attributeText,
  controlFamily,
  decodeNetlink,
  encodeNetlink,
  type NetlinkRequest,
} from '../nbd/netlink.ts';

const domain = { unix: 1, netlink: 16 } as const;
const type = { stream: 1, raw: 3, closeOnExec: 0o2000000 } as const;
const genericProtocol = 16;
const option = { level: 1, receiveTimeout: 20, sendTimeout: 21 } as const;
const answerMs = 10_000;
const datagramBytes = 32 * 2 ** 10;

/** Not before it is needed: where koffi has nothing for the machine, the rest goes on without. */
async function load() {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const call = (signature: string) => {
    const made = libc.func(signature);
    return promisify(made.async.bind(made)) as (...args: unknown[]) => Promise<number>;
  };
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    setOption: libc.func(
      'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
    ),
    close: libc.func('int close(int fd)'),
    // These may wait for the kernel: not on this thread.
    connect: call('int connect(int fd, const uint8_t *address, uint32_t length)'),
    send: call('intptr_t send(int fd, const uint8_t *bytes, size_t length, int flags)'),
    receive: call('intptr_t recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)'),
  };
}

type Calls = Awaited<ReturnType<typeof load>>;
let loaded: Promise<Calls> | undefined;

function calls(): Promise<Calls> {
  loaded ??= load();
  return loaded;
}

/** One request at a time; the socket lives as long as this. */
export class GenericNetlink implements Disposable {
  readonly #libc: Calls;
  readonly #descriptor: number;
  #sequence = 0;

  private constructor(libc: Calls, descriptor: number) {
    this.#libc = libc;
    this.#descriptor = descriptor;
  }

  /** Rejects where the machine has no such sockets, or koffi nothing for it. */
  static async open(): Promise<GenericNetlink> {
    const libc = await calls();
    const kind = type.raw | type.closeOnExec;
    const descriptor = socketOf(libc, domain.netlink, kind, genericProtocol);
    limit(libc, descriptor, option.receiveTimeout, answerMs);
    return new GenericNetlink(libc, descriptor);
  }

  /** The number of a family; undefined when the kernel has none of that name. */
  async family(name: string): Promise<number | undefined> {
    try {
      const { id, getFamily, familyName, familyId } = controlFamily;
      const attributes = [attributeText(familyName, name)];
      const reply = await this.request({ family: id, command: getFamily, version: 1, attributes });
      return reply.get(familyId)?.readUInt16LE(0);
    } catch (error) {
      if (error instanceof NetlinkRefusal) return undefined;
      throw error;
    }
  }

  /** The attributes of the answer. Rejects with `NetlinkRefusal` when the kernel says no. */
  async request(request: Omit<NetlinkRequest, 'sequence'>): Promise<ReadonlyMap<number, Buffer>> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const message = encodeNetlink({ ...request, sequence });
    const sent = await this.#libc.send(this.#descriptor, message, message.length, 0);
    if (sent !== message.length) throw failed('be asked');
    let answer: ReadonlyMap<number, Buffer> = new Map();
    for (;;) {
      const datagram = Buffer.alloc(datagramBytes);
      const received = await this.#libc.receive(this.#descriptor, datagram, datagram.length, 0);
      if (received <= 0) throw failed(`answer within ${answerMs} ms`);
      for (const reply of decodeNetlink(datagram.subarray(0, received))) {
        if (reply.sequence !== sequence) continue;
        if (reply.kind === 'message') answer = reply.attributes;
        else if (reply.errno === 0) return answer;
        else throw new NetlinkRefusal(reply.errno);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.#descriptor);
  }
}

export class NetlinkRefusal extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`the kernel refused with error ${errno}`);
    this.name = 'NetlinkRefusal';
    this.errno = errno;
  }
}

/**
 * A connected Unix socket as a descriptor, which is the caller's.
 *
 * Rejects with `link.lost` when nobody answers.
 */
export async function connectedDescriptor(path: string): Promise<number> {
  const libc = await calls();
  const descriptor = socketOf(libc, domain.unix, type.stream | type.closeOnExec, 0);
  const address = Buffer.concat([Buffer.from([domain.unix, 0]), Buffer.from(`${path}\0`)]);
  limit(libc, descriptor, option.sendTimeout, answerMs);
  if ((await libc.connect(descriptor, address, address.length)) === 0) {
    // Whoever takes it over must not be timed out by what was for us.
    limit(libc, descriptor, option.sendTimeout, 0);
    return descriptor;
  }
  libc.close(descriptor);
  throw new Fault('link.lost', `no NBD server answers at ${path}`, { retriable: true });
}

function socketOf(libc: Calls, family: number, kind: number, protocol: number): number {
  const descriptor = Number(libc.socket(family, kind, protocol));
  if (descriptor < 0) throw failed(`open a socket of family ${family}`);
  return descriptor;
}

/** @param ms 0 waits for ever */
function limit(libc: Calls, descriptor: number, name: number, ms: number): void {
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(ms / 1000));
  libc.setOption(descriptor, option.level, name, time, time.length);
}

function failed(what: string): Fault {
  return new Fault('disk.failed', `The kernel's netlink could not ${what}.`, { retriable: true });
}
