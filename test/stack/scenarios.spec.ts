/** The systems of the scenarios, as their stack files declare them. */
import assert from 'node:assert/strict';
import { assertGolden, renderRun } from './support/golden.ts';
import { type ProgramRun, runProgram, secretMark, stackConfig } from './support/record.ts';

const stacks = ['pi-rack', 'lesson', 'growing', 'hybrid-rack', 'orange-shelf'];

for (const stack of stacks) {
  describe(`${stack} stack`, () => {
    let run: ProgramRun;
    before(async () => {
      run = await runProgram({ stack, config: stackConfig(stack) });
    });

    it('declares what its golden file says', () => {
      assertGolden(stack, renderRun(run));
    });

    it('protects and keeps everything that holds data', () => {
      const kinds = /:(?:Namespace|PersistentVolume|PersistentVolumeClaim|Release|RandomPassword)$/;
      const holding = run.resources.filter(({ type }) => kinds.test(type));
      assert.ok(holding.length > 0);
      for (const { urn, options } of holding)
        assert.deepEqual([options.protect, options.retainOnDelete], [true, true], urn);
    });

    it('shows no secret', () => {
      for (const { type, urn, inputs } of run.resources) {
        if (type === 'kubernetes:core/v1:Secret') assert.equal(inputs['data'], secretMark, urn);
        if (type === 'pulumi:providers:kubernetes')
          assert.equal(inputs['kubeconfig'], secretMark, urn);
      }
    });

    it('has one default class', () => {
      const isDefault = 'storageclass.kubernetes.io/is-default-class';
      const defaults = run.resources.filter(({ type, inputs }) => {
        const { annotations = {} } = (inputs['metadata'] ?? {}) as {
          annotations?: Record<string, string>;
        };
        return type.endsWith(':StorageClass') && annotations[isDefault] === 'true';
      });
      assert.equal(defaults.length, 1);
    });
  });
}
