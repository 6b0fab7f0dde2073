import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exemptionPrefix } from '../../../policies/exemption.ts';
import { policiesDocument } from '../../../policies/docs.ts';
import { rules } from '../../../policies/rules.ts';

const repository = path.join(import.meta.dirname, '../../..');
const page = path.join(repository, 'docs/policies.md');

describe('docs/policies.md', () => {
  it('says what the metadata of the policies says', () => {
    const text = policiesDocument();
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(page, text);
    assert.ok(existsSync(page), 'docs/policies.md is missing: run with UPDATE_GOLDEN=1');
    assert.equal(
      text,
      readFileSync(page, 'utf8'),
      'docs/policies.md differs from what policies/docs.ts writes: run with UPDATE_GOLDEN=1',
    );
  });
});

describe('metadata of the policies', () => {
  it('has an id of its own for each, which fits an annotation', () => {
    const ids = rules.map((rule) => rule.id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) {
      assert.match(id, /^[a-z0-9]+(-[a-z0-9]+)+$/);
      // A name in an annotation's key has at most 63 characters.
      assert.ok(`${exemptionPrefix.split('/')[1]}${id}`.length <= 63, id);
      assert.ok(!id.endsWith('-advice'), `${id} looks like the advice of another policy`);
    }
  });

  for (const rule of rules) {
    it(`is complete for ${rule.id}`, () => {
      assert.match(rule.description, /^[A-Z].*\.$/, 'the description is a sentence');
      assert.match(rule.why, /^[A-Z].*\.$/s, 'the reason is a sentence');
      assert.equal(rule.waysOut.length, 3, 'there are three ways out');
      for (const way of rule.waysOut) assert.match(way, /^[A-Z].*[^.]$/, 'a way out is a phrase');
      assert.ok(rule.good.length > 0 && rule.bad.length > 0, 'there is an example of each');
      const file = path.join(repository, 'policies/rules', `${rule.id}.ts`);
      assert.ok(existsSync(file), `${rule.id} stands in a file of its own name`);
    });
  }
});
