import assert from 'node:assert/strict';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { banned } from './rules/bans.ts';
import { brokenLinks, namedPages, orphanDocs } from './rules/docs.ts';
import { evidence } from './rules/evidence.ts';
import { invariantLinks } from './rules/invariants.ts';
import { shape } from './rules/shape.ts';
import { checkout, render, type TidyRule } from './tree.ts';

describe('repository', () => {
  const files = checkout(repositoryRoot);
  const rules: Readonly<Record<string, TidyRule>> = {
    'holds nothing that its folder may not hold': banned,
    'keeps files, functions and names in shape': shape,
    'has no broken link in its documents': brokenLinks,
    'names no page in its messages that is not there': namedPages,
    'has no document that nobody links to': orphanDocs,
    'names every invariant in document, assert and checker': invariantLinks,
    'names only evidence that exists for promises and invariants': evidence,
  };
  for (const [title, rule] of Object.entries(rules)) {
    it(title, () => {
      const findings = rule(files);
      assert.equal(findings.length, 0, `\n${render(findings)}`);
    });
  }
});
