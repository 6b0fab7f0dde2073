import assert from 'node:assert/strict';
import { decodeYaml } from '../../../lab/standin/kubernetes/decode-yaml.ts';

describe('decoded YAML', () => {
  it('is one object a document, lists unfolded, the namespace filled in where there is one', () => {
    const text = `
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: a } }
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: b, namespace: other } }
---
# nothing here
---
{ apiVersion: v1, kind: Namespace, metadata: { name: shelf } }
`;
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap' };
    assert.deepEqual(decodeYaml({ text }, 'shelf'), {
      result: [
        { ...configMap, metadata: { name: 'a', namespace: 'shelf' } },
        { ...configMap, metadata: { name: 'b', namespace: 'other' } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shelf' } },
      ],
    });
    assert.deepEqual(decodeYaml({ text: '' }, 'shelf'), { result: [] });
  });

  it('is refused with the place of the fault', () => {
    assert.throws(() => decodeYaml({ text: 'a: [' }, 'shelf'), /cannot be read: .*line 1/s);
  });
});
