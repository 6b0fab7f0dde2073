/**
 * The peer wire, byte by byte: every message of docs/wire.md, as the product sends it, cut into
 * fields by a reader of the test's own. `UPDATE_GOLDEN=1` writes what is sent into the script
 * instead of comparing.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeWelcome,
} from '../../../dataplane/peer/handshake.ts';
import { FrameReader } from '../../../dataplane/peer/frame.ts';
import { decodeReply, encodeReply } from '../../../dataplane/peer/reply-codec.ts';
import { decodeRequest, encodeRequest } from '../../../dataplane/peer/request-codec.ts';

const file = path.join(import.meta.dirname, 'frames.txt');

/** Field, bytes: the table of docs/wire.md, written down once more. */
const layout = [
  ['length', 4],
  ['crc32c', 4],
  ['verb', 1],
  ['flags', 1],
  ['zero', 2],
  ['id', 8],
  ['epoch', 8],
  ['number', 8],
  ['offset', 8],
  ['length', 4],
] as const;

/** Bytes are written as `{"hex": "0001"}`. */
function withBytes(_: string, value: unknown): unknown {
  const hex = (value as { readonly hex?: unknown } | null)?.hex;
  return typeof hex === 'string' ? Uint8Array.from(Buffer.from(hex, 'hex')) : value;
}

/** `hello {…}`, `welcome {…}`, `ask <id> {…}`, `answer <id> {…}`: what is sent, and read again. */
function send(line: string): {
  readonly bytes: Buffer;
  readonly readAgain: unknown;
  readonly given: unknown;
} {
  const [, word = '', id = '0', json = ''] = /^(\w+) (?:(\d+) )?(\{.*\})$/.exec(line) ?? [];
  const given = JSON.parse(json, withBytes) as never;
  const codecs = {
    hello: [() => encodeHello(given), decodeHello],
    welcome: [() => encodeWelcome(given), decodeWelcome],
    ask: [() => encodeRequest(Number(id), given), decodeRequest],
    answer: [() => encodeReply(Number(id), given), decodeReply],
  } as const;
  const codec = codecs[word as keyof typeof codecs];
  assert.ok(codec !== undefined, `no such command: ${line}`);
  const bytes = Buffer.concat([...codec[0]()]);
  const reader = new FrameReader();
  reader.push(new Uint8Array(bytes));
  const frame = reader.next();
  assert.ok(frame !== undefined, 'a message is one frame');
  return { bytes, readAgain: codec[1](frame), given };
}

function fieldsOf(bytes: Buffer): string[] {
  const lines: string[] = [];
  let at = 0;
  for (const [name, length] of layout) {
    lines.push(
      `${String(at).padStart(3)} ${name.padEnd(7)} ${bytes.toString('hex', at, at + length)}`,
    );
    at += length;
  }
  for (; at < bytes.length; at += 20) {
    const part = bytes.subarray(at, at + 20);
    const text = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${String(at).padStart(3)} payload ${part.toString('hex').padEnd(40)} ${text}`);
  }
  return lines;
}

function replay(text: string): string {
  const paragraphs = text.trimEnd().split(/\n\n+/);
  return `${paragraphs.map(replayed).join('\n\n')}\n`;
}

function replayed(paragraph: string): string {
  const lines = paragraph.split('\n');
  const rule = lines.indexOf('----');
  const given = rule === -1 ? lines : lines.slice(0, rule);
  const commands = given.filter((line) => !line.startsWith('#'));
  const shown = commands.flatMap((line) => {
    const { bytes, readAgain, given: message } = send(line);
    assert.deepEqual(plain(readAgain), plain(message), `${line} is read as it was sent`);
    return fieldsOf(bytes);
  });
  return [...given, ...(commands.length > 0 ? ['----', ...shown] : [])].join('\n');
}

const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_, found: unknown) =>
      found instanceof Uint8Array ? { hex: Buffer.from(found).toString('hex') } : found,
    ),
  ) as unknown;

describe('peer frames', () => {
  const expected = readFileSync(file, 'utf8');

  it('are on the wire what the script says, byte by byte', () => {
    const actual = replay(expected);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual);
    const hint = 'if the change is meant: UPDATE_GOLDEN=1, read the diff, and think of older peers';
    assert.equal(process.env['UPDATE_GOLDEN'] === '1' ? expected : actual, expected, hint);
  });

  it('are all in the script', () => {
    const wire = readFileSync(path.resolve(import.meta.dirname, '../../../docs/wire.md'), 'utf8');
    const documented = [...wire.matchAll(/^\| (\d+) \| [a-z]+\?? \|/gm)].map(([, verb]) =>
      Number(verb),
    );
    const shown = [...expected.matchAll(/^ {2}8 verb {4}([0-9a-f]{2})$/gm)].map(([, hex = '']) =>
      Number.parseInt(hex, 16),
    );
    assert.ok(documented.length > 20, `found ${documented.length} verbs in docs/wire.md`);
    assert.deepEqual(
      [...new Set(shown)].sort((a, b) => a - b),
      documented.sort((a, b) => a - b),
    );
  });
});
