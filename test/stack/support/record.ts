/**
 * Runs the program under Pulumi's mocks and records what it registered: inputs **and options**,
 * which the mocks themselves do not show.
 *
 * Promises: every run evaluates index.ts anew (its components hold no state), secrets never appear
 * in a record in clear, and the run ends only when every registration has. Nothing is left open.
 */
import path from 'node:path';
import { readFileSync } from 'node:fs';
import * as pulumi from '@pulumi/pulumi';
import type * as resourceProto from '@pulumi/pulumi/proto/resource_pb.js';
import { parse } from 'yaml';
import { repositoryRoot } from '../../../lab/base/paths.ts';

export interface RecordedOptions {
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  /** Logical name of the explicit provider, empty for none. */
  readonly provider: string;
  /** Logical names of what must be there before. */
  readonly dependsOn: readonly string[];
}

export interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** URN of the component that made it, or of the stack. */
  readonly parent: string;
  /** Secrets are `secretMark` here. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: RecordedOptions;
}

export interface ProgramRun {
  readonly resources: readonly Recorded[];
  /** The program's exports, outputs resolved. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Warnings, as a person would read them. */
  readonly warnings: readonly string[];
}

export interface Scenario {
  /** Values under `larder:`; an undefined one is as if the key were not there. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Outputs of the resources that the state holds: by URN. Default: none. */
  readonly state?: Readonly<Record<string, { type: string; outputs: unknown }>>;
  /** Keys that hold something encrypted. Default: `secrets`. */
  readonly encrypted?: readonly string[];
  /** Default: true. */
  readonly preview?: boolean;
  /** Default: homelab. */
  readonly stack?: string;
}

/** What RandomPassword draws here; it must appear in no record. */
const drawnPassword = 'a-password-that-no-golden-may-show';

/** What building the data plane's image prints last. */
export const builtImageReference = `registry.home/larder:0123456789ab@sha256:${'0a'.repeat(32)}`;

/** What the providers of these types add to the inputs. */
const computed: Readonly<Record<string, object>> = {
  'random:index/randomPassword:RandomPassword': {
    result: drawnPassword,
    bcryptHash: `hash of ${drawnPassword}`,
  },
  'command:local:Command': { stdout: `the builder's words\n${builtImageReference}\n` },
};

export const secretMark = '[secret]';
const secretSignature = '4dabf18193072939515e22adb298388d';

const project = 'larder';

let runs = 0;

/** Runs index.ts. Resolves to the record, or rejects with what the program threw. */
export function runProgram(scenario: Scenario): Promise<ProgramRun> {
  runs += 1;
  const program = path.join(repositoryRoot, `index.ts?run=${runs}`);
  return recordProgram(async () => ({ ...((await import(program)) as object) }), scenario);
}

/** Runs any program, for what a component does alone. */
export async function recordProgram(
  program: () => Promise<object | void>,
  scenario: Scenario = { config: {} },
): Promise<ProgramRun> {
  configure(scenario.config);
  // As a language host tells which keys hold something encrypted.
  const encrypted = scenario.encrypted ?? ['secrets'];
  process.env['PULUMI_CONFIG_SECRET_KEYS'] = JSON.stringify(
    encrypted.map((key) => `${project}:${key}`),
  );
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, type, inputs }) => ({
        id: `${name}-id`,
        state: { ...(inputs as object), ...computed[type] },
      }),
      call: ({ token }) =>
        token === 'pulumi:pulumi:readStackResourceOutputs' ? { outputs: scenario.state ?? {} } : {},
    },
    project,
    scenario.stack ?? 'homelab',
    scenario.preview ?? true,
    'organization',
  );
  const registrations = listenToRegistrations();
  const warnings: string[] = [];
  const { warn } = console;
  // Without an engine, Pulumi's log goes to the console.
  console.warn = (text: string) => warnings.push(text.replace('warning: [runtime] ', ''));
  try {
    const outputs: unknown = await pulumi.runtime.runInPulumiStack(program);
    // Waits until every registration has been answered, then closes what the run opened.
    await pulumi.runtime.disconnect();
    return {
      resources: readable(registrations),
      outputs: outputs as Record<string, unknown>,
      warnings,
    };
  } finally {
    delete process.env['PULUMI_CONFIG_SECRET_KEYS'];
    console.warn = warn;
    pulumi.runtime.disconnectSync();
  }
}

