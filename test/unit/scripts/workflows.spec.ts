import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { repositoryRoot } from '../../../lab/base/paths.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions: object;
  readonly jobs: Readonly<
    Record<string, { readonly permissions: object; readonly steps: readonly Step[] }>
  >;
}

const folders = ['.github/workflows', '.gitea/workflows'] as const;
const read = (...parts: string[]) => readFileSync(path.join(repositoryRoot, ...parts), 'utf8');
const files = readdirSync(path.join(repositoryRoot, folders[0]));

describe('workflows', () => {
  it('are the same for both forges, but for the name of the runner', () => {
    assert.deepEqual(readdirSync(path.join(repositoryRoot, folders[1])), files);
    for (const file of files) {
      const [github, gitea] = folders.map((folder) =>
        read(folder, file).replace(/runs-on: ubuntu-\S+/, 'runs-on: x'),
      );
      assert.equal(gitea, github);
    }
  });

  for (const file of files) {
    const text = read(folders[0], file);
    const workflow = parse(text) as Workflow;
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

    it(`${file} uses checkout and Node alone, pinned by commit`, () => {
      const used = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
      assert.ok(used.length > 0);
      for (const action of used)
        assert.match(action, /^actions\/(?:checkout|setup-node)@[0-9a-f]{40}$/);
    });

    it(`${file} runs scripts of this repository, and puts no value into their text`, () => {
      const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
      const runs = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
      assert.ok(runs.length > 0);
      for (const run of runs) {
        const [, script = ''] = /^npm run ([\w-]+)(?: --.*)?$/.exec(run) ?? [];
        assert.ok(script in scripts, run);
        assert.doesNotMatch(run, /\$\{\{/);
      }
    });

    it(`${file} may do nothing that it does not need`, () => {
      assert.deepEqual(workflow.permissions, {});
      for (const { permissions } of Object.values(workflow.jobs))
        assert.ok(Object.keys(permissions).length > 0);
      assert.doesNotMatch(text, /pull_request_target/);
    });
  }
});
