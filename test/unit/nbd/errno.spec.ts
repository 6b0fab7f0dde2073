import assert from 'node:assert/strict';
import { Fault } from '../../../dataplane/base/fault.ts';
import {
  errno,
  errnoByReason,
  errnoName,
  errnoOf,
  messageOf,
  reasonByErrno,
} from '../../../dataplane/nbd/errno.ts';
import { command } from '../../../dataplane/nbd/wire.ts';
import type { BlockFailure } from '../../../dataplane/ports/block-service.ts';

const beyond: BlockFailure = { kind: 'refused', reason: 'out-of-range', message: 'too far' };
const full: BlockFailure = {
  kind: 'failed',
  reason: 'no-space',
  fault: new Fault('disk.full', 'no room on sda'),
};

describe('NBD error numbers', () => {
  it('are the ones of the specification', () => {
    assert.deepEqual(errno, {
      EPERM: 1,
      EIO: 5,
      ENOMEM: 12,
      EINVAL: 22,
      ENOSPC: 28,
      EOVERFLOW: 75,
      ENOTSUP: 95,
      ESHUTDOWN: 108,
    });
  });

  it('have one row for every failure of a block service', () => {
    assert.deepEqual(errnoByReason, {
      invalid: 'EINVAL',
      'out-of-range': 'EINVAL',
      'not-permitted': 'EPERM',
      'shutting-down': 'ESHUTDOWN',
      io: 'EIO',
      'no-space': 'ENOSPC',
    });
  });

  it('say ENOSPC for a write beyond the end, EINVAL for everything else', () => {
    const names = Object.entries(command).map(([name, code]) => [name, errnoOf(beyond, code)]);
    const spaceless = names.filter(([, error]) => error === 'ENOSPC').map(([name]) => name);
    assert.deepEqual(spaceless, ['write', 'writeZeroes']);
  });

  it('come back as the same failure on the other side', () => {
    for (const reason of ['invalid', 'not-permitted', 'shutting-down', 'io', 'no-space'] as const) {
      assert.equal(reasonByErrno[errnoByReason[reason]], reason);
    }
  });

  it('are EINVAL when the other side invents one', () => {
    assert.equal(errnoName(5), 'EIO');
    assert.equal(errnoName(4711), 'EINVAL');
  });

  it("carry the failure's own words", () => {
    assert.equal(messageOf(beyond), 'too far');
    assert.equal(messageOf(full), 'no room on sda');
  });
});
