/**
 * Messages of the kernel's generic netlink, as far as its NBD client needs them: bytes from
 * requests, replies from bytes. Layout and numbers: linux/netlink.h, linux/genetlink.h,
 * linux/nbd-netlink.h. Everything is in the order of the machine; only little-endian ones are
 * supported.
 *
 * Never: opens a socket, or trusts a length it was given.
 */
import { Buffer } from 'node:buffer';

const headerBytes = 16;
const genericHeaderBytes = 4;
const attributeHeaderBytes = 4;
const requestFlag = 1;
const acknowledgeFlag = 4;
const errorType = 2;
/** Upper bits of an attribute's type are flags. */
const typeMask = 0x3fff;
const nestedFlag = 0x8000;

/** The family that knows the numbers of all others. */
export const controlFamily = { id: 16, getFamily: 3, familyId: 1, familyName: 2 } as const;

export const nbdFamily = {
  name: 'nbd',
  version: 1,
  connect: 1,
  disconnect: 2,
  reconfigure: 3,
} as const;

export const nbdAttribute = {
  index: 1,
  sizeBytes: 2,
  blockSizeBytes: 3,
  /** Seconds after which a request that is not answered is sent again on another connection. */
  timeout: 4,
  serverFlags: 5,
  sockets: 7,
  /** Seconds that requests wait for a connection when there is none. */
  deadConnectionTimeout: 8,
  /** Text that says whose device it is; a device goes on with the same one only. */
  backend: 10,
} as const;
const socketItem = 1;
const socketDescriptor = 1;

export interface NetlinkRequest {
  readonly family: number;
  readonly command: number;
  readonly version: number;
  readonly sequence: number;
  readonly attributes: readonly Uint8Array[];
}

/** What came back for a request: attributes by type, or an error of the system (0: done). */
export type NetlinkReply =
  | {
      readonly kind: 'message';
      readonly sequence: number;
      readonly attributes: ReadonlyMap<number, Buffer>;
    }
  | { readonly kind: 'end'; readonly sequence: number; readonly errno: number };

/** With an answer to every request, also to one that has nothing else to say. */
export function encodeNetlink(request: NetlinkRequest): Buffer {
  const header = Buffer.alloc(headerBytes + genericHeaderBytes);
  const message = Buffer.concat([header, ...request.attributes]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(request.family, 4);
  message.writeUInt16LE(requestFlag | acknowledgeFlag, 6);
  message.writeUInt32LE(request.sequence, 8);
  message.writeUInt8(request.command, headerBytes);
  message.writeUInt8(request.version, headerBytes + 1);
  return message;
}

/** Every whole message of a datagram; what is cut off is left out. */
export function decodeNetlink(datagram: Uint8Array): readonly NetlinkReply[] {
  const bytes = Buffer.from(datagram);
  const replies: NetlinkReply[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const lengthBytes = bytes.readUInt32LE(at);
    if (lengthBytes < headerBytes || at + lengthBytes > bytes.length) break;
    const body = bytes.subarray(at + headerBytes, at + lengthBytes);
    const sequence = bytes.readUInt32LE(at + 8);
    if (bytes.readUInt16LE(at + 4) !== errorType) {
      const attributes = decodeAttributes(body.subarray(genericHeaderBytes));
      replies.push({ kind: 'message', sequence, attributes });
    } else if (body.length >= 4) {
      replies.push({ kind: 'end', sequence, errno: -body.readInt32LE(0) });
    }
    at += padded(lengthBytes);
  }
  return replies;
}

function decodeAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + attributeHeaderBytes <= bytes.length; ) {
    const lengthBytes = bytes.readUInt16LE(at);
    if (lengthBytes < attributeHeaderBytes || at + lengthBytes > bytes.length) break;
    const type = bytes.readUInt16LE(at + 2) & typeMask;
    attributes.set(type, bytes.subarray(at + attributeHeaderBytes, at + lengthBytes));
    at += padded(lengthBytes);
  }
  return attributes;
}

export function attributeU32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

export function attributeU64(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return attribute(type, bytes);
}

export function attributeText(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** @param descriptor of a connected socket in the process that sends the request */
export function attributeSocket(descriptor: number): Buffer {
  const socket = attributeU32(socketDescriptor, descriptor);
  const item = attribute(socketItem | nestedFlag, socket);
  return attribute(nbdAttribute.sockets | nestedFlag, item);
}

function attribute(type: number, value: Uint8Array): Buffer {
  const lengthBytes = attributeHeaderBytes + value.length;
  const bytes = Buffer.alloc(padded(lengthBytes));
  bytes.writeUInt16LE(lengthBytes, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, attributeHeaderBytes);
  return bytes;
}

function padded(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}
