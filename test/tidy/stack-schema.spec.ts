import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { stackSchemaFile, stackSchemaText } from '../../scripts/stack-schema.ts';

describe('JSON Schema of stack files', () => {
  it('is the one that the configuration gives', () => {
    assert.equal(
      readFileSync(stackSchemaFile, 'utf8'),
      stackSchemaText(),
      'Pulumi.schema.json is old: npm run schema',
    );
  });

  it('is named by every stack file, for editors', () => {
    const files = globSync('Pulumi.*.yaml', { cwd: repositoryRoot });
    assert.ok(files.length >= 5, files.join());
    for (const file of files)
      assert.match(
        readFileSync(path.join(repositoryRoot, file), 'utf8'),
        /^# yaml-language-server: \$schema=\.\/Pulumi\.schema\.json$/m,
        file,
      );
  });
});
