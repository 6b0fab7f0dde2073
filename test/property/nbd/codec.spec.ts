import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { Coverage } from '../../../dataplane/nbd/coverage.ts';
import { nbdLimits } from '../../../dataplane/nbd/limits.ts';
import {
  decodeContextQuery,
  decodeInfoFact,
  decodeInfoQuery,
  decodeListEntry,
  decodeMetaContext,
  decodeOptionHeader,
  decodeOptionReplyHeader,
  decodeString,
  encodeBlockSizes,
  encodeContextQuery,
  encodeExportInfo,
  encodeInfoQuery,
  encodeInfoText,
  encodeListEntry,
  encodeMetaContext,
  encodeOption,
  encodeOptionReply,
} from '../../../dataplane/nbd/option-codec.ts';
import { decodeRequest, encodeRequest } from '../../../dataplane/nbd/request.ts';
import { dataRuns } from '../../../dataplane/nbd/zero-runs.ts';

const name = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0'));
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('NBD codec', () => {
  it('decodes what it encodes [options]', () => {
    fc.assert(
      fc.property(u32, fc.uint8Array({ maxLength: 50 }), (code, data) => {
        const header = { code, lengthBytes: data.length };
        assert.deepEqual(decodeOptionHeader(encodeOption(code, data)), header);
        const reply = encodeOptionReply(code, code, data);
        assert.deepEqual(decodeOptionReplyHeader(reply), { ...header, type: code });
      }),
    );
  });

  it('decodes what it encodes [queries]', () => {
    fc.assert(
      fc.property(
        name,
        fc.array(u16, { maxLength: 20 }),
        fc.array(name),
        (exportName, facts, queries) => {
          const info = { exportName, facts };
          assert.deepEqual(decodeInfoQuery(encodeInfoQuery(info)), info);
          const contexts = { exportName, queries };
          assert.deepEqual(decodeContextQuery(encodeContextQuery(contexts)), contexts);
        },
      ),
    );
  });

  it('decodes what it encodes [facts]', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), u16, u32, name, (sizeBytes, flags, maximum, text) => {
        const whole = { kind: 'export', sizeBytes, flags };
        assert.deepEqual(decodeInfoFact(encodeExportInfo(sizeBytes, flags)), whole);
        const sizes = { minimum: 1, preferred: 4096, maximum };
        assert.deepEqual(decodeInfoFact(encodeBlockSizes(sizes)), { kind: 'block-sizes', sizes });
        assert.deepEqual(decodeInfoFact(encodeInfoText(2, text)), { kind: 'description', text });
        assert.deepEqual(decodeListEntry(encodeListEntry(text, text)), {
          name: text,
          description: text,
        });
        const context = { id: maximum, name: text };
        assert.deepEqual(decodeMetaContext(encodeMetaContext(context)), context);
      }),
    );
  });

  it('decodes what it encodes [requests]', () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        u32,
        u32,
        fc.maxSafeNat(),
        u32,
        (code, flags, high, low, at, length) => {
          const request = {
            code,
            flags,
            cookieHigh: high,
            cookieLow: low,
            offsetBytes: at,
            lengthBytes: length,
          };
          assert.deepEqual(decodeRequest(encodeRequest(request)), request);
        },
      ),
    );
  });

  it('takes any bytes for what they are, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const info = decodeInfoQuery(bytes);
        if (info !== undefined) assert.deepEqual(encodeInfoQuery(info), Buffer.from(bytes));
        const contexts = decodeContextQuery(bytes);
        if (contexts !== undefined) {
          assert.deepEqual(encodeContextQuery(contexts), Buffer.from(bytes));
        }
        decodeInfoFact(bytes);
        decodeListEntry(bytes);
        decodeMetaContext(bytes);
        const text = decodeString(bytes);
        if (text !== undefined) assert.deepEqual(Buffer.from(text), Buffer.from(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('does not take a string that is too long, holds NUL or is no UTF-8', () => {
    const longest = Buffer.alloc(nbdLimits.stringBytesMax, 0x61);
    assert.equal(decodeString(longest), longest.toString());
    assert.equal(decodeString(Buffer.concat([longest, Buffer.from('a')])), undefined);
    assert.equal(decodeString(Buffer.from('a\0b')), undefined);
    assert.equal(decodeString(Uint8Array.of(0xff, 0xfe)), undefined);
  });
});

describe('NBD coverage', () => {
  it('agrees with a set of positions', () => {
    const part = fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 8 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const coverage = new Coverage();
        const positions = new Set<number>();
        for (const [start, length] of parts) {
          const wanted = Array.from({ length }, (_, index) => start + index);
          const fresh = wanted.every((position) => !positions.has(position));
          assert.equal(coverage.add(start, start + length), fresh);
          if (fresh) for (const position of wanted) positions.add(position);
        }
        const all = [...positions].toSorted((a, b) => a - b);
        const separate = all.filter((position) => !positions.has(position - 1)).length;
        assert.equal(coverage.parts, separate);
      }),
    );
  });
});

describe('NBD zero runs', () => {
  it('lie side by side, cover everything, and are holes only where all is zero', () => {
    const island = fc.tuple(fc.nat(299_999), fc.integer({ min: 1, max: 5000 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300_000 }),
        fc.array(island, { maxLength: 6 }),
        (length, islands) => {
          const bytes = Buffer.alloc(length);
          for (const [start, count] of islands) {
            bytes.fill(7, Math.min(start, length), Math.min(start + count, length));
          }
          let at = 0;
          for (const run of dataRuns(bytes)) {
            assert.equal(run.startBytes, at);
            assert.ok(run.lengthBytes > 0);
            at += run.lengthBytes;
            const zero = bytes.subarray(run.startBytes, at).every((byte) => byte === 0);
            if (run.zero) assert.ok(zero);
          }
          assert.equal(at, length);
        },
      ),
      { numRuns: 50 },
    );
  });
});
