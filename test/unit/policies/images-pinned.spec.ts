import { deepEqual, match } from 'node:assert/strict';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { imagesPinned } from '../../../policies/rules/images-pinned.ts';
import { messages, verdicts } from './support/judge.ts';
import { app } from './support/shapes.ts';

const field = 'spec.template.spec.containers[0].image';
const digest = `sha256:${'0'.repeat(64)}`;

describe('images-pinned', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [`docker.io/library/postgres:16.10-alpine@${digest}`, []],
    ['gitea/gitea:1.24.6', []],
    ['registry.local:5000/team/tool:2', []],
    ['localhost/lab/postgres:16-abc', []],
    [`postgres@${digest}`, []],
    ['gitea/gitea', [`violation ${field}`]],
    ['gitea/gitea:latest', [`violation ${field}`]],
    ['registry.local:5000/team/tool', [`violation ${field}`]],
    ['postgres:16-alpine', [`advice ${field}`]],
    ['longhornio/longhorn-manager:v1.10.1', [`advice ${field}`]],
  ];
  for (const [image, expected] of cases) {
    it(`answers ${expected.length === 0 ? 'nothing' : expected[0]} when the image is ${image}`, () => {
      deepEqual(verdicts(imagesPinned, [app({ image })]), expected);
    });
  }

  it('gives advice when the image is known only after the update', () => {
    const unknown = app({ image: 'x', container: { image: UNKNOWN } });
    deepEqual(verdicts(imagesPinned, [unknown]), [`advice ${field}`]);
  });

  it('sees init containers', () => {
    const pod = { initContainers: [{ name: 'wait', image: 'busybox' }] };
    deepEqual(verdicts(imagesPinned, [app({ image: 'gitea/gitea:1.24.6', pod })]), [
      'violation spec.template.spec.initContainers[0].image',
    ]);
  });

  it('tells a missing tag from latest', () => {
    const [bare = ''] = messages(imagesPinned, [app({ image: 'gitea/gitea' })]);
    match(bare, /image gitea\/gitea names no tag, which means latest/);
    const [latest = ''] = messages(imagesPinned, [app({ image: 'gitea/gitea:latest' })]);
    match(latest, /image gitea\/gitea:latest is tagged latest/);
  });
});
