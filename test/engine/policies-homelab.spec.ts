/**
 * The homelab stack under the policy pack, in a real update: stack policies then judge what the
 * cluster made of the objects, defaults and all, and not only what the program said.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { succeeded } from './support/cli-run.ts';
import { TestShelf } from './support/shelf.ts';

const packs = { policyPacks: [path.join(repositoryRoot, 'policies')] };

describe('homelab stack under the policy pack', () => {
  it('violates nothing when it comes up, and nothing when it is up', async function () {
    await using shelf = await TestShelf.open(this);
    const up = succeeded(await shelf.project.up(packs));
    assert.deepEqual(up.violations, []);
    const again = succeeded(await shelf.project.preview(packs));
    assert.deepEqual(again.violations, []);
    assert.match(again.screen, /✅ larder@v/);
  });
});
