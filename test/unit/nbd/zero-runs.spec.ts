import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { nbdLimits } from '../../../dataplane/nbd/limits.ts';
import { dataRuns } from '../../../dataplane/nbd/zero-runs.ts';

const show = (bytes: Uint8Array): string =>
  dataRuns(bytes)
    .map(
      ({ startBytes, lengthBytes, zero }) =>
        `${zero ? 'hole' : 'data'} ${startBytes}+${lengthBytes}`,
    )
    .join(', ');

describe('zero runs', () => {
  it('make a hole of a piece that is all zeroes, however short', () => {
    assert.equal(show(Buffer.alloc(1)), 'hole 0+1');
    assert.equal(show(Buffer.alloc(5000)), 'hole 0+5000');
    assert.equal(show(Buffer.alloc(1_048_576)), 'hole 0+1048576');
  });

  it('leave data as one run when its zeroes are few', () => {
    const bytes = Buffer.alloc(65_536);
    for (let at = 0; at < bytes.length; at += nbdLimits.holeBytesMin) bytes[at] = 1;
    assert.equal(show(bytes), 'data 0+65536');
  });

  it('cut a long hole out of the data around it', () => {
    const bytes = Buffer.alloc(100_000);
    bytes[4095] = 1;
    bytes[65_536] = 1;
    assert.equal(show(bytes), 'data 0+4096, hole 4096+61440, data 65536+34464');
  });

  it('see a byte at the very end of a piece', () => {
    const bytes = Buffer.alloc(40_961);
    bytes[40_960] = 1;
    assert.equal(show(bytes), 'hole 0+40960, data 40960+1');
  });
});
