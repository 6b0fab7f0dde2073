import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../../lab/cluster/wait.ts';
import { failed, succeeded } from './support/cli-run.ts';
import { declare } from './support/declared.ts';
import { Project } from './support/project.ts';

const command = (create: string) => ({ command: { kind: 'Command', args: { create } } });

describe('an update that is disturbed', () => {
  it('cancels a running command on Ctrl-C and leaves a usable state', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    const kept = { kind: 'RandomString', args: { length: 8 } };
    declare(project, { kept });
    succeeded(await project.up());
    declare(project, { kept, ...command('echo begun; exec sleep 600') });
    const up = project.start('up');
    await up.printed(/begun/);
    up.interrupt();
    const cancelled = failed(await up.result);
    assert.match(cancelled.screen, /cancel/i);
    assert.deepEqual(project.state().pendingOperations, []);

    declare(project, { kept, ...command('true') });
    assert.deepEqual(succeeded(await project.up()).operations, ['create command']);
  });

  it('reports a provider that dies in the middle, and the next update repairs', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    // The command's parent is the provider.
    declare(project, command('kill -9 $PPID; exec sleep 2'));
    const died = failed(await project.up());
    assert.match(died.screen, /error: .*(EOF|closing|reset|connection)/i);
    declare(project, command('true'));
    const next = succeeded(await project.up());
    assert.deepEqual(next.operations, ['create command']);
    assert.deepEqual(project.state().pendingOperations, []);
  });

  it('lets no provider live on when the CLI is killed, and the stack says what was pending', async function () {
    await using project = await Project.open(this, { fixture: 'declared' });
    declare(project, command('echo $PPID > provider-pid; echo begun; exec sleep 600'));
    const up = project.start('up');
    await up.printed(/begun/);
    const pid = Number(readFileSync(path.join(project.folder, 'provider-pid'), 'utf8'));
    up.kill('SIGKILL');
    await up.result;
    await waitFor(`provider ${pid} to end`, async () => !existsSync(`/proc/${pid}`), 20_000);

    const [pending] = project.state().pendingOperations;
    assert.equal(pending?.type, 'creating');
    assert.match(pending?.resource.urn ?? '', /::command$/);
    declare(project, command('true'));
    assert.match(failed(await project.up()).screen, /locked/);
    succeeded(await project.pulumi(['cancel', '--yes']));
    const next = succeeded(await project.up());
    assert.match(next.screen, /interrupted|pending/i);
    assert.deepEqual(next.operations, ['create command']);
  });
});
