import assert from 'node:assert/strict';
import { EpochGate } from '../../../../dataplane/store/epoch-gate.ts';

describe('EpochGate', () => {
  const a = { name: 'a' };
  const b = { name: 'b' };

  it('I-02 refuses an older epoch once a newer one was promised', () => {
    const gate = new EpochGate<object>(3, '');
    assert.equal(gate.raise(a, 4, 'A'), true);
    assert.equal(gate.promised(a), true);
    assert.equal(gate.admits(a, 4), true);
    assert.equal(gate.raise(b, 3, 'B'), false);
    assert.equal(gate.admits(b, 4), false, 'the right epoch on another session');
    assert.equal(gate.admits(a, 3), false, 'the right session with another epoch');
  });

  it('I-02 refuses the same epoch to another writer, and gives it to another session of the same', () => {
    const gate = new EpochGate<object>(3, 'A');
    assert.equal(gate.raise(b, 3, 'B'), false);
    assert.equal(gate.raise(a, 3, 'A'), true);
    assert.equal(gate.raise(b, 4, 'B'), true, 'a later epoch is anybody’s');
    assert.equal(gate.raise(a, 4, 'A'), false);
    assert.equal(gate.writer, 'B');
  });

  it('I-02 takes the writer that asks first when the store does not know whom it promised', () => {
    const gate = new EpochGate<object>(3, '');
    assert.equal(gate.raise(b, 3, 'B'), true);
    assert.equal(gate.raise(a, 3, 'A'), false);
  });

  it('I-17 admits nobody between the first sight of a promise and its answer', () => {
    const gate = new EpochGate<object>(0, '');
    gate.raise(a, 1, 'A');
    gate.promised(a);
    gate.begin();
    gate.raise(b, 1, 'A');
    let idle = false;
    gate.whenIdle(() => {
      idle = true;
    });
    assert.equal(gate.admits(a, 1), false);
    assert.equal(gate.admits(b, 1), false);
    assert.equal(idle, false);
    gate.end();
    assert.equal(idle, true);
    assert.equal(gate.promised(b), true);
    assert.equal(gate.admits(b, 1), true);
  });

  it('does not let an overtaken promise be answered', () => {
    const gate = new EpochGate<object>(0, '');
    gate.raise(a, 1, 'A');
    gate.raise(b, 2, 'B');
    assert.equal(gate.promised(a), false);
    assert.equal(gate.admits(b, 2), false, 'b is not durable yet');
    assert.equal(gate.promised(b), true);
    assert.equal(gate.admits(b, 2), true);
  });
});