function configure(config: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(config).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [[`${project}:${key}`, typeof value === 'string' ? value : JSON.stringify(value)]];
  });
  pulumi.runtime.setAllConfig(Object.fromEntries(entries) as Record<string, string>);
}

interface Registration {
  readonly request: resourceProto.RegisterResourceRequest;
  readonly urn: string;
}

/** Wraps the mock monitor: the requests hold the options that mocks are not told. */
function listenToRegistrations(): Registration[] {
  const monitor = pulumi.runtime.getMonitor();
  if (monitor === undefined) throw new Error('the mocks set no monitor');
  const seen: Registration[] = [];
  const original = monitor.registerResource.bind(monitor) as RegisterResource;
  const listening: RegisterResource = (request, answer) =>
    original(request, (error, response) => {
      if (error === null) seen.push({ request, urn: response.getUrn() });
      answer(error, response);
    });
  (monitor as unknown as { registerResource: RegisterResource }).registerResource = listening;
  return seen;
}

type Answer = (error: Error | null, response: resourceProto.RegisterResourceResponse) => void;
type RegisterResource = (request: resourceProto.RegisterResourceRequest, answer: Answer) => unknown;

/** Sorted by URN, with names in place of the URNs that options refer to. */
function readable(registrations: readonly Registration[]): Recorded[] {
  const urns = registrations.map(({ urn }) => urn);
  const twins = urns.filter((urn, index) => urns.indexOf(urn) !== index);
  // An engine refuses them; the mocks do not notice.
  if (twins.length > 0) throw new Error(`declared twice: ${twins.join(', ')}`);
  const nameOf = new Map(registrations.map(({ request, urn }) => [urn, request.getName()]));
  return registrations
    .map(({ request, urn }) => ({
      urn,
      type: request.getType(),
      name: request.getName(),
      parent: request.getParent(),
      inputs: withoutSecrets(request.getObject()?.toJavaScript() ?? {}),
      options: {
        protect: request.getProtect() ?? false,
        retainOnDelete: request.getRetainondelete() ?? false,
        deleteBeforeReplace: request.getDeletebeforereplace(),
        ignoreChanges: request.getIgnorechangesList(),
        replaceOnChanges: request.getReplaceonchangesList(),
        provider: providerName(request.getProvider()),
        dependsOn: [...new Set(request.getDependenciesList())]
          .map((urnBefore) => nameOf.get(urnBefore) ?? urnBefore)
          .toSorted(),
      },
    }))
    .toSorted((a, b) => a.urn.localeCompare(b.urn));
}

/** `urn:…::pulumi:providers:kubernetes::cluster-data::id` → `cluster-data` */
const providerName = (reference: string) => reference.split('::').at(-2) ?? '';

function withoutSecrets(inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const open = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(open);
    if (typeof value !== 'object' || value === null) return value;
    const fields = Object.entries(value);
    if (fields.some(([key]) => key === secretSignature)) return secretMark;
    return Object.fromEntries(fields.map(([key, inner]) => [key, open(inner)]));
  };
  return open(inputs) as Record<string, unknown>;
}

/** The homelab stack as it is checked in, with a kubeconfig that leads nowhere. */
export const homelabConfig = (): Record<string, unknown> => stackConfig('homelab');

/** A stack as it is checked in, with a kubeconfig whose clusters nobody serves. */
export function stackConfig(stack: string): Record<string, unknown> {
  const text = readFileSync(path.join(repositoryRoot, `Pulumi.${stack}.yaml`), 'utf8');
  const { config } = parse(text) as { config: Record<string, unknown> };
  const own = Object.entries(config).map(([key, value]) => [key.replace('larder:', ''), value]);
  // It knows the contexts `homelab` and `other`.
  const kubeconfig = path.join(import.meta.dirname, 'kubeconfig.yaml');
  return { ...Object.fromEntries(own), cluster: { context: 'homelab', kubeconfig } };
}
