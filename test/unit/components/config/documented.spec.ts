import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { defaultImages } from '../../../../components/config/images.ts';
import { stackSchema } from '../../../../components/config/schema.ts';
import { repositoryRoot } from '../../../../lab/base/paths.ts';
import { shelfOf } from '../support.ts';

const read = (name: string) => readFileSync(path.join(repositoryRoot, name), 'utf8');

/** Every key of the schema, by path: `nodes.disks.mount`. */
function keysOf(schema: z.core.$ZodType, prefix = ''): string[] {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  )
    return keysOf(schema.unwrap(), prefix);
  if (schema instanceof z.ZodArray) return keysOf(schema.element, prefix);
  if (schema instanceof z.ZodDiscriminatedUnion)
    return [...new Set(schema.options.flatMap((option) => keysOf(option, prefix)))];
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([key, inner]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    return [name, ...keysOf(inner as z.core.$ZodType, name)];
  });
}

describe('configuration', () => {
  it('is documented key by key', () => {
    const page = read('docs/configuration.md');
    const sections = new Map(
      page.split(/^## /m).flatMap((section) => {
        const [, name] = /^`larder:(\w+)`/.exec(section) ?? [];
        return name === undefined ? [] : [[name, section] as const];
      }),
    );
    const missing = keysOf(stackSchema).filter((key) => {
      const [top = '', ...rest] = key.split('.');
      const section = sections.get(top) ?? '';
      const last = rest.at(-1);
      return last === undefined ? section === '' : !new RegExp(`\\b${last}\\b`).test(section);
    });
    assert.deepEqual(missing, []);
  });

  it('stands in Pulumi.yaml with every key', () => {
    const comments = read('Pulumi.yaml').split('# What a stack may say')[1] ?? '';
    const missing = keysOf(stackSchema).filter(
      (key) => !new RegExp(`\\b${key.split('.').at(-1)}\\b`).test(comments),
    );
    assert.deepEqual(missing, []);
  });

  it('has the defaults that Pulumi.yaml tells', () => {
    const comments = read('Pulumi.yaml').split('# What a stack may say')[1] ?? '';
    const yaml = comments
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^#( {3})?/, '').replace(/<[^>]*>/g, '"derived"'))
      .join('\n');
    const told = parse(yaml) as Record<string, unknown>;
    const config = stackSchema.parse({ cluster: { context: 'x' }, nodes: [{ name: 'a' }] });
    const {
      context: _,
      kubeconfig: __,
      ...cluster
    } = told['larder:cluster'] as Record<string, unknown>;
    assert.deepEqual(cluster, { adopt: config.cluster.adopt });
    const { schedule, timeZone, keep } = told['larder:backup'] as Record<string, unknown>;
    assert.deepEqual({ schedule, timeZone, keep }, config.backup);
    const tiers = told['larder:tiers'] as readonly Record<string, unknown>[];
    const resolved = shelfOf({ cluster: { context: 'x' }, nodes: [{ name: 'a' }] }).tiers;
    assert.deepEqual(
      tiers.map(({ name, engine, default: isDefault }) => ({ name, engine, isDefault })),
      resolved.map(({ name, engine, isDefault }) => ({ name, engine, isDefault })),
    );
    assert.deepEqual(
      tiers.map(({ reclaim }) => reclaim ?? 'Retain'),
      resolved.map(({ reclaim }) => reclaim),
    );
    const engines = told['larder:engines'] as Record<string, Record<string, unknown>>;
    const { backupTarget: ___, ...longhorn } = engines['longhorn'] ?? {};
    assert.deepEqual(stackSchema.shape.engines.parse({ ...engines, longhorn }), config.engines);
    const [postgres] = told['larder:postgres'] as readonly Record<string, unknown>[];
    const made = stackSchema.parse({
      cluster: { context: 'x' },
      nodes: [{ name: 'a' }],
      postgres: [{ name: 'main', size: '1Gi' }],
    }).postgres[0];
    assert.deepEqual(postgres?.['resources'], made?.resources);
    assert.deepEqual([postgres?.['database'], postgres?.['user']], [made?.database, made?.user]);
  });

  it('pins every default image by tag and digest, or by a tag that never moves', () => {
    // Tags of this registry are never moved.
    const pinned = Object.entries(defaultImages).filter(
      ([, reference]) => !reference.startsWith('registry.k8s.io/'),
    );
    for (const [name, reference] of pinned)
      assert.match(reference, /^[a-z0-9.-]+\/[a-z0-9/-]+:[\w.-]+@sha256:[0-9a-f]{64}$/, name);
  });
});
