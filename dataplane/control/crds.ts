/**
 * The CustomResourceDefinitions, generated from the schemas that the code uses (objects.ts). The
 * Pulumi component declares them; a test gives them to a real API server.
 *
 * Kubernetes takes "structural" schemas only: one type a field, no `$schema`, no
 * `additionalProperties` beside `properties`.
 */
import { z } from 'zod';
import { apiGroup, apiVersion, type Kind, kinds } from './objects.ts';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: shown with `-o wide` only. */
  readonly priority?: number;
}

const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was made',
};

/** What `kubectl get` answers: first of all, whether the data are safe. */
const columns: Readonly<Record<Kind, readonly Column[]>> = {
  Volume: [
    { name: 'Safe', type: 'string', jsonPath: '.status.safety', description: 'Are the data safe?' },
    {
      name: 'Copies',
      type: 'string',
      jsonPath: '.status.copies',
      description: 'Copies in sync of copies wanted',
    },
    { name: 'Size', type: 'integer', jsonPath: '.spec.sizeBytes', description: 'Bytes' },
    {
      name: 'Node',
      type: 'string',
      jsonPath: '.status.attachedTo',
      description: 'The node that may use it now',
    },
    { name: 'Why', type: 'string', jsonPath: '.status.message', description: 'What to know' },
    age,
  ],
  StorageNode: [
    { name: 'Health', type: 'string', jsonPath: '.status.health', description: 'Can it serve?' },
    {
      name: 'Attach',
      type: 'string',
      jsonPath: '.status.attach',
      description: 'How volumes become block devices here',
    },
    {
      name: 'Takes new',
      type: 'boolean',
      jsonPath: '.spec.schedulable',
      description: 'Whether new copies may come here',
    },
    {
      name: 'Copies',
      type: 'integer',
      jsonPath: '.status.copies',
      description: 'Copies that lie here',
    },
    {
      name: 'Safe to stop',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="SafeToStop")].status',
      description: 'Whether every volume has a good copy elsewhere',
    },
    { name: 'Why', type: 'string', jsonPath: '.status.message', description: 'What to know' },
    {
      name: 'Address',
      type: 'string',
      jsonPath: '.status.address',
      description: 'Of its replica server',
      priority: 1,
    },
    age,
  ],
  Snapshot: [
    { name: 'Ready', type: 'boolean', jsonPath: '.status.ready', description: 'Can it be used?' },
    { name: 'Volume', type: 'string', jsonPath: '.spec.volume', description: 'Of which volume' },
    { name: 'Why', type: 'string', jsonPath: '.status.message', description: 'What to know' },
    age,
  ],
};

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** All of them, in the order of their names. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return (Object.keys(kinds) as Kind[]).toSorted().map(definitionOf);
}

function definitionOf(kind: Kind): CustomResourceDefinition {
  const { plural, short, spec, status } = kinds[kind];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      names: {
        kind,
        plural,
        singular: kind.toLowerCase(),
        listKind: `${kind}List`,
        shortNames: [short],
      },
      // A volume belongs to the cluster, as a PersistentVolume does: no Namespace's end ends it.
      scope: 'Cluster',
      versions: [
        {
          name: apiVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns[kind],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              required: ['spec'],
              properties: { spec: structural(spec), status: structural(status) },
            },
          },
        },
      ],
    },
  };
}

function structural(schema: z.ZodType): object {
  // As input: what has a default may be left out.
  return clean(z.toJSONSchema(schema, { io: 'input' })) as object;
}

const dropped: ReadonlySet<string> = new Set(['$schema', 'additionalProperties', 'readOnly']);

/** Takes away what JSON Schema may say and a structural schema may not. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, content]) =>
      !dropped.has(key) && !(key === 'maximum' && content === Number.MAX_SAFE_INTEGER),
  );
  const cleaned = Object.fromEntries(entries.map(([key, content]) => [key, clean(content)]));
  // Kubernetes keeps 64 bits only where it is told to.
  return cleaned['type'] === 'integer' ? { ...cleaned, format: 'int64' } : cleaned;
}
