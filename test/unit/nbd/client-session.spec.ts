import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type ClientOutcome, ClientSession } from '../../../dataplane/nbd/client-session.ts';
import { command } from '../../../dataplane/nbd/wire.ts';

/** Bytes of a server, written without the code under test. */
function chunk(cookie: number, last: boolean, type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt32BE(0x668e33ef, 0);
  header.writeUInt16BE(last ? 1 : 0, 4);
  header.writeUInt16BE(type, 6);
  header.writeBigUInt64BE(BigInt(cookie), 8);
  header.writeUInt32BE(body.length, 16);
  return Buffer.concat([header, body]);
}

function at(offset: number, rest: Buffer): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(offset));
  return Buffer.concat([bytes, rest]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

function simple(cookie: number, error: number): Buffer {
  return Buffer.concat([words(0x67446698, error, 0, cookie)]);
}

function error(number: number, message: string, offset?: number): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(number);
  head.writeUInt16BE(message.length, 4);
  const tail = offset === undefined ? Buffer.alloc(0) : at(offset, Buffer.alloc(0));
  return Buffer.concat([head, Buffer.from(message), tail]);
}

const data = 1;
const hole = 2;
const status = 5;

/** A session with one request open: the cookie of the first is 1. */
function session(code: keyof typeof command, structured = true): ClientSession {
  const created = new ClientSession(structured);
  created.submit({ code: command[code], flags: 0, offsetBytes: 100, lengthBytes: 8 });
  return created;
}

function outcomeOf(opened: ClientSession, bytes: Buffer): ClientOutcome | string {
  const events = opened.push(bytes);
  if (events.kind === 'violation') return events.message;
  const [first] = events.completions;
  assert.ok(first !== undefined, 'the request was not completed');
  return first.outcome;
}

describe('ClientSession', () => {
  it('puts chunks of data and holes where they belong, in any order', () => {
    const bytes = Buffer.concat([
      chunk(1, false, data, at(106, Buffer.from('GH'))),
      chunk(1, false, hole, at(103, words(3))),
      chunk(1, true, data, at(100, Buffer.from('ABC'))),
    ]);
    assert.deepEqual(outcomeOf(session('read'), bytes), {
      kind: 'data',
      bytes: Buffer.from('ABC\0\0\0GH'),
    });
  });

  it('takes a simple reply for a read when nothing else was agreed on', () => {
    const bytes = Buffer.concat([simple(1, 0), Buffer.from('ABCDEFGH')]);
    const outcome = outcomeOf(session('read', false), bytes);
    assert.deepEqual(outcome, { kind: 'data', bytes: Buffer.from('ABCDEFGH') });
  });

  it('tells where a read failed, and waits for the end of the reply', () => {
    const opened = session('read');
    const first = opened.push(chunk(1, false, 0x8002, error(5, 'bad sector', 104)));
    assert.deepEqual(first, { kind: 'completions', completions: [] });
    assert.deepEqual(outcomeOf(opened, chunk(1, true, 0, Buffer.alloc(0))), {
      kind: 'error',
      error: 'EIO',
      message: 'bad sector',
      offsetBytes: 104,
    });
  });

  it('takes an error of a kind it does not know for an error', () => {
    const outcome = outcomeOf(session('write'), chunk(1, true, 0x8009, error(28, 'full')));
    assert.deepEqual(outcome, {
      kind: 'error',
      error: 'ENOSPC',
      message: 'full',
      offsetBytes: undefined,
    });
  });

  it('gives the runs of every context of a block status', () => {
    const bytes = Buffer.concat([
      chunk(1, false, status, words(1, 3, 0, 5, 3)),
      chunk(1, true, status, words(2, 8, 1)),
    ]);
    const outcome = outcomeOf(session('blockStatus'), bytes);
    assert.ok(typeof outcome !== 'string' && outcome.kind === 'status');
    assert.deepEqual(
      [...outcome.runs],
      [
        [
          1,
          [
            { lengthBytes: 3, state: 0 },
            { lengthBytes: 5, state: 3 },
          ],
        ],
        [2, [{ lengthBytes: 8, state: 1 }]],
      ],
    );
  });

  const violations: ReadonlyArray<{ what: string; code: keyof typeof command; bytes: Buffer }> = [
    { what: 'no reply at all', code: 'read', bytes: Buffer.alloc(20) },
    { what: 'a reply to nothing', code: 'write', bytes: simple(9, 0) },
    { what: 'a simple reply to a read', code: 'read', bytes: simple(1, 0) },
    { what: 'gaps', code: 'read', bytes: chunk(1, true, data, at(100, Buffer.from('ABC'))) },
    { what: 'data for a write', code: 'write', bytes: chunk(1, true, data, at(100, words(1, 2))) },
    { what: 'data before', code: 'read', bytes: chunk(1, true, data, at(99, words(1, 2))) },
    { what: 'data behind', code: 'read', bytes: chunk(1, true, data, at(104, words(1, 2))) },
    { what: 'no data in a chunk', code: 'read', bytes: chunk(1, true, data, at(100, words())) },
    { what: 'half an offset', code: 'read', bytes: chunk(1, true, data, words(1)) },
    { what: 'an endless hole', code: 'read', bytes: chunk(1, true, hole, at(100, words(2 ** 31))) },
    { what: 'a hole of 13 bytes', code: 'read', bytes: chunk(1, true, hole, Buffer.alloc(13)) },
    { what: 'an unknown chunk', code: 'read', bytes: chunk(1, true, 77, Buffer.alloc(0)) },
    { what: 'a hollow middle', code: 'read', bytes: chunk(1, false, 0, Buffer.alloc(0)) },
    { what: 'status for a read', code: 'read', bytes: chunk(1, true, status, words(1, 8, 0)) },
    { what: 'status of nothing', code: 'blockStatus', bytes: chunk(1, true, status, words(1)) },
    { what: 'an empty run', code: 'blockStatus', bytes: chunk(1, true, status, words(1, 0, 0)) },
    { what: 'success, no status', code: 'blockStatus', bytes: chunk(1, true, 0, words()) },
    { what: 'a cut error', code: 'read', bytes: chunk(1, true, 0x8001, Buffer.alloc(5)) },
    { what: 'an error longer than its chunk', code: 'read', bytes: cutError() },
  ];
  for (const { what, code, bytes } of violations) {
    it(`gives up on a server that sends ${what}`, () => {
      const opened = session(code);
      assert.equal(opened.push(bytes).kind, 'violation');
      assert.deepEqual(opened.push(simple(1, 0)), { kind: 'completions', completions: [] });
    });
  }

  it('gives up on the same bytes twice', () => {
    const once = chunk(1, false, data, at(100, Buffer.from('ABC')));
    const opened = session('read');
    assert.equal(opened.push(once).kind, 'completions');
    assert.equal(opened.push(once).kind, 'violation');
  });

  it('gives up on structured replies that were not agreed on', () => {
    assert.equal(
      session('write', false).push(chunk(1, true, 0, Buffer.alloc(0))).kind,
      'violation',
    );
  });
});

/** An error chunk whose message is said to be longer than the chunk. */
function cutError(): Buffer {
  const body = error(5, 'abc');
  body.writeUInt16BE(4, 4);
  return chunk(1, true, 0x8001, body);
}
