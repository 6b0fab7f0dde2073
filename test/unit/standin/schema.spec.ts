import assert from 'node:assert/strict';
import { commandProvider } from '../../../lab/standin/command/provider.ts';
import { randomProvider } from '../../../lab/standin/random/provider.ts';

interface Schema {
  readonly name: string;
  readonly description: string;
  readonly resources: Readonly<
    Record<
      string,
      {
        readonly inputProperties: Readonly<Record<string, object>>;
        readonly requiredInputs: readonly string[];
      }
    >
  >;
  readonly functions: Readonly<Record<string, { readonly inputs: object }>>;
}

describe('package schema', () => {
  it('tells what a stand-in takes, in the words of Pulumi', () => {
    const random = JSON.parse(randomProvider.schema?.() ?? '') as Schema;
    const password = random.resources['random:index/randomPassword:RandomPassword'];
    assert.deepEqual(password?.requiredInputs, ['length']);
    assert.deepEqual(password?.inputProperties['keepers'], {
      type: 'object',
      additionalProperties: { type: 'string' },
    });
    const command = JSON.parse(commandProvider.schema?.() ?? '') as Schema;
    const local = command.resources['command:local:Command'];
    assert.deepEqual(local?.requiredInputs, []);
    assert.deepEqual(local?.inputProperties['triggers'], {
      type: 'array',
      items: { $ref: 'pulumi.json#/Any' },
    });
    assert.ok('command:local:run' in command.functions);
  });

  it('says that it is a stand-in', () => {
    const { description } = JSON.parse(randomProvider.schema?.() ?? '') as Schema;
    assert.match(description, /stand-in .* closed network/);
  });
});
