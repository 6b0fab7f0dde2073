import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failed, succeeded } from './support/cli-run.ts';
import { declare, file, output, secret } from './support/declared.ts';
import { Project } from './support/project.ts';
import { resourceNamed } from './support/state.ts';

type Args = Readonly<Record<string, unknown>>;

/** Every command of these tests appends a line here, so that what ran can be read afterwards. */
const journal = (project: Project) => {
  const name = path.join(project.folder, 'journal');
  return existsSync(name) ? readFileSync(name, 'utf8').trimEnd().split('\n') : [];
};

const command = (args: Args, options: Args = {}) => ({
  command: { kind: 'Command', args, options },
});

/**
 * What the official command provider 1.2.1 does, rule by rule; the source is named in brackets.
 * `PULUMI_PLUGINS=official npm run test:engine` runs the same against the official plugin.
 */
describe('command provider', () => {
  it('creates, updates, replaces and deletes [local/commandController.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const base = {
      create: 'echo created >> journal; echo one',
      update: 'echo updated from $PULUMI_COMMAND_STDOUT >> journal; echo two',
      delete: 'echo deleted after $PULUMI_COMMAND_STDOUT >> journal',
    };
    declare(project, command(base));
    assert.deepEqual(succeeded(await project.up()).operations, ['create command']);
    assert.equal(stdout(project), 'one', 'without the last line end');
    assert.deepEqual(succeeded(await project.up()).operations, []);

    declare(project, command({ ...base, environment: { A: '1' } }));
    assert.deepEqual(succeeded(await project.up()).operations, ['update command']);
    assert.equal(stdout(project), 'two');

    declare(project, command({ ...base, environment: { A: '1' }, triggers: ['again'] }));
    const replaced = succeeded(await project.up());
    assert.deepEqual(replaced.operations, [
      'create-replacement command',
      'delete-replaced command',
      'replace command',
    ]);
    assert.deepEqual(succeeded(await project.refresh()).operations, [], 'there is no Read');
    succeeded(await project.destroy());
    assert.deepEqual(journal(project), [
      'created',
      'updated from one',
      'created',
      // The old one goes after the new one has come.
      'deleted after two',
      'deleted after one',
    ]);
  });

  it('runs create again when an input changes and there is no update [commandController.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, command({ create: 'echo $N >> journal', environment: { N: '1' } }));
    succeeded(await project.up());
    declare(project, command({ create: 'echo $N >> journal', environment: { N: '2' } }));
    assert.deepEqual(succeeded(await project.up()).operations, ['update command']);
    assert.deepEqual(journal(project), ['1', '2']);
  });

  it('replaces on any change of triggers, a changed file included [replaceOnChanges, asset hashes]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    writeFileSync(path.join(project.folder, 'watched'), 'one');
    const args = { create: 'true', triggers: [file('watched'), { deep: ['a'] }] };
    declare(project, command(args));
    succeeded(await project.up());
    assert.deepEqual(succeeded(await project.preview()).operations, []);
    writeFileSync(path.join(project.folder, 'watched'), 'two');
    const preview = succeeded(await project.preview());
    const step = preview.steps.find(({ op }) => op === 'replace');
    assert.match(step?.replaceKeys.join() ?? '', /^triggers/, preview.screen);
  });

  it('never runs in a preview, and its outputs are unknown there [commandController.go: preview]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const dependent = { kind: 'Command', args: { create: output('command.stdout') } };
    declare(project, { ...command({ create: 'echo ran >> journal; echo true' }), dependent });
    const preview = succeeded(await project.preview());
    assert.deepEqual(preview.operations, ['create command', 'create dependent']);
    assert.deepEqual(journal(project), []);
    succeeded(await project.up());
    declare(project, {
      ...command({ create: 'echo ran again >> journal; echo true' }),
      dependent,
    });
    const edited = succeeded(await project.preview());
    assert.deepEqual(edited.operations, ['update command', 'update dependent']);
    assert.deepEqual(journal(project), ['ran']);
  });

  it('records nothing when create fails, and shows code, command and output [infer.Create]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, command({ create: 'echo tried >> journal; echo no shelf >&2; exit 3' }));
    const { screen } = failed(await project.up());
    assert.match(screen, /exit status 3: running "echo tried.*":/);
    assert.match(screen, /no shelf/);
    assert.ok(!project.state().resources.some(({ urn }) => urn.endsWith('::command')));
    failed(await project.up());
    assert.deepEqual(journal(project), ['tried', 'tried'], 'a failed command runs again');
  });

  it('keeps the resource when update or delete fails [infer.Update, infer.Delete]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const args = { create: 'echo one', delete: 'test -e may-go', update: 'exit 4' };
    declare(project, command(args));
    succeeded(await project.up());
    declare(project, command({ ...args, environment: { A: '1' } }));
    assert.match(failed(await project.up()).screen, /exit status 4/);
    const { outputs, inputs } = resourceNamed(project.state(), 'command');
    assert.equal(outputs?.['stdout'], 'one');
    assert.equal(inputs?.['environment'], undefined, 'the old inputs stay');
    assert.match(failed(await project.destroy()).screen, /exit status 1/);
    writeFileSync(path.join(project.folder, 'may-go'), '');
    succeeded(await project.destroy());
  });

  it('honours interpreter, folder, environment, input and globs [commandOutputs.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, {
      shaped: {
        kind: 'Command',
        args: {
          interpreter: [process.execPath, '-e'],
          create: `const fs = require('node:fs');
            fs.mkdirSync('made/inner', { recursive: true });
            for (const name of ['a.txt', 'inner/b.txt', 'inner/secret.txt']) {
              fs.writeFileSync('made/' + name, name);
            }
            process.stdin.pipe(process.stdout);
            process.stdout.write(process.env.SHELF + ' ' + process.cwd().split('/').at(-1) + ' ');
            process.stderr.write('a warning');`,
          dir: '.',
          environment: { SHELF: 'upper' },
          stdin: 'given',
          assetPaths: ['made/**.txt', '!**secret*'],
          archivePaths: ['made/*.txt'],
        },
      },
    });
    succeeded(await project.up());
    const { outputs } = resourceNamed(project.state(), 'shaped');
    assert.equal(outputs?.['stdout'], 'upper program given');
    assert.equal(outputs?.['stderr'], 'a warning');
    const assets = outputs?.['assets'] as Record<string, unknown>;
    assert.deepEqual(Object.keys(assets), ['made/a.txt', 'made/inner/b.txt']);
    const archive = outputs?.['archive'] as { readonly assets: Record<string, unknown> };
    assert.deepEqual(Object.keys(archive.assets), ['made/a.txt']);
  });

  it('shows the output line by line, or not, as logging says [common.go]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const create = 'echo to stdout; echo to stderr >&2';
    declare(project, {
      loud: { kind: 'Command', args: { create: `${create}; echo loudly` } },
      quiet: { kind: 'Command', args: { create: `${create}; echo quietly`, logging: 'none' } },
      half: { kind: 'Command', args: { create: `${create}; echo halfly`, logging: 'stderr' } },
    });
    const { screen } = succeeded(await project.up());
    assert.match(screen, /creating \(\d+s\) loudly/);
    assert.doesNotMatch(screen, /creating \(\d+s\) (quietly|halfly)/);
    assert.equal(resourceNamed(project.state(), 'quiet').outputs?.['stderr'], 'to stderr');
  });

  it('makes outputs secret when an input is, and leaves the state sealed [infer wiring]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const args = { create: 'echo "$WORD"', environment: { WORD: secret('sesame open') } };
    declare(project, command({ ...args, logging: 'none' }));
    const screens = [
      succeeded(await project.preview({ args: ['--diff'] })).screen,
      succeeded(await project.up({ args: ['--diff'] })).screen,
    ];
    for (const screen of screens) assert.doesNotMatch(screen, /sesame/);
    assert.doesNotMatch(project.state().text, /sesame/);
    const { command: made } = await project.outputs();
    assert.equal((made as { readonly stdout: string }).stdout, 'sesame open');
  });

  it('leaves the last output out of the environment when told to [addPreviousOutputInEnv]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const args = {
      create: 'echo "was [$PULUMI_COMMAND_STDOUT]"',
      addPreviousOutputInEnv: false,
    };
    declare(project, command(args));
    succeeded(await project.up());
    declare(project, command({ ...args, environment: { A: '1' } }));
    succeeded(await project.up());
    assert.equal(stdout(project), 'was []');
  });

  it('runs local.run at every evaluation, in a preview too [runController.go]', async function () {
    await using project = await Project.open(this, {
      files: {
        'index.ts': `
          import * as command from '@pulumi/command';
          const run = command.local.runOutput({ command: 'echo ran >> journal; echo heard' });
          export const heard = run.stdout;`,
      },
    });
    succeeded(await project.preview());
    assert.deepEqual(journal(project), ['ran']);
    succeeded(await project.up());
    assert.deepEqual(await project.outputs(), { heard: 'heard' });
  });

  it('ends a command that outlives its timeout [customTimeouts]', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, command({ create: 'sleep 60' }, { customTimeouts: { create: '1s' } }));
    const { screen, durationMs } = failed(await project.up());
    assert.match(screen, /killed/);
    assert.ok(durationMs < 30_000, `${durationMs} ms`);
  });
});

/** What the command printed last, from the state; for outputs that are not secret. */
function stdout(project: Project): unknown {
  return resourceNamed(project.state(), 'command').outputs?.['stdout'];
}
