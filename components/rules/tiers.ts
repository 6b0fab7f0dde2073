/**
 * What must hold among tiers: names that are one thing each, disks that exist and can serve them,
 * enough nodes for the copies, one default class.
 */
import type { ShelfNode } from '../config/shelf/inventory.ts';
import type { Tier } from '../config/shelf/tiers.ts';
import { engineFacts } from './engines.ts';
import { oneOf, type Problem } from './problem.ts';
import { twins } from './twins.ts';

export function tierProblems(tiers: readonly Tier[], nodes: readonly ShelfNode[]): Problem[] {
  return [
    ...twins(
      tiers.map((tier) => tier.name),
      (index) => `larder:tiers[${index}].name`,
      'one tier for each name',
    ),
    ...defaultProblems(tiers),
    ...tiers.flatMap((tier) => [
      ...nameProblems(tier, nodes),
      ...copyProblems(tier),
      ...spreadProblems(tier, nodes),
      ...formProblems(tier),
    ]),
    ...servedProblems(tiers, nodes),
    ...zoneProblems(tiers),
  ];
}

/** With two defaults the newest class wins silently; with none, a claim without a class waits. */
function defaultProblems(tiers: readonly Tier[]): Problem[] {
  const defaults = tiers.filter((tier) => tier.isDefault);
  const names = defaults.map((tier) => tier.name);
  if (names.length !== 1)
    return [
      {
        path: 'larder:tiers',
        found:
          names.length === 0
            ? `no default tier among ${tiers.map((tier) => tier.name).join(', ')}`
            : `${names.length} default tiers: ${names.join(', ')}`,
        allowed: 'exactly one tier with `default: true`: claims without a class get it',
        todo:
          names.length === 0
            ? 'write `default: true` in one of them'
            : 'keep it on the tier that claims without a class shall get',
      },
    ];
  return defaults
    .filter((tier) => !tier.hasClass)
    .map((tier) => ({
      path: `${tier.path}.class`,
      found: `${tier.name}, the default tier, without a StorageClass`,
      allowed: 'a default tier with a class: it is the class that Kubernetes knows as default',
      todo: 'write `class: true`, or make another tier the default',
    }));
}

/** Names in a tier that lead nowhere. */
function nameProblems(tier: Tier, nodes: readonly ShelfNode[]): Problem[] {
  const { config } = tier;
  const check = (key: string, given: readonly string[], known: readonly string[], what: string) =>
    given
      .filter((name) => !known.includes(name))
      .map((name) => ({
        path: `${tier.path}.${key}`,
        found: `${name}, which is no ${what} of the inventory`,
        allowed: oneOf([...new Set(known)]),
        todo: `name a ${what} that stands under larder:nodes`,
      }));
  const disks = nodes.flatMap((node) => node.disks.map((disk) => disk.name));
  const devices = nodes.flatMap((node) => node.devices.map((device) => device.name));
  return [
    ...check('disks', ('disks' in config ? config.disks : undefined) ?? [], disks, 'mounted disk'),
    ...check(
      'devices',
      ('devices' in config ? config.devices : undefined) ?? [],
      devices,
      'device',
    ),
    ...check(
      'nodes',
      ('nodes' in config ? config.nodes : undefined) ?? [],
      nodes.map((node) => node.name),
      'node',
    ),
  ];
}

/** Copies are on different nodes, always: on one node they would be lost together. */
function copyProblems(tier: Tier): Problem[] {
  if (!('copies' in tier.config)) return [];
  const places = [...tier.disks, ...tier.devices];
  const carriers = [...new Set(places.map((place) => place.node))];
  if (carriers.length >= tier.copies) return [];
  const kind = engineFacts[tier.engine].on === 'devices' ? 'a device' : 'a disk';
  return [
    {
      path: `${tier.path}.copies`,
      found: `${tier.copies === 1 ? 'one copy' : `${tier.copies} copies`}, and ${carriers.length === 0 ? 'no node' : carriers.join(', ')} with ${kind} that serves ${tier.name}`,
      allowed: `at most as many copies as nodes that carry them: ${carriers.length}`,
      todo: `let more nodes serve the tier (larder:nodes)${tier.copies === 1 ? '' : `, or ask for fewer copies: ${tier.copies} copies need ${tier.copies} nodes, survive ${tier.copies === 2 ? 'one failure' : `${tier.copies - 1} failures`} and take ${tier.copies} times the space`}`,
    },
  ];
}

