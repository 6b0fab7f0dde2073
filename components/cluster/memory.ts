/**
 * What the last update left: read from the stack's own state through the engine, so that it is
 * there in every preview, with or without a cluster, whoever typed `pulumi up`, and also after an
 * update that failed half-way. Why not the cluster, a ledger or a hook:
 * docs/decisions/0031-known-volumes.md.
 *
 * Never: passes on anything but the fields named here. The engine's answer holds secrets.
 */
import * as pulumi from '@pulumi/pulumi';
import { z } from 'zod';
import { parseSize } from '../config/quantity.ts';
import { annotation, dataplaneName, label, retiredRelease } from '../names.ts';
import type { KnownVolume } from '../rules/edits.ts';
import type { Double } from '../rules/state.ts';
import type { KnownClass, KnownEngine, KnownStorageDisk } from '../rules/tier-edits.ts';

export interface Memory {
  /** False on the first update, after `pulumi destroy`, and when the state was lost. */
  readonly hasState: boolean;
  readonly volumes: readonly KnownVolume[];
  /** The classes of tiers, with the driver that makes their volumes. */
  readonly classes: readonly KnownClass[];
  /** What was set up for engines. */
  readonly engines: readonly KnownEngine[];
  /** Disks that were given to the data plane. */
  readonly storageDisks: readonly KnownStorageDisk[];
  /** Namespaces that were made for data; they stay declared. */
  readonly namespaces: readonly string[];
  /** UID of the cluster that the last update wrote to. */
  readonly clusterUid: string | undefined;
  /** Objects that hold data and that the state lists more than once. */
  readonly doubles: readonly Double[];
}

const metadataSchema = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});
const claimSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    accessModes: z.array(z.string()),
    storageClassName: z.string(),
    resources: z.object({ requests: z.object({ storage: z.string() }) }),
  }),
});
const classSchema = z.object({ metadata: metadataSchema, provisioner: z.string() });
const releaseSchema = z.object({ name: z.string(), description: z.string().optional() });
/** Of whatever has a name. */
const namedSchema = z.object({ metadata: metadataSchema });
const answerSchema = z.object({
  outputs: z.record(z.string(), z.object({ type: z.string(), outputs: z.unknown() })),
});

/** Asks the engine for the resources of this very stack, as the last update recorded them. */
export async function recall(): Promise<Memory> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const answer: unknown = await pulumi.runtime.invoke(
    'pulumi:pulumi:readStackResourceOutputs',
    { stackName },
    {},
  );
  return readMemory(answer);
}

/** Pure half of `recall`. A resource that does not look like ours is not ours. */
export function readMemory(answer: unknown): Memory {
  const { outputs: byUrn } = answerSchema.parse(answer);
  const resources = Object.values(byUrn);
  const ofType = (type: string) =>
    resources.filter((each) => each.type === type).map((each) => each.outputs);
  const namespaces = ofType('kubernetes:core/v1:Namespace').flatMap((outputs) => {
    const read = namedSchema.safeParse(outputs);
    return read.success ? [read.data.metadata] : [];
  });
  return {
    hasState: resources.some((each) => each.type.startsWith('kubernetes:')),
    volumes: Object.entries(byUrn).flatMap(([urn, { type, outputs }]) =>
      type === 'kubernetes:core/v1:PersistentVolumeClaim' ? knownVolume(urn, outputs) : [],
    ),
    classes: ofType('kubernetes:storage.k8s.io/v1:StorageClass').flatMap(knownClass),
    engines: [
      ...ofType('kubernetes:helm.sh/v3:Release').flatMap(knownEngine),
      ...ofType('kubernetes:apps/v1:DaemonSet').flatMap(knownDataplane),
    ],
    storageDisks: ofType('kubernetes:larder.dev/v1alpha1:StorageNode').flatMap(knownStorageDisks),
    namespaces: namespaces
      .filter((metadata) => metadata.labels[label.holds] === 'data')
      .map((metadata) => metadata.name),
    clusterUid: namespaces
      .map((metadata) => metadata.annotations[annotation.cluster])
      .find((uid) => uid !== undefined),
    doubles: doublesIn(byUrn),
  };
}

const dataKinds: Readonly<Record<string, string>> = {
  'kubernetes:core/v1:Namespace': 'the Namespace',
  'kubernetes:core/v1:PersistentVolume': 'the volume',
  'kubernetes:core/v1:PersistentVolumeClaim': 'the claim',
};

/** Two entries for one object: what `pulumi import` leaves when the program declares it already. */
function doublesIn(byUrn: z.output<typeof answerSchema>['outputs']): Double[] {
  const urns = new Map<string, string[]>();
  for (const [urn, { type, outputs }] of Object.entries(byUrn)) {
    const kind = dataKinds[type];
    const read = namedSchema.safeParse(outputs);
    if (kind === undefined || !read.success) continue;
    const { namespace, name } = read.data.metadata;
    const object = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
    urns.set(object, [...(urns.get(object) ?? []), urn]);
  }
  return [...urns].flatMap(([object, entries]) =>
    entries.length > 1 ? [{ object, urns: entries }] : [],
  );
}

/** The component that made a volume, as its URN names it, and the list that it stands in. */
const sectionOf: Readonly<Record<string, string>> = {
  Postgres: 'larder:postgres',
  Gitea: 'larder:gitea',
  Loki: 'larder:loki',
  HomeAssistant: 'larder:homeAssistant',
  Dataset: 'larder:datasets',
};

function knownVolume(urn: string, outputs: unknown): KnownVolume[] {
  const read = claimSchema.safeParse(outputs);
  if (!read.success) return [];
  const { metadata, spec } = read.data;
  const sizeBytes = parseSize(spec.resources.requests.storage);
  if (metadata.labels[label.volume] === undefined || sizeBytes === undefined) return [];
  return [
    {
      name: metadata.name,
      section:
        sectionOf[/larder:index:(\w+)\$larder:index:AppVolume\$/.exec(urn)?.[1] ?? ''] ??
        'larder:volumes',
      namespace: metadata.namespace ?? 'default',
      sizeBytes,
      tier: spec.storageClassName,
      accessMode: spec.accessModes[0] ?? '',
      place: metadata.annotations[annotation.place],
      retired: metadata.annotations[annotation.retired] === 'true',
      postgres: metadata.annotations[annotation.postgres],
      records: metadata.annotations[annotation.records],
    },
  ];
}

function knownClass(outputs: unknown): KnownClass[] {
  const read = classSchema.safeParse(outputs);
  if (!read.success || read.data.metadata.labels[label.tier] === undefined) return [];
  return [{ name: read.data.metadata.name, provisioner: read.data.provisioner }];
}

function knownEngine(outputs: unknown): KnownEngine[] {
  const read = releaseSchema.safeParse(outputs);
  if (!read.success) return [];
  return [{ release: read.data.name, retired: read.data.description === retiredRelease }];
}

function knownDataplane(outputs: unknown): KnownEngine[] {
  const read = namedSchema.safeParse(outputs);
  const isOurs = read.success && read.data.metadata.name === dataplaneName;
  return isOurs ? [{ release: dataplaneName, retired: false }] : [];
}

const storageNodeSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ disks: z.array(z.object({ name: z.string(), path: z.string() })) }),
});

function knownStorageDisks(outputs: unknown): KnownStorageDisk[] {
  const read = storageNodeSchema.safeParse(outputs);
  if (!read.success) return [];
  const node = read.data.metadata.name;
  return read.data.spec.disks.map(({ name, path }) => ({ node, name, path }));
}
