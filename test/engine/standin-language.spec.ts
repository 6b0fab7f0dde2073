import assert from 'node:assert/strict';
import { failed, succeeded } from './support/cli-run.ts';
import { Project } from './support/project.ts';

describe('Node language host', () => {
  it('runs a TypeScript program and returns its outputs', async function () {
    await using project = await Project.open(this, {
      files: { 'index.ts': "const a: string = 'hello'; export const out = a;" },
    });
    const up = succeeded(await project.up());
    assert.deepEqual(up.operations, []);
    assert.deepEqual(await project.outputs(), { out: 'hello' });
  });

  it('shows the error and its place when the program throws', async function () {
    await using project = await Project.open(this, {
      files: { 'index.ts': "throw new Error('no shelf');" },
    });
    const up = failed(await project.up());
    assert.match(up.screen, /Error: no shelf\s+at .*index\.ts:1:7/);
  });
});
