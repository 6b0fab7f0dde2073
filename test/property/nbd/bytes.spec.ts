import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { NbdBytes } from '../../../dataplane/drive/nbd-bytes.ts';
import type { BlockService, ByteRange } from '../../../dataplane/ports/block-service.ts';
import { MemoryBlocks } from '../../support/nbd/memory-blocks.ts';

const sizeBytes = 16_384;

const range = fc
  .tuple(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 9000 }))
  .map(([offsetBytes, length]) => ({
    offsetBytes,
    lengthBytes: Math.min(length, sizeBytes - offsetBytes),
  }));

type Change = {
  readonly kind: 'write' | 'zero' | 'trim' | 'read';
  readonly fill: number;
} & ByteRange;

const change: fc.Arbitrary<Change> = fc
  .tuple(fc.constantFrom('write', 'zero', 'trim', 'read'), fc.integer({ min: 1, max: 255 }), range)
  .map(([kind, fill, where]) => ({ kind: kind as Change['kind'], fill, ...where }));

/** Lets a scheduler decide when each call of the service happens and when it answers. */
function scheduled(blocks: BlockService, scheduler: fc.Scheduler): BlockService {
  const late = async <T>(act: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve());
    const outcome = await act();
    await scheduler.schedule(Promise.resolve());
    return outcome;
  };
  return {
    geometry: blocks.geometry,
    read: (where) => late(() => blocks.read(where)),
    write: (at, bytes, options) => late(() => blocks.write(at, bytes, options)),
    zero: (where, options) => late(() => blocks.zero(where, options)),
    trim: (where, options) => late(() => blocks.trim(where, options)),
    flush: () => late(() => blocks.flush()),
    blockStatus: (where) => late(() => blocks.blockStatus(where)),
  };
}

async function perform(bytes: NbdBytes, { kind, fill, ...where }: Change): Promise<void> {
  const options = { fua: false, mayPunch: true };
  if (kind === 'read') await bytes.read(where);
  else if (kind === 'write') {
    await bytes.write(where.offsetBytes, Buffer.alloc(where.lengthBytes, fill), options);
  } else await bytes[kind](where, options);
}

describe('NBD bytes over whole blocks', () => {
  it('do what a plain array of bytes does, one request after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 15 }), async (changes) => {
        const bytes = new NbdBytes(new MemoryBlocks(sizeBytes));
        const model = Buffer.alloc(sizeBytes);
        for (const { kind, fill, ...where } of changes) {
          const end = where.offsetBytes + where.lengthBytes;
          await perform(bytes, { kind, fill, ...where });
          if (kind === 'write') model.fill(fill, where.offsetBytes, end);
          if (kind === 'zero') model.fill(0, where.offsetBytes, end);
          if (kind === 'trim') {
            // Only whole blocks are forgotten.
            const first = Math.ceil(where.offsetBytes / 4096) * 4096;
            const last = Math.floor(end / 4096) * 4096;
            if (last > first) model.fill(0, first, last);
          }
          const read = await bytes.read(where);
          assert.ok(read.kind === 'data');
          assert.deepEqual(Buffer.from(read.bytes), model.subarray(where.offsetBytes, end));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('lose no byte when requests for parts of one block are under way together', async () => {
    const pieces = fc.uniqueArray(fc.integer({ min: 1, max: 8191 }), {
      minLength: 2,
      maxLength: 7,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.scheduler(), async (edges, scheduler) => {
        const blocks = new MemoryBlocks(8192);
        const bytes = new NbdBytes(scheduled(blocks, scheduler));
        const sorted = [0, ...edges.toSorted((a, b) => a - b), 8192];
        const model = Buffer.alloc(8192);
        const writes = sorted.slice(1).map((end, index) => {
          const start = sorted[index] ?? 0;
          model.fill(index + 1, start, end);
          const piece = Buffer.alloc(end - start, index + 1);
          return bytes.write(start, piece, { fua: false });
        });
        await scheduler.waitFor(Promise.all(writes));
        assert.deepEqual(blocks.bytes, model);
      }),
      { numRuns: 100 },
    );
  });

  it('keep the later of two overlapping requests when one is for a part', async () => {
    await fc.assert(
      fc.asyncProperty(range, fc.scheduler(), async (part, scheduler) => {
        const blocks = new MemoryBlocks(sizeBytes);
        const bytes = new NbdBytes(scheduled(blocks, scheduler));
        const end = part.offsetBytes + part.lengthBytes;
        fc.pre(part.offsetBytes % 4096 !== 0 || end % 4096 !== 0);
        const whole = bytes.write(0, Buffer.alloc(sizeBytes, 1), { fua: false });
        const inner = bytes.write(part.offsetBytes, Buffer.alloc(part.lengthBytes, 2), {
          fua: false,
        });
        await scheduler.waitFor(Promise.all([whole, inner]));
        const model = Buffer.alloc(sizeBytes, 1).fill(2, part.offsetBytes, end);
        assert.deepEqual(blocks.bytes, model);
      }),
      { numRuns: 60 },
    );
  });
});
