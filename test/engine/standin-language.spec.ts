import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { failed, succeeded } from './support/cli-run.ts';
import { Project } from './support/project.ts';

/**
 * What the official Node language host shows and does; the programs are whole files of one line.
 */
describe('Node language host', () => {
  it('runs a TypeScript program with the Node that runs the tests', async function () {
    await using project = await Project.open(this, {
      files: {
        'index.ts': `const node: string = process.execPath;
          console.log('a line to stdout'); console.error('a line to stderr');
          export default { node, folder: process.cwd(), flags: process.execArgv };`,
      },
      runtimeOptions: { nodeargs: "--no-warnings --title='a shelf'" },
    });
    const up = succeeded(await project.up());
    assert.match(up.screen, /a line to stdout/);
    assert.match(up.screen, /a line to stderr/);
    const { node, folder, flags } = await project.outputs();
    if (project.installation.standIns) assert.equal(node, process.execPath);
    assert.equal(folder, project.folder);
    assert.deepEqual(flags, ['--no-warnings', '--title=a shelf']);
  });

  const crashes = [
    {
      when: 'it throws',
      program: "throw new Error('no shelf');",
      shows: /Error: no shelf\s+at .*index\.ts:1:7/,
    },
    {
      when: 'it rejects',
      program: "Promise.reject(new Error('late')); export {};",
      shows: /Error: late/,
    },
    {
      when: 'a package is missing',
      program: "import 'larder-nowhere';",
      shows: /Cannot find package 'larder-nowhere'/,
    },
    {
      when: 'a file is missing',
      program: "import './nowhere.ts';",
      shows: /Cannot find module .*nowhere\.ts/,
    },
    { when: 'its syntax is wrong', program: 'export const = 1;', shows: /SyntaxError/ },
    {
      when: 'TypeScript is not erasable',
      program: 'enum A { B } export { A };',
      shows: /enum is not supported/,
    },
    {
      when: 'it exits on its own',
      program: 'process.exit(7);',
      shows: /Program exited with non-zero exit code: 7/,
    },
  ];
  describe('of a broken program', () => {
    let project: Project;
    before(async function () {
      project = await Project.open(this, { files: {} });
    });
    after(() => project[Symbol.asyncDispose]());

    for (const { when, program, shows } of crashes) {
      it(`shows what is wrong and fails the update when ${when}`, async () => {
        project.write('index.ts', program);
        assert.match(failed(await project.preview()).screen, shows);
      });
    }
  });

  it('hands configuration on and hides what is secret', async function () {
    await using project = await Project.open(this, {
      files: {
        'index.ts': `import * as pulumi from '@pulumi/pulumi';
          const config = new pulumi.Config();
          console.log('length', config.require('word').length);
          export const plain = config.requireNumber('count');
          export const hidden = config.requireSecret('word');`,
      },
      config: { 'test:count': 3 },
    });
    await project.configureSecret('word', 'sesame open');
    const up = succeeded(await project.up());
    assert.match(up.screen, /length 11/);
    assert.doesNotMatch(up.screen + project.state().text, /sesame/);
    assert.deepEqual(await project.outputs(), { plain: 3, hidden: 'sesame open' });
  });

  it('shows output while the program still runs, and ends it on the second Ctrl-C', async function () {
    await using project = await Project.open(this, {
      files: { 'index.ts': "console.log('begun'); setInterval(() => {}, 1000); export {};" },
    });
    const up = project.start('up');
    await up.printed(/begun/);
    up.interrupt();
    await up.printed(/\^C received; cancelling/i);
    up.interrupt();
    assert.notEqual((await up.result).code, 0);
    succeeded(await project.refresh());
  });

  it('names every runtime option that it does not know', async function () {
    await using project = await Project.open(this, {
      files: { 'index.ts': 'export {};' },
      runtimeOptions: { typescript: 'no', loader: 'x' },
    });
    const { screen } = failed(await project.preview());
    if (!project.installation.standIns) return;
    assert.match(screen, /typescript is "no"; use true or false/);
    assert.match(screen, /loader is not an option; there are typescript, tsconfig and nodeargs/);
  });

  it('says that the SDK is missing when nothing is installed', async function () {
    await using project = await Project.open(this, { files: { 'index.ts': 'export {};' } });
    rmSync(path.join(project.folder, 'node_modules'));
    mkdirSync(path.join(project.folder, 'node_modules'));
    assert.match(failed(await project.preview()).screen, /SDK has not been installed/);
  });

  it('tells which plugins and packages a program needs', async function () {
    await using project = await Project.open(this, { files: { 'index.ts': 'export {};' } });
    const { stdout } = succeeded(await project.pulumi(['about']));
    assert.match(stdout, /resource +kubernetes +4\.34\.2/);
    assert.match(stdout, /resource +random +4\.21\.2/);
    assert.match(stdout, /resource +command +1\.2\.1/);
    assert.match(stdout, /@pulumi\/policy +v?1\.21\.0/);
  });
});
