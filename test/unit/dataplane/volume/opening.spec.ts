import assert from 'node:assert/strict';
import { type Candidate, decide } from '../../../../dataplane/volume/opening.ts';

function member(id: string, how: 'proven' | 'unproven' | 'away' | 'emptied'): Candidate {
  return {
    id,
    promised: how !== 'away',
    standing: how === 'away' ? undefined : how === 'emptied' ? 'new' : 'in-sync',
    proven: how === 'proven',
  };
}

describe('decide', () => {
  const cases: readonly {
    readonly when: string;
    readonly members: readonly Candidate[];
    readonly keep?: readonly string[];
    readonly wait?: readonly string[];
  }[] = [
    {
      when: 'all can prove themselves',
      members: [member('a', 'proven'), member('b', 'proven')],
      keep: ['a', 'b'],
    },
    {
      when: 'one was restarted',
      members: [member('a', 'unproven'), member('b', 'proven')],
      keep: ['b'],
    },
    { when: 'one is away', members: [member('a', 'away'), member('b', 'proven')], keep: ['b'] },
    {
      when: 'everybody lost their power and is back',
      members: [member('a', 'unproven'), member('b', 'unproven')],
      keep: ['a', 'b'],
    },
    {
      when: 'everybody lost their power and one is missing',
      members: [member('a', 'unproven'), member('b', 'away')],
      wait: ['b'],
    },
    {
      when: 'I-05 one lost its power and the other came back empty',
      members: [member('a', 'unproven'), member('b', 'emptied')],
      wait: ['b'],
    },
    {
      when: 'I-05 an emptied disk is the only one that was never stopped',
      members: [{ id: 'a', promised: true, standing: 'new', proven: true }, member('b', 'away')],
      wait: ['a', 'b'],
    },
  ];
  for (const { when, members, keep, wait } of cases) {
    it(`${keep === undefined ? `waits for ${wait?.join()}` : `keeps ${keep.join()}`} when ${when}`, () => {
      const decision = decide(members);
      assert.deepEqual(
        decision,
        keep === undefined ? { kind: 'wait', missing: wait } : { kind: 'keep', kept: keep },
      );
    });
  }
});
