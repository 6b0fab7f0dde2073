/**
 * Stand-in for the official random provider, 4.21.2: values are drawn when a resource is created,
 * stay in the state as they are, and are drawn anew when any input changes.
 * The rules and their sources: docs/stand-ins.md; proven in test/engine/conformance-random.spec.ts.
 */
import { differences, pathText } from '../provider/property-diff.ts';
import type {
  DiffRequest,
  DiffResult,
  PropertyChange,
  Provider,
  ReadRequest,
  ReadResult,
} from '../provider/provider.ts';
import { packageSchema } from '../provider/schema.ts';
import { keepSecrets, type PropertyMap, Secret, unknown } from '../provider/value.ts';
import type { RandomKind } from './kind.ts';
import { randomKinds } from './kinds.ts';

export const randomProvider: Provider = {
  name: 'random',
  version: '4.21.2',

  schema: () =>
    packageSchema({
      name: 'random',
      version: '4.21.2',
      resources: new Map([...randomKinds].map(([type, { schema }]) => [type, schema])),
    }),

  check: async ({ type, inputs }) => ({ inputs, failures: kindOf(type).check(inputs) }),

  diff: async (request) => diff(kindOf(request.type), request),

  create: async ({ type, inputs, preview }) => {
    const kind = kindOf(type);
    const complete = kind.complete(inputs);
    if (preview) {
      const pending = kind.drawnOutputs.map((name) => {
        const value = kind.secretOutputs.includes(name) ? new Secret(unknown) : unknown;
        return [name, value] as const;
      });
      return { id: '', outputs: { ...complete, ...Object.fromEntries(pending) } };
    }
    const { id, outputs } = await kind.draw(complete);
    return { id, outputs: { ...complete, ...outputs } };
  },

  read: async (request) => read(kindOf(request.type), request),

  // Every change replaces; an update reaches us only when a value became secret or stopped being
  // so.
  update: async ({ type, inputs, oldState }) => {
    const complete = kindOf(type).complete(inputs);
    return keepSecrets({ ...oldState, ...complete }, oldState);
  },

  delete: async () => {},
};

function kindOf(type: string): RandomKind {
  const kind = randomKinds.get(type);
  if (kind !== undefined) return kind;
  const known = [...randomKinds.keys()].map((token) => token.split(':').at(-1)).join(', ');
  throw new Error(
    `${type} is not available on a closed network: the stand-in for the random provider knows ` +
      `${known}. Use one of them, or put the official plugin into PULUMI_HOME.`,
  );
}

function diff(kind: RandomKind, { oldInputs, oldState, inputs }: DiffRequest): DiffResult {
  // What was imported has state but hardly any inputs: the state says which values it was made
  // with.
  const known = Object.entries(oldState).filter(([key]) => !kind.drawnOutputs.includes(key));
  const before = { ...Object.fromEntries(known), ...kind.complete(oldInputs) };
  const found = differences(before, kind.complete(inputs));
  const detailed = new Map<string, PropertyChange>();
  for (const { segments, kind: change } of found) {
    detailed.set(pathText(segments), { kind: `${change}-replace`, inputDiff: true });
  }
  const replaces = [...new Set(found.map(({ segments }) => String(segments[0])))];
  return { changes: found.length === 0 ? 'none' : 'some', replaces, changed: replaces, detailed };
}

async function read(kind: RandomKind, request: ReadRequest): Promise<ReadResult> {
  const { id, inputs, state } = request;
  if (Object.keys(state).length > 0) return { id, outputs: state, inputs };
  if (kind.adopt === undefined) throw new Error(`${kind.type} cannot be imported.`);
  const adopted = await kind.adopt(id);
  const complete: PropertyMap = kind.complete(adopted.inputs);
  return { id: adopted.id, outputs: { ...complete, ...adopted.outputs }, inputs: adopted.inputs };
}
