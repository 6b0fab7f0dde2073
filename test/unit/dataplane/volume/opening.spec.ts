import assert from 'node:assert/strict';
import { type Candidate, decide } from '../../../../dataplane/volume/opening.ts';

type How = 'proven' | 'unproven' | 'away' | 'emptied' | 'older';

function member(id: string, how: How): Candidate {
  return {
    id,
    promised: how !== 'away',
    standing: how === 'away' ? undefined : how === 'emptied' ? 'new' : 'in-sync',
    // An image of a disk that was stopped in order proves itself like the disk.
    proven: how === 'proven' || how === 'older',
    older: how === 'older',
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
      members: [
        { id: 'a', promised: true, standing: 'new', proven: true, older: false },
        member('b', 'away'),
      ],
      wait: ['a', 'b'],
    },
    {
      when: 'I-24 one came back with an older disk',
      members: [member('a', 'older'), member('b', 'proven')],
      keep: ['b'],
    },
    {
      when: 'I-24 one came back with an older disk and the other lost its power',
      members: [member('a', 'older'), member('b', 'unproven')],
      keep: ['b'],
    },
    {
      when: 'I-24 one came back with an older disk and the other is away',
      members: [member('a', 'older'), member('b', 'away')],
      wait: ['b'],
    },
    {
      when: 'I-24 everybody came back with an older disk',
      members: [member('a', 'older'), member('b', 'older')],
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
