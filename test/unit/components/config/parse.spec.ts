import assert from 'node:assert/strict';
import { parseConfig, rawConfig } from '../../../../components/config/parse.ts';
import { stackSchema } from '../../../../components/config/schema.ts';
import { explainProblems, oneOf, type Problem } from '../../../../components/rules/problem.ts';
import { bareShelf, type Raw } from '../support.ts';

describe('stack file', () => {
  const problems = (raw: Raw): readonly Problem[] => {
    const parsed = parseConfig(raw);
    return parsed.ok ? [] : parsed.problems;
  };

  interface Case {
    readonly when: string;
    readonly raw: Raw;
    readonly problem: Problem;
  }
  const cases: readonly Case[] = [
    {
      when: 'a key is unknown at the top',
      raw: bareShelf({ nods: [] }),
      problem: {
        path: 'larder:nods',
        found: 'a key that nothing reads',
        allowed: oneOf(Object.keys(stackSchema.shape)),
        todo: 'did you mean nodes?',
      },
    },
    {
      when: 'a key is unknown inside a list',
      raw: bareShelf({ nodes: [{ name: 'kube01', disks: [{ mount: '/mnt/a', knd: 'ssd' }] }] }),
      problem: {
        path: 'larder:nodes[0].disks[0].knd',
        found: 'a key that nothing reads',
        allowed: 'mount, device, name, kind, uuid, capacity, tiers or endurance',
        todo: 'did you mean kind?',
      },
    },
    {
      when: 'an unknown key resembles nothing',
      raw: bareShelf({ wombat: 1 }),
      problem: {
        path: 'larder:wombat',
        found: 'a key that nothing reads',
        allowed: oneOf(Object.keys(stackSchema.shape)),
        todo: 'remove it or see docs/configuration.md',
      },
    },
    {
      when: 'a list is written as a text',
      raw: bareShelf({ volumes: 'many' }),
      problem: {
        path: 'larder:volumes',
        found: '"many"',
        allowed: 'a list (each entry begins with a dash)',
        todo: 'write it in that form',
      },
    },
    {
      when: 'a size has no unit',
      raw: bareShelf({ volumes: [{ name: 'git', size: 20 }] }),
      problem: {
        path: 'larder:volumes[0].size',
        found: '20',
        allowed: 'a text',
        todo: 'give the unit: 20Gi, for example',
      },
    },
    {
      when: 'a size has a unit that nobody knows',
      raw: bareShelf({ volumes: [{ name: 'git', size: '20GB' }] }),
      problem: {
        path: 'larder:volumes[0].size',
        found: '"20GB"',
        allowed: 'a size such as 20Gi, 500Mi or 1Ti (units: Ki Mi Gi Ti Pi, k M G T P)',
        todo: 'write it in that form',
      },
    },
    {
      when: 'a word is misspelt',
      raw: bareShelf({ tiers: [{ name: 'fast', engine: 'statc' }] }),
      problem: {
        path: 'larder:tiers[0].engine',
        found: '"statc"',
        allowed:
          'static, local-path, openebs-hostpath, nfs, longhorn, rook-ceph, mayastor, topolvm, scratch or larder',
        todo: 'did you mean static?',
      },
    },
    {
      when: 'a required key is missing',
      raw: bareShelf({ cluster: {} }),
      problem: {
        path: 'larder:cluster.context',
        found: 'nothing',
        allowed: 'a text',
        todo: 'add `context:`',
      },
    },
    {
      when: 'there is no node',
      raw: bareShelf({ nodes: [] }),
      problem: {
        path: 'larder:nodes',
        found: '[]',
        allowed: 'at least one node',
        todo: 'write it in that form',
      },
    },
    {
      when: 'a label key is no label key',
      raw: bareShelf({ nodes: [{ name: 'kube01', labels: { 'fast storage': 'yes' } }] }),
      problem: {
        path: 'larder:nodes[0].labels.fast storage',
        found: '"fast storage"',
        allowed: 'a label key such as storage or example.org/storage',
        todo: 'rename the key',
      },
    },
    {
      when: 'dumps are skipped without a reason',
      raw: bareShelf({ postgres: [{ name: 'main', size: '1Gi', dumps: { skip: 'no' } }] }),
      problem: {
        path: 'larder:postgres[0].dumps.skip',
        found: '"no"',
        allowed: 'a reason of at least ten letters',
        todo: 'write it in that form',
      },
    },
  ];
  for (const { when, raw, problem } of cases) {
    it(`is refused when ${when}`, () => {
      assert.deepEqual(problems(raw), [problem]);
    });
  }

  it('is refused with all its problems in one message', () => {
    const found = problems(
      bareShelf({
        nods: [],
        tiers: [{ name: 'x', engine: 'y' }],
        volumes: [{ size: 1 }],
        backup: 7,
      }),
    );
    const message = explainProblems('homelab', found);
    assert.match(message, /^the stack homelab has 5 problems; nothing was changed\.\n/);
    for (const path of ['nods', 'tiers[0].engine', 'volumes[0].name', 'volumes[0].size', 'backup'])
      assert.ok(message.includes(`larder:${path}\n`), `${path} is in:\n${message}`);
    for (const part of ['found  ', 'allowed  ', 'to do  '])
      assert.equal(message.split(part).length - 1, 5, `each problem has ${part}`);
  });

  it('needs nothing but a context and nodes', () => {
    assert.deepEqual(problems({ cluster: { context: 'home' }, nodes: [{ name: 'kube01' }] }), []);
  });

  it('reads structures, texts and numbers from the flat configuration, and only its own keys', () => {
    const raw = rawConfig(
      { 'larder:nodes': '[{"name":"a"}]', 'larder:odd': 'text', 'pulumi:autonaming': '{}' },
      'larder',
    );
    assert.deepEqual(raw, { nodes: [{ name: 'a' }], odd: 'text' });
  });
});