/** Copies that may not share a circuit need as many circuits as there are copies. */
function spreadProblems(tier: Tier, nodes: readonly ShelfNode[]): Problem[] {
  const { config } = tier;
  if (!('spread' in config) || config.spread === 'node') return [];
  const kind = config.spread;
  const carriers = nodes.filter((node) => tier.disks.some((disk) => disk.node === node.name));
  const without = carriers.filter((node) => node.domains[kind] === undefined);
  const path = `${tier.path}.spread`;
  if (without.length > 0)
    return [
      {
        path,
        found: `${kind}, and ${without.map((node) => node.name).join(', ')} without \`domains: { ${kind}: … }\``,
        allowed: `a ${kind} for each node with a disk that serves ${tier.name}`,
        todo: `name it under larder:nodes, or write \`spread: node\``,
      },
    ];
  const shared = [...new Set(carriers.map((node) => node.domains[kind]))];
  if (shared.length >= tier.copies) return [];
  return [
    {
      path,
      found: `${tier.copies} copies, each on another ${kind}, and only ${shared.join(', ') || 'none'}`,
      allowed: `at most as many copies as there are: ${shared.length}`,
      todo: 'ask for fewer copies, or write `spread: node` and accept that one failure takes several',
    },
  ];
}

/** Engines mean one thing by a zone: all their tiers must mean the same. */
function zoneProblems(tiers: readonly Tier[]): Problem[] {
  return ['larder', 'longhorn'].flatMap((engine) => {
    const kinds = tiers.flatMap((tier) =>
      tier.engine === engine && 'spread' in tier.config && tier.config.spread !== 'node'
        ? [{ tier, spread: tier.config.spread }]
        : [],
    );
    const [first] = kinds;
    const other = kinds.find(({ spread }) => spread !== first?.spread);
    if (first === undefined || other === undefined) return [];
    return [
      {
        path: `${other.tier.path}.spread`,
        found: `${other.spread}, and ${first.tier.name} says ${first.spread}`,
        allowed: `one kind of domain for all tiers of ${engine}`,
        todo: 'choose one of the two for both',
      },
    ];
  });
}

/** What only some forms of a tier may say. */
function formProblems(tier: Tier): Problem[] {
  const { config } = tier;
  const problem = (key: string, found: string, allowed: string, todo: string): Problem => ({
    path: `${tier.path}.${key}`,
    found,
    allowed,
    todo,
  });
  if (config.engine === 'local-path' && config.provisioner === 'k3s' && config.disks !== undefined)
    return [
      problem(
        'disks',
        `${config.disks.join(', ')}, with the provisioner of k3s`,
        "nothing: k3s' own provisioner has one folder for all, set when k3s starts (--default-local-storage-path)",
        'remove it, or write `provisioner: larder`',
      ),
    ];
  if (config.engine === 'openebs-hostpath' && config.path === undefined) {
    const paths = [...new Set(tier.disks.map((disk) => disk.mountPath))];
    if (paths.length !== 1)
      return [
        problem(
          'path',
          paths.length === 0 ? 'no disk that serves it' : `its disks at ${paths.join(' and ')}`,
          'one folder, the same on every node: OpenEBS knows no other form',
          'name the folder under `path:`, or the disks that have one mount path under `disks:`',
        ),
      ];
  }
  if (config.engine === 'nfs' && (config.share === undefined) === (config.truenas === undefined))
    return [
      problem(
        'share',
        config.share === undefined ? 'neither `share` nor `truenas`' : 'both `share` and `truenas`',
        'the exported folder, or pool and dataset of a TrueNAS from which it follows',
        'write one of the two, for example `share: /export/k8s`',
      ),
    ];
  if (config.name === 'longhorn' && config.engine === 'longhorn')
    return [
      problem(
        'name',
        'longhorn, the name of the class that Longhorn makes and keeps itself',
        'a name of your own: two hands on one class undo each other',
        'call it replicated, for example; claims of the old class keep it',
      ),
    ];
  if (config.engine === 'longhorn' && config.dataLocality === 'strict-local' && config.copies > 1)
    return [
      problem(
        'dataLocality',
        `strict-local with ${config.copies} copies`,
        'disabled or best-effort: strict-local keeps the one copy that there is beside its pod',
        'choose best-effort, or `copies: 1`',
      ),
    ];
  return [];
}

/** What disks say about tiers: names that exist, tiers that can use what they offer. */
function servedProblems(tiers: readonly Tier[], nodes: readonly ShelfNode[]): Problem[] {
  return nodes.flatMap((node, nth) =>
    node.disks.flatMap((disk) =>
      (disk.tiers ?? []).flatMap((name) => {
        const path = `larder:nodes[${nth}].disks (${disk.name}).tiers`;
        const tier = tiers.find((candidate) => candidate.name === name);
        const usable = tiers.filter((each) => engineFacts[each.engine].on === 'disks');
        if (tier !== undefined && usable.includes(tier)) return [];
        return [
          {
            path,
            found:
              tier === undefined
                ? `${name}, which is no tier`
                : `${name}, whose engine ${tier.engine} keeps nothing on mounted disks`,
            allowed: oneOf(usable.map((each) => each.name)),
            todo: 'name tiers that stand under larder:tiers and keep their data on disks',
          },
        ];
      }),
    ),
  );
}
