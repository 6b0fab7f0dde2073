import assert from 'node:assert/strict';
import { failed, succeeded } from './support/cli-run.ts';
import { declare, secret } from './support/declared.ts';
import { Project } from './support/project.ts';
import { resourceNamed } from './support/state.ts';

/**
 * What the official random provider 4.21.2 does, rule by rule; the source is named in brackets.
 * `PULUMI_PLUGINS=official npm run test:engine` runs the same against the official plugin.
 */
describe('random provider', () => {
  const password = (args: Readonly<Record<string, unknown>>) => ({
    password: { kind: 'RandomPassword', args },
  });

  it('draws once, keeps the value, and draws anew only on a change [resource_password.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, password({ length: 16 }));
    assert.deepEqual(succeeded(await project.up()).operations, ['create password']);
    const first = drawn(await project.outputs());
    assert.equal(first.length, 16);

    const again = succeeded(await project.up());
    assert.deepEqual(again.operations, [], 'an unchanged program changes nothing');
    const refreshed = succeeded(await project.refresh());
    assert.deepEqual(refreshed.operations, [], 'Read keeps the state as it is');

    declare(project, password({ length: 20 }));
    const replaced = succeeded(await project.up());
    assert.deepEqual(replaced.operations, [
      'create-replacement password',
      'delete-replaced password',
      'replace password',
    ]);
    const second = drawn(await project.outputs());
    assert.equal(second.length, 20);
    assert.notEqual(second.slice(0, 16), first);

    assert.deepEqual(succeeded(await project.destroy()).operations, ['delete password']);
    assert.deepEqual(project.state().resources, []);
  });

  it('replaces on every input, and takes a default for the same as its absence [RequiresReplace]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const base = { length: 16, keepers: { version: '1' } };
    const defaults = [{ special: true }, { minUpper: 0 }, { numeric: true }, { number: true }];
    const edits = [
      { length: 17 },
      { special: false },
      { numeric: false },
      { minLower: 2 },
      { overrideSpecial: '-_' },
      { keepers: { version: '2' } },
      { keepers: undefined },
    ];
    const passwords = (change: (edit: Readonly<Record<string, unknown>>) => object) =>
      Object.fromEntries(
        [...defaults, ...edits].map((edit) => [
          JSON.stringify(edit),
          { kind: 'RandomPassword', args: { ...base, ...change(edit) } },
        ]),
      );
    declare(
      project,
      passwords(() => ({})),
    );
    succeeded(await project.up());
    declare(
      project,
      passwords((edit) => edit),
    );
    const preview = succeeded(await project.preview());
    const replaces = preview.steps.filter(({ op }) => op === 'replace');
    assert.deepEqual(
      new Map(replaces.map(({ name, replaceKeys }) => [name, replaceKeys])),
      new Map(edits.map((edit) => [JSON.stringify(edit), replaceKeysOf(edit)])),
    );
  });

  it('hides the password from screen, state and preview [Sensitive: true]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, password({ length: 24, keepers: { by: secret('a hidden keeper') } }));
    const screens = [
      succeeded(await project.preview({ args: ['--diff'] })).screen,
      succeeded(await project.up({ args: ['--diff'] })).screen,
      succeeded(await project.up({ args: ['--diff'] })).screen,
    ];
    const { result, bcryptHash } = fields(await project.outputs());
    const state = project.state();
    for (const hidden of [result, bcryptHash, 'a hidden keeper']) {
      assert.ok(hidden !== undefined && hidden.length > 8);
      assert.ok(!state.text.includes(hidden), `in clear in the state: ${hidden}`);
      for (const screen of screens) assert.ok(!screen.includes(hidden), `on screen: ${screen}`);
    }
    assert.equal(resourceNamed(state, 'password').id, 'none', 'ids are not secret');
    assert.match(bcryptHash ?? '', /^\$2[aby]\$10\$/, 'bcrypt at the default cost');
  });

  it('honours classes, minimums and other special characters [internal/random/string.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const only = (kind: string) => ({
      upper: false,
      lower: false,
      numeric: false,
      special: false,
      [kind]: true,
    });
    declare(project, {
      upper: { kind: 'RandomString', args: { length: 40, ...only('upper') } },
      digits: { kind: 'RandomString', args: { length: 40, ...only('numeric') } },
      own: {
        kind: 'RandomString',
        args: { length: 40, ...only('special'), overrideSpecial: '-_' },
      },
      minimum: {
        kind: 'RandomString',
        args: { length: 4, minUpper: 1, minLower: 1, minNumeric: 1, minSpecial: 1 },
      },
    });
    succeeded(await project.up());
    const outputs = (await project.outputs()) as Record<string, { result: string; id: string }>;
    assert.match(outputs['upper']?.result ?? '', /^[A-Z]{40}$/);
    assert.match(outputs['digits']?.result ?? '', /^[0-9]{40}$/);
    assert.match(outputs['own']?.result ?? '', /^[-_]{40}$/);
    const minimum = outputs['minimum']?.result ?? '';
    for (const part of [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/]) assert.match(minimum, part);
    assert.equal(outputs['own']?.id, outputs['own']?.result, "a string's id is its value");
  });

  it('gives one number in four notations [resource_id.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, { id: { kind: 'RandomId', args: { byteLength: 8, prefix: 'vol-' } } });
    succeeded(await project.up());
    const id = (await project.outputs())['id'] as Record<string, string>;
    const bytes = Buffer.from(id['id'] ?? '', 'base64url');
    assert.equal(bytes.length, 8);
    assert.equal(id['hex'], `vol-${bytes.toString('hex')}`);
    assert.equal(id['b64Url'], `vol-${bytes.toString('base64url')}`);
    assert.equal(id['b64Std'], `vol-${bytes.toString('base64')}`);
    assert.equal(id['dec'], `vol-${bytes.readBigUInt64BE()}`);
  });

  it('refuses in the preview what cannot be drawn [validators]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, password({ length: 3, minUpper: 2, minLower: 2 }));
    const { screen } = failed(await project.preview());
    assert.match(screen, /length/);
    assert.match(screen, /sum of/i);
    declare(project, password({ length: 0 }));
    assert.match(failed(await project.preview()).screen, /length/);
  });

  it('takes over a password that exists [ImportState]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, {});
    succeeded(await project.up());
    const type = 'random:index/randomPassword:RandomPassword';
    const imported = succeeded(await project.import(type, 'password', 'correct-horse'));
    assert.deepEqual(imported.operations, ['import password']);
    assert.ok(!project.state().text.includes('correct-horse'), 'in clear in the state');
    declare(project, password({ length: 13 }));
    const up = succeeded(await project.up());
    assert.deepEqual(up.operations, [], up.screen);
    assert.equal(drawn(await project.outputs()), 'correct-horse');
  });
});

function fields(outputs: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return outputs['password'] as Readonly<Record<string, string>>;
}

function drawn(outputs: Readonly<Record<string, unknown>>): string {
  return fields(outputs)['result'] ?? '';
}

/** `numeric` and `number` are two names of one value and change together. */
function replaceKeysOf(edit: Readonly<Record<string, unknown>>): string[] {
  const keys = Object.keys(edit);
  return keys.includes('numeric') ? ['number', 'numeric'] : keys;
}
