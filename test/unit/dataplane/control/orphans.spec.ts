import assert from 'node:assert/strict';
import { born } from '../../../../dataplane/control/birth.ts';
import { orphanNote, orphansAmong } from '../../../../dataplane/control/orphans.ts';
import { node, volume } from './shelf.ts';

describe('orphans on a disk', () => {
  const nodes = [node('kube1'), node('kube2')];
  const fresh = volume('photos');
  const status = born(
    fresh,
    [
      { node: 'kube1', disk: 'disk' },
      { node: 'kube2', disk: 'disk' },
    ],
    nodes,
    'l1',
  );
  const volumes = [{ ...fresh, status }];

  it('are stores that no volume counts on that node, even when it counts them on another', () => {
    const stores = ['photos/m1', 'photos/m2', 'gone/m1'];
    assert.deepEqual(orphansAmong(stores, 'kube1', volumes), ['photos/m2', 'gone/m1']);
    assert.deepEqual(orphansAmong(stores, 'kube2', volumes), ['photos/m1', 'gone/m1']);
  });

  it('are not what is half removed', () => {
    assert.deepEqual(orphansAmong(['gone/m1.removed'], 'kube1', volumes), []);
  });

  it('are told with the disk, the names and the folder, three at the most', () => {
    const told = orphanNote('ssd', '/mnt/ssd', ['a/m1', 'b/m1', 'c/m1', 'd/m1', 'e/m1']);
    assert.match(told, /^disk ssd keeps .*: a\/m1, b\/m1, c\/m1 and 2 more; /);
    assert.match(told, /remove their folders below \/mnt\/ssd\/larder\/replicas$/);
    assert.doesNotMatch(orphanNote('ssd', '/mnt/ssd', ['a/m1']), / and \d+ more/);
  });
});
