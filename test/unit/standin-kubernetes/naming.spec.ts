import assert from 'node:assert/strict';
import { named, type NamingRequest } from '../../../lab/standin/kubernetes/naming.ts';
import { propertyText } from '../../../lab/standin/kubernetes/inputs.ts';
import { isAutonamed } from '../../../lab/standin/kubernetes/annotations.ts';
import { type PropertyMap, unknown } from '../../../lab/standin/provider/value.ts';

const request = (more: Partial<NamingRequest> = {}): NamingRequest => ({
  inputs: {},
  oldInputs: undefined,
  logicalName: 'data',
  randomSeed: new Uint8Array([1, 2, 3]),
  autonaming: undefined,
  ...more,
});

function inputsOf(more: Partial<NamingRequest>): PropertyMap {
  const naming = named(request(more));
  assert.equal(naming.outcome, 'named');
  return naming.outcome === 'named' ? naming.inputs : {};
}
const nameOf = (inputs: PropertyMap) => propertyText(inputs, 'metadata', 'name');
const autonamed = (name: string): PropertyMap => ({
  metadata: { name, annotations: { 'pulumi.com/autonamed': 'true' } },
});

describe('naming', () => {
  it('makes up a name from logical name and seed, the same each time, and marks it', () => {
    const inputs = inputsOf({});
    assert.match(nameOf(inputs), /^data-[0-9a-f]{8}$/);
    assert.equal(isAutonamed(inputs), true);
    assert.deepEqual(inputsOf({}), inputs);
    assert.notEqual(nameOf(inputsOf({ randomSeed: new Uint8Array([4]) })), nameOf(inputs));
  });

  it('leaves a given name, a generateName, an unknown name and unknown metadata alone', () => {
    for (const metadata of [
      { name: 'mine' },
      { generateName: 'mine-' },
      { name: unknown },
      unknown,
    ]) {
      assert.deepEqual(inputsOf({ inputs: { metadata } }), { metadata });
    }
  });

  it('keeps the name that it made up before', () => {
    const inputs = inputsOf({ oldInputs: autonamed('data-0000'), inputs: { metadata: {} } });
    assert.equal(nameOf(inputs), 'data-0000');
    assert.equal(isAutonamed(inputs), true);
  });

  it('gives no name in place of one that the program took back: that is a replacement', () => {
    const inputs = inputsOf({ oldInputs: { metadata: { name: 'mine' } } });
    assert.equal(nameOf(inputs), '');
  });

  it('follows the engine when autonaming is configured', () => {
    for (const mode of ['propose', 'enforce'] as const) {
      const inputs = inputsOf({ autonaming: { mode, name: 'data-by-pattern' } });
      assert.equal(nameOf(inputs), 'data-by-pattern');
      assert.equal(isAutonamed(inputs), true);
    }
    const refused = named(request({ autonaming: { mode: 'disable' } }));
    assert.equal(refused.outcome, 'refused');
    assert.match(refused.outcome === 'refused' ? refused.reason : '', /data.*metadata\.name/);
    assert.equal(
      nameOf(inputsOf({ autonaming: { mode: 'disable' }, inputs: { metadata: { name: 'x' } } })),
      'x',
    );
  });
});
