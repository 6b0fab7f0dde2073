import assert from 'node:assert/strict';
import { nearest } from '../../../../components/config/suggest.ts';

describe('suggestion', () => {
  const known = ['cluster', 'nodes', 'tiers', 'volumes', 'postgres', 'backup', 'images'];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['nods', 'nodes'],
    ['Nodes', 'nodes'],
    ['volume', 'volumes'],
    ['postgers', 'postgres'],
    ['back-up', 'backup'],
    ['wombat', undefined],
    ['', undefined],
  ];
  for (const [word, meant] of cases) {
    it(`takes [${word}] for ${meant ?? 'nothing it knows'}`, () => {
      assert.equal(nearest(word, known), meant);
    });
  }
});
