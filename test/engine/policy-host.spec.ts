import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failed, succeeded } from './support/cli-run.ts';
import { declare } from './support/declared.ts';
import { Project, type UpdateOptions } from './support/project.ts';

const string = (args: Readonly<Record<string, unknown>>) => ({ kind: 'RandomString', args });
const plain = string({ length: 12, special: false });
const id = { kind: 'RandomId', args: { byteLength: 4 } };

/** The fixture's pack, beside the program, so that its packages resolve as in a repository. */
function packOf(project: Project): UpdateOptions {
  const folder = path.join(project.folder, 'policy');
  cpSync(path.join(import.meta.dirname, 'fixtures/guarded/policy'), folder, { recursive: true });
  return { policyPacks: [folder] };
}

describe('policy pack', () => {
  it('warns and goes on when an advisory policy is violated', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    declare(project, { short: string({ length: 4, special: false }) });
    const preview = succeeded(await project.preview(packs));
    assert.deepEqual(
      preview.violations.map(({ policy, level, message }) => ({ policy, level, message })),
      [
        {
          policy: 'long-enough',
          level: 'advisory',
          message: 'Strings have at least the configured length.\nshort is shorter than 8\n',
        },
      ],
    );
    assert.match(preview.screen, /guard@v0\.0\.1/);
    assert.deepEqual(succeeded(await project.up(packs)).operations, ['create short']);
  });

  it('stops preview and up before anything is made when a mandatory policy is violated', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    declare(project, { good: plain, bad: string({ length: 12 }) });
    const preview = failed(await project.preview(packs));
    assert.match(preview.screen, /bad is special/);
    assert.deepEqual(
      preview.violations.map(({ policy }) => policy),
      ['no-specials'],
    );
    const up = failed(await project.up({ ...packs, previewFirst: true }));
    assert.match(up.screen, /bad is special/);
    assert.ok(!project.state().resources.some(({ custom }) => custom), 'something was made');
    const blind = failed(await project.up(packs));
    assert.match(blind.screen, /bad is special/);
    assert.ok(!project.state().resources.some(({ urn }) => urn.endsWith('::bad')));
  });

  it('changes what is declared when a policy remediates', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    declare(project, { id });
    const up = succeeded(await project.up(packs));
    assert.deepEqual(up.remediations, ['prefixed']);
    const made = (await project.outputs())['id'] as Readonly<Record<string, string>>;
    assert.match(made['hex'] ?? '', /^larder-[0-9a-f]{8}$/);
    assert.deepEqual(succeeded(await project.up(packs)).operations, []);
  });

  it('sees all resources together in a stack policy', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    declare(project, { id, other: id });
    assert.match(failed(await project.preview(packs)).screen, /the stack has 2 identifiers/);
    declare(project, { id });
    succeeded(await project.preview(packs));
  });

  it('takes levels and values from a configuration file', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    // Not policy.json: the SDK's runner would take that for the pack (Node resolves files first).
    const file = path.join(project.folder, 'guard-config.json');
    declare(project, { odd: string({ length: 12 }) });
    const values = {
      'no-specials': 'disabled',
      'long-enough': { enforcementLevel: 'mandatory', lengthMin: 16 },
    };
    writeFileSync(file, JSON.stringify(values));
    const { screen } = failed(await project.preview({ ...packs, policyPackConfigs: [file] }));
    assert.match(screen, /odd is shorter than 16/);
    assert.doesNotMatch(screen, /odd is special/);

    writeFileSync(file, JSON.stringify({ 'long-enough': { lengthMin: 'many' } }));
    const wrong = failed(await project.preview({ ...packs, policyPackConfigs: [file] }));
    assert.match(wrong.screen, /lengthMin/);
  });

  it('fails with the reason when the pack itself is broken', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const packs = packOf(project);
    declare(project, { good: plain });
    project.write('policy/pack.ts', "throw new Error('the guard is asleep');");
    assert.match(failed(await project.preview(packs)).screen, /the guard is asleep/);
  });
});
