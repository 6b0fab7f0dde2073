import assert from 'node:assert/strict';
import * as k8s from '@pulumi/kubernetes';
import { spreadSafetyNet } from '../../components/cluster/safety-net.ts';
import { recordProgram } from './support/record.ts';

describe('safety net', () => {
  const claim = { metadata: { name: 'c' }, spec: {} };

  it('protects and keeps what holds data and says nothing of it', async () => {
    const { resources } = await recordProgram(async () => {
      spreadSafetyNet();
      new k8s.core.v1.PersistentVolumeClaim('claim', claim);
      new k8s.core.v1.PersistentVolume('volume', claim);
      new k8s.core.v1.Namespace('namespace', { metadata: { name: 'n' } });
      new k8s.core.v1.ConfigMap('other', { metadata: { name: 'o' } });
    });
    const options = (name: string) => {
      const found = resources.find((resource) => resource.name === name);
      return [found?.options.protect, found?.options.retainOnDelete];
    };
    for (const name of ['claim', 'volume', 'namespace'])
      assert.deepEqual(options(name), [true, true], name);
    assert.deepEqual(options('other'), [false, false]);
  });

  it('leaves alone what was said in words', async () => {
    const { resources } = await recordProgram(async () => {
      spreadSafetyNet();
      new k8s.core.v1.PersistentVolumeClaim('claim', claim, { protect: false });
    });
    const found = resources.find((resource) => resource.name === 'claim');
    assert.deepEqual([found?.options.protect, found?.options.retainOnDelete], [false, true]);
  });
});
