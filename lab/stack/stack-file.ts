/**
 * The stack file as the lab uses it: the homelab's own `Pulumi.<stack>.yaml` with what differs on
 * this machine laid over it (kubeconfig, images). The file in the repository is read and never
 * written.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { parseConfig } from '../../components/config/parse.ts';
import type { StackConfig } from '../../components/config/schema.ts';
import { explainProblems } from '../../components/rules/problem.ts';
import { LabFault } from '../base/fault.ts';
import { repositoryRoot } from '../base/paths.ts';
import type { LabNodeOptions } from '../cluster/options.ts';

/** Pulumi's configuration, by full key (`larder:nodes`). */
export type StackValues = Readonly<Record<string, unknown>>;

const prefix = 'larder:';

const stackNames = () =>
  globSync('Pulumi.*.yaml', { cwd: repositoryRoot })
    .map((name) => name.slice('Pulumi.'.length, -'.yaml'.length))
    .toSorted();

/**
 * The values of `Pulumi.<stack>.yaml` in the repository's root.
 *
 * @throws LabFault that names the stacks there are, when this is none
 */
export function readStackValues(stack: string): StackValues {
  const file = path.join(repositoryRoot, `Pulumi.${stack}.yaml`);
  if (!existsSync(file))
    throw new LabFault(
      `There is no stack ${stack}: Pulumi.${stack}.yaml is not in the folder of this repository.`,
      `name one of ${stackNames().join(', ')}, or write the file (docs/getting-started.md)`,
    );
  const content = parse(readFileSync(file, 'utf8')) as { config?: StackValues } | null;
  return content?.config ?? {};
}

/** The typed configuration; throws a `LabFault` that lists every problem. */
export function checkStackValues(stack: string, values: StackValues): StackConfig {
  const own = Object.entries(values)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value] as const);
  const parsed = parseConfig(Object.fromEntries(own));
  if (parsed.ok) return parsed.config;
  throw new LabFault(explainProblems(stack, parsed.problems), `correct Pulumi.${stack}.yaml`);
}

/** Lays `over` on `values`: objects key by key, everything else replaced. */
export function overlay(values: StackValues, over: StackValues): StackValues {
  const merged: Record<string, unknown> = { ...values };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? overlay(below, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is StackValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const bytesPerMiB = 1024 ** 2;
/** Sparse files: a disk costs what is written to it. Larger ones only make mkfs slower. */
const diskMiBMax = 32 * 1024;

/** The nodes of the shelf with their disks, as the lab builds them. */
export function labNodes(config: StackConfig): LabNodeOptions[] {
  return config.nodes.map((node) => ({
    name: node.name,
    disks: node.disks.flatMap(({ mount, capacity = Infinity }) =>
      mount === undefined
        ? []
        : [{ path: mount, sizeMiB: Math.min(diskMiBMax, Math.floor(capacity / bytesPerMiB)) }],
    ),
  }));
}
