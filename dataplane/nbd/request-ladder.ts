/**
 * The one place where a request is admitted or turned away. The rungs go from the most general to
 * the most special; the first that fails names the error number and says why in words. Below this
 * door nothing is checked again.
 */
import type { BlockGeometry } from '../ports/block-service.ts';
import { beyondTheEnd, type ErrnoName } from './errno.ts';
import { nbdLimits } from './limits.ts';
import { allowedFlags, hasFlag, type NbdRequest } from './request.ts';
import { command, commandFlag, commandName } from './wire.ts';

/** What a request is judged against. */
export interface RequestRules {
  readonly geometry: BlockGeometry;
  readonly structured: boolean;
  readonly contextsSelected: boolean;
  /** The server is ending: nothing new is begun. */
  readonly ending: boolean;
}

export interface Refusal {
  readonly error: ErrnoName;
  readonly message: string;
}

const writing: ReadonlySet<number> = new Set([command.write, command.trim, command.writeZeroes]);

/** Nothing when the request may be carried out. */
export function refusalOf(request: NbdRequest, rules: RequestRules): Refusal | undefined {
  const { code, flags } = request;
  if (rules.ending) return refuse('ESHUTDOWN', 'the server is ending: disconnect');
  if (code > command.blockStatus || code === command.disconnect) {
    return refuse('EINVAL', `command ${code} is not known here`);
  }
  const strange = flags & ~allowedFlags(code, rules.structured);
  if (strange !== 0) {
    const bits = `0x${strange.toString(16)}`;
    return refuse('EINVAL', `${commandName(code)} does not take the flags ${bits}`);
  }
  if (rules.geometry.readOnly && writing.has(code)) {
    return refuse('EPERM', 'this export is read-only');
  }
  if (code === command.flush) return refusalOfFlush(request);
  if (code === command.blockStatus && !rules.contextsSelected) {
    return refuse('EINVAL', 'select a metadata context before asking for block status');
  }
  return refusalOfRange(request, rules.geometry.sizeBytes);
}

function refusalOfFlush(request: NbdRequest): Refusal | undefined {
  if (request.offsetBytes === 0 && request.lengthBytes === 0) return undefined;
  return refuse('EINVAL', 'flush takes no offset and no length');
}

function refusalOfRange(request: NbdRequest, sizeBytes: number): Refusal | undefined {
  const { code, offsetBytes, lengthBytes } = request;
  if (lengthBytes === 0) return refuse('EINVAL', `${commandName(code)} of no bytes`);
  if (offsetBytes + lengthBytes > sizeBytes) {
    return refuse(
      beyondTheEnd(code),
      `${commandName(code)} of ${lengthBytes} at ${offsetBytes} ends beyond ${sizeBytes}`,
    );
  }
  const carriesData = code === command.read || code === command.write;
  if (carriesData && lengthBytes > nbdLimits.payloadBytesMax) {
    return refuse('EINVAL', `one request may carry ${nbdLimits.payloadBytesMax} bytes`);
  }
  if (hasFlag(request, commandFlag.fastZero)) {
    return refuse('ENOTSUP', 'zeroing is not promised to be faster than writing');
  }
  return undefined;
}

function refuse(error: ErrnoName, message: string): Refusal {
  return { error, message };
}
