import assert from 'node:assert/strict';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { failed, succeeded } from './support/cli-run.ts';
import { Project } from './support/project.ts';

describe('program without a cluster', function () {
  this.timeout(300_000);
  let project: Project;
  before(async function () {
    const kubeconfig = path.join(repositoryRoot, 'test/stack/support/kubeconfig.yaml');
    project = await Project.open(this, {
      repository: true,
      stack: 'homelab',
      config: { 'larder:cluster': { context: 'homelab', kubeconfig } },
    });
  });
  after(async () => project?.[Symbol.asyncDispose]());

  it('previews everything, and shows neither token nor password', async () => {
    const { operations, screen } = succeeded(await project.preview({ args: ['--diff'] }));
    for (const name of ['postgres-main-server', 'postgres-main-volume-claim', 'dump-main-first'])
      assert.ok(operations.includes(`create ${name}`), `${name} is in:\n${operations.join('\n')}`);
    assert.match(screen, /The cluster of the context homelab does not answer at https:/);
    assert.doesNotMatch(screen, /a-token-that-no-golden-may-show/);
  });

  it('refuses to begin an update, and leaves the state as it was', async () => {
    const { screen, operations } = failed(await project.up());
    assert.match(
      screen,
      /larder:cluster\.context\n +found +homelab, whose cluster cannot be reached/,
    );
    assert.deepEqual(operations, []);
    const types = project.state().resources.map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => !type.startsWith('pulumi:')),
      [],
    );
  });

  it('shows a refusal without a stack trace', async () => {
    project.configure({ 'larder:volums': [] });
    const { screen } = failed(await project.preview());
    assert.match(screen, /larder:volums\n.*\n.*\n +to do +did you mean volumes\?/);
    assert.doesNotMatch(screen, /\bat .*\.ts:\d+/);
    project.configure({ 'larder:volums': undefined });
  });

  it('cannot be read with another passphrase', async () => {
    const wrong = { env: { PULUMI_CONFIG_PASSPHRASE: 'another one' } };
    assert.match(failed(await project.preview(wrong)).screen, /incorrect passphrase/);
  });
});
