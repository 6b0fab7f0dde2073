import assert from 'node:assert/strict';
import {
  checkpoint,
  inputsInState,
  liveInState,
} from '../../../lab/standin/kubernetes/checkpoint.ts';
import { markSecrets } from '../../../lab/standin/kubernetes/secrets.ts';
import { hasSecret, Secret } from '../../../lab/standin/provider/value.ts';

describe('secrets', () => {
  it('are marked where the inputs have them, key by key', () => {
    const outputs = { spec: { password: 'x', user: 'ann' }, status: { ok: true } };
    const marked = markSecrets(outputs, { spec: { password: new Secret('x'), user: 'ann' } });
    assert.deepEqual(marked, {
      spec: { password: new Secret('x'), user: 'ann' },
      status: { ok: true },
    });
  });

  it('make a whole list secret when one entry is', () => {
    const env = [{ name: 'A', value: 'x' }];
    const marked = markSecrets({ env }, { env: [{ name: 'A', value: new Secret('x') }] });
    assert.deepEqual(marked, { env: new Secret(env) });
  });

  it('are the content of a Secret, whether the program says so or not', () => {
    const object = { kind: 'Secret', data: { a: 'eA==' }, type: 'Opaque' };
    assert.deepEqual(markSecrets(object, {}), { ...object, data: new Secret({ a: 'eA==' }) });
    const nested = { items: { ...object } };
    assert.deepEqual(markSecrets(nested, { items: {} })['items'], markSecrets(object, {}));
  });

  it('survive the checkpoint, in outputs and in the inputs kept with them', () => {
    const inputs = { kind: 'ConfigMap', data: { token: new Secret('hush'), plain: 'x' } };
    const live = { kind: 'ConfigMap', data: { token: 'hush', plain: 'x' } };
    const state = checkpoint({ live, inputs, initialApiVersion: 'v1', fieldManager: 'm' });
    assert.equal(JSON.stringify(state).includes('"token":"hush"'), false);
    assert.equal(hasSecret(state['__inputs']), true);
    assert.deepEqual(inputsInState(state), live);
    assert.deepEqual(liveInState(state), live);
  });
});
