/** Settings that let two copies of one volume stand on one node, or that keep only one copy. */
import { type Claim, nameOfClaim } from '../model/claim.ts';
import { chartOf } from '../model/chart.ts';
import { type DeclaredObject, isKind, nameOf } from '../model/declared.ts';
import { databasesOf } from '../model/usage.ts';
import { at, type Fields, fieldsAt, isTrueAt, numberAt, textAt } from '../model/value.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

export const replicaAntiAffinity: StackRule = {
  id: 'replica-anti-affinity',
  scope: 'stack',
  description: 'Copies of a volume stand on different nodes, and what matters has two of them.',
  severity: 'critical',
  level: 'mandatory',
  advises: true,
  why:
    'Two copies on one node are one copy: the board, its power supply or its disk takes both, ' +
    'and the volume shows "healthy" until then.',
  waysOut: [
    'Forbid it: replica soft anti-affinity off, failure domain host',
    'Use as many copies as you have nodes, two on two nodes',
    'Use the local tier with backups, and count on one copy openly',
  ],
  good: 'Longhorn with replicaSoftAntiAffinity: false and numberOfReplicas: "2"',
  bad: 'Longhorn with replicaSoftAntiAffinity: true',
  configSchema: {
    properties: {
      classes,
      domains: {
        type: 'string',
        enum: ['ignore', 'soft', 'hard'],
        default: 'soft',
        description:
          'Whether copies in one failure domain are advice (soft) or a violation (hard), where ' +
          'the nodes of the program are labelled with more than one zone.',
      },
    },
  },
  check(world, config) {
    return [
      ...world.objects.flatMap(softNodeFindings),
      ...world.objects.flatMap((object) => domainFindings(world, object, config)),
      ...singleCopyFindings(world),
      ...world.all('ceph.rook.io', 'CephBlockPool').flatMap(cephFindings),
    ];
  },
};

/** Longhorn's setting, wherever it is written: Setting object, chart values, class, volume. */
function softNodeFindings(object: DeclaredObject): readonly Finding[] {
  const setting = longhornSetting(object, 'replica-soft-anti-affinity', 'replicaSoftAntiAffinity');
  if (setting === undefined || !['true', 'enabled'].includes(setting.value)) return [];
  const found = `${setting.value}: two copies of a volume may stand on one node`;
  return [{ object, field: setting.field, found, level: 'violation' }];
}

function domainFindings(world: World, object: DeclaredObject, config: Fields): readonly Finding[] {
  const domains = textAt(config, 'domains') ?? 'soft';
  const zones = zonesOf(world);
  if (domains === 'ignore' || zones.size < 2 || !isLonghornClass(object)) return [];
  const key = 'replicaZoneSoftAntiAffinity';
  if (textAt(object.fields, 'parameters', key) === 'disabled') return [];
  const isForbidden = world.objects.some((other) => {
    const setting = longhornSetting(other, 'replica-zone-soft-anti-affinity', key);
    return setting !== undefined && ['false', 'disabled'].includes(setting.value);
  });
  if (isForbidden) return [];
  const finding: Finding = {
    object,
    field: `parameters.${key}`,
    found: `copies may share a zone, and the nodes offer ${[...zones].join(', ')}`,
    why: 'What takes a zone (a circuit, a switch, a room) takes every copy in it.',
    waysOut: [
      `Set ${key}: disabled on the class, or replica-zone-soft-anti-affinity: "false"`,
      'Take the zone labels off, if the nodes share one circuit anyway',
      "Set domains: ignore in this policy's configuration",
    ],
    level: domains === 'hard' ? 'violation' : 'advice',
  };
  return [finding];
}

function isLonghornClass(object: DeclaredObject): boolean {
  const isClass = isKind(object, 'storage.k8s.io', 'StorageClass');
  return isClass && textAt(object.fields, 'provisioner') === 'driver.longhorn.io';
}

function zonesOf(world: World): ReadonlySet<string> {
  const nodes = world.objects.filter((object) => isKind(object, '', 'Node', 'NodePatch'));
  return new Set(nodes.flatMap((node) => node.labels.get('topology.kubernetes.io/zone') ?? []));
}

interface FoundSetting {
  readonly field: string;
  readonly value: string;
}

/** A Longhorn setting by its own name (`a-b`) and its name in chart values and classes (`aB`). */
function longhornSetting(
  object: DeclaredObject,
  name: string,
  key: string,
): FoundSetting | undefined {
  if (isKind(object, 'longhorn.io', 'Setting') && object.name === name) {
    return foundAt(object, ['value']);
  }
  if (isKind(object, 'longhorn.io', 'Volume')) return foundAt(object, ['spec', key]);
  if (isLonghornClass(object)) return foundAt(object, ['parameters', key]);
  if (chartOf(object) !== 'longhorn') return undefined;
  return foundAt(object, ['values', 'defaultSettings', key]);
}

function foundAt(object: DeclaredObject, path: readonly string[]): FoundSetting | undefined {
  const value = textAt(object.fields, ...path)?.toLowerCase();
  return value === undefined ? undefined : { field: path.join('.'), value };
}

/** Databases on replicated storage that keeps one copy: the cost of the network for nothing. */
function singleCopyFindings(world: World): readonly Finding[] {
  return databasesOf(world).flatMap(({ engine, placement }) => {
    const claim: Claim | undefined = placement?.claim;
    if (placement?.home !== 'replicated' || placement.copies !== 1 || claim === undefined)
      return [];
    const declared = world.findClusterWide(
      'storage.k8s.io',
      'StorageClass',
      placement.className ?? '',
    );
    const finding: Finding = {
      object: claim.object,
      ...(declared === undefined ? {} : { also: [declared] }),
      field: `${claim.field}.storageClassName`,
      found: `${engine} is on ${placement.what} (${nameOfClaim(claim)})`,
      why: 'One copy on a network volume is lost with its node, and slower than the local disk.',
      waysOut: [
        'Use a class with two copies on different nodes',
        'Use the local tier with dumps to another machine',
        'Let the database replicate itself (CloudNativePG with two instances)',
      ],
      level: 'violation',
    };
    return [finding];
  });
}

function cephFindings(pool: DeclaredObject): readonly Finding[] {
  const spec = fieldsAt(pool.fields, 'spec');
  const findings: Finding[] = [];
  const domain = textAt(spec, 'failureDomain') ?? 'host';
  if (domain === 'osd') {
    const found = 'osd: two copies of an object may stand on two disks of one node';
    findings.push({ object: pool, field: 'spec.failureDomain', found, level: 'violation' });
  }
  const size = numberAt(spec, 'replicated', 'size');
  if (size !== undefined && size < 2) {
    const found = `${size}: ${nameOf(pool)} keeps one copy`;
    const safe = at(spec, 'replicated', 'requireSafeReplicaSize');
    const field = 'spec.replicated.size';
    const level = isTrueAt(safe) || safe === undefined ? 'violation' : 'advice';
    findings.push({ object: pool, field, found, level });
  }
  return findings;
}
