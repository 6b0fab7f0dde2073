import assert from 'node:assert/strict';
import { type Procedure, Tasks } from '../../../../dataplane/volume/task.ts';

describe('procedures', () => {
  it('wake nobody and start nothing once all were stopped, by one of them too', () => {
    const tasks = new Tasks();
    const begun: string[] = [];
    function* waits(): Procedure {
      begun.push('waits');
      yield { ready: () => false, orAtMs: 10 };
    }
    function* ends(): Procedure {
      tasks.stopAll();
      tasks.start(waits());
      yield { ready: () => false, orAtMs: 5 };
    }
    tasks.start(ends());
    tasks.run(0);
    assert.equal(tasks.wakeAtMs(), Infinity);
    assert.deepEqual(begun, []);
  });
});
