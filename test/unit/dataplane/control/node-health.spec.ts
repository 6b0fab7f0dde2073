import assert from 'node:assert/strict';
import { NodeHealth, silenceMs } from '../../../../dataplane/control/node-health.ts';
import { node } from './shelf.ts';

describe('node health', () => {
  const saying = (seenAt: string, health: 'Ready' | 'Unknown' = 'Ready') => {
    const made = node('kube1', { health });
    return { ...made, status: { ...made.status, seenAt } };
  };

  it('lets a node be that goes on saying something, whatever its clock says', () => {
    const judge = new NodeHealth();
    assert.equal(judge.judge(0, saying('2026')), undefined);
    assert.equal(judge.judge(silenceMs, saying('1970')), undefined);
    assert.equal(judge.judge(2 * silenceMs - 1, saying('1970')), undefined);
  });

  it('calls a node unknown that was silent for the whole time, and says what to look at', () => {
    const judge = new NodeHealth();
    judge.judge(0, saying('a'));
    const status = judge.judge(silenceMs, saying('a'));
    assert.equal(status?.health, 'Unknown');
    assert.match(status.message, /is the node on, and does its pod larder-node run\?/);
  });

  it('does not repeat itself', () => {
    const judge = new NodeHealth();
    judge.judge(0, saying('a', 'Unknown'));
    assert.equal(judge.judge(5 * silenceMs, saying('a', 'Unknown')), undefined);
  });

  it('waits the full time after a start, however old the last word is', () => {
    assert.equal(new NodeHealth().judge(9_999_999, saying('long ago')), undefined);
  });
});
