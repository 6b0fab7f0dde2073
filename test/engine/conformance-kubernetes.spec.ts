import assert from 'node:assert/strict';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import { failed, type RunResult, succeeded } from './support/cli-run.ts';
import { declaredOf, edits, refusals, type Step } from './support/edit-table.ts';
import { type DeclaredObject, declareObjects } from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';

/**
 * What the official engine and Kubernetes provider 4.34 do, rule by rule; each test names where the
 * rule stands in docs/stand-in-kubernetes.md. `PULUMI_PLUGINS=official npm run test:engine` runs
 * the same against the official plugin.
 */
describe('kubernetes provider: edits [Edits]', function () {
  // Two tests stand for forty edits and a dozen commands: a bound against hanging.
  this.timeout(600_000);
  let api: TestApiServer;
  let project: Project;
  let unique: string;
  before(async function () {
    api = await useApiServer(this);
    unique = api.uniqueName('edits');
    project = await Project.open(this, { fixture: 'kubernetes' });
  });
  after(async () => project?.[Symbol.asyncDispose]());

  const stackOf = (objects: Readonly<Record<string, DeclaredObject>>) => ({
    providers: { k8s: { kubeconfig: { $secret: api.kubeconfigText } } },
    resources: {
      ns: { kind: 'core.v1.Namespace', args: { metadata: { name: unique } } },
      late: {
        kind: 'storage.v1.StorageClass',
        args: {
          metadata: { name: `${unique}-late` },
          provisioner: 'kubernetes.io/no-provisioner',
          volumeBindingMode: 'WaitForFirstConsumer',
        },
      },
      ...Object.fromEntries(
        Object.entries(objects).map(([name, declared]) => [
          name,
          { ...declared, dependsOn: ['ns', 'late'] },
        ]),
      ),
    },
  });

  it('plan each edit of the table as the official provider does, and carry it out', async () => {
    const table = edits({ namespace: unique, unique });
    const declare = (isEdited: boolean) =>
      declareObjects(
        project,
        stackOf(Object.fromEntries(table.map((edit) => [edit.name, declaredOf(edit, isEdited)]))),
      );
    declare(false);
    succeeded(await project.up({ previewFirst: true }));
    assert.deepEqual(succeeded(await project.preview()).operations, [], 'nothing edited');

    declare(true);
    const preview = succeeded(await project.preview());
    const planned = table.map(({ row, name }) => [row, stepOf(preview, name)]);
    assert.deepEqual(
      planned,
      table.map(({ row, step }) => [row, step]),
    );
    const up = succeeded(await project.up());
    assert.deepEqual(
      table.map(({ row, name }) => [row, stepOf(up, name)]),
      planned,
      'preview and up agree',
    );
    assert.deepEqual(succeeded(await project.preview()).operations, [], 'the edits are done');
  });

  it('refuse in the preview already what the API server forbids', async () => {
    const table = refusals({ namespace: unique, unique });
    const declare = (isEdited: (row: string) => boolean) =>
      declareObjects(
        project,
        stackOf(
          Object.fromEntries(
            table.map((edit) => [edit.name, declaredOf(edit, isEdited(edit.row))]),
          ),
        ),
      );
    declare(() => false);
    succeeded(await project.up());
    for (const { row, message } of table) {
      declare((other) => other === row);
      const preview = failed(await project.preview());
      assert.match(preview.screen, message, `${row}:\n${preview.screen}`);
    }
    declare(() => false);
    assert.deepEqual(succeeded(await project.preview()).operations, [], 'nothing was changed');
  });
});

/**
 * Which way a resource went, from the order of the engine's steps; the steps themselves when
 * they are none of the four.
 */
function stepOf(result: RunResult, name: string): string {
  const steps = result.steps.filter((step) => step.name === name).map(({ op }) => op);
  if (steps.includes('update')) return 'update';
  if (steps.includes('same')) return 'same';
  const [deleted, created] = ['delete-replaced', 'create-replacement'].map((op) =>
    steps.indexOf(op),
  );
  if (deleted === undefined || created === undefined || deleted < 0 || created < 0) {
    return steps.join(', ');
  }
  const step: Step = deleted < created ? 'delete-before-replace' : 'replace';
  return step;
}
