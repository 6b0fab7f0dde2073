import assert from 'node:assert/strict';
import { skip } from '../support/reporter.ts';
import { failed } from './support/cli-run.ts';
import { declare, type Declared } from './support/declared.ts';
import { Project } from './support/project.ts';

const connection = { host: 'shelf', user: 'root' };
const refused: Readonly<Record<string, { readonly declared: Declared; readonly says: RegExp }>> = {
  'remote.Command': {
    declared: { kind: 'RemoteCommand', args: { connection, create: 'true' } },
    says: /command:remote:Command is not available on a closed network.*command 1\.2\.1/s,
  },
  RandomPet: {
    declared: { kind: 'RandomPet' },
    says: /RandomPet is not available on a closed network.*knows RandomPassword/s,
  },
  'RandomInteger with a seed': {
    declared: { kind: 'RandomInteger', args: { min: 1, max: 6, seed: 'dice' } },
    says: /needs Go's random generator/,
  },
};

describe('stand-in', () => {
  let project: Project;
  before(async function () {
    project = await Project.open(this, { fixture: 'declared' });
    if (!project.installation.standIns) skip(this, 'official plugins are in use');
  });
  after(() => project[Symbol.asyncDispose]());

  for (const [what, { declared, says }] of Object.entries(refused)) {
    it(`refuses in the preview, with words, what only the official plugin can do [${what}]`, async () => {
      declare(project, { wanted: declared });
      assert.match(failed(await project.preview()).screen, says);
    });
  }
});
