/**
 * A stand-in for the official Pulumi Kubernetes provider 4.34.2, for networks where its plugin
 * cannot be had. Same inputs, same steps, same state; what it does otherwise is listed in
 * docs/stand-in-kubernetes.md. This file answers the engine's calls; each rule has a file of its
 * own.
 */
import type {
  CallContext,
  CheckRequest,
  CheckResult,
  ConfigureRequest,
  CreateRequest,
  CreateResult,
  DeleteRequest,
  DiffRequest,
  DiffResult,
  InvokeRequest,
  InvokeResult,
  Provider,
  ReadRequest,
  ReadResult,
  UpdateRequest,
} from '../provider/provider.ts';
import type { PropertyMap } from '../provider/value.ts';
import { check } from './check.ts';
import { connect, type Connection } from './connection.ts';
import { create } from './create.ts';
import { decodeYaml } from './decode-yaml.ts';
import { declared } from './inputs.ts';
import { resourceType } from './kind.ts';
import { notAvailable } from './messages.ts';
import { read } from './read.ts';
import { remove } from './remove.ts';
import { diffResource } from './resource-diff.ts';
import type { Session } from './session.ts';
import { readSettings, type Settings } from './settings.ts';
import { diffSettings } from './settings-diff.ts';
import { update } from './update-resource.ts';

/** The version of the official provider that this one follows. */
const followedVersion = '4.34.2';

export class KubernetesProvider implements Provider {
  readonly name = 'kubernetes';
  readonly version = followedVersion;
  readonly #env: NodeJS.ProcessEnv;
  #settings: Settings;
  #connection: Connection;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
    this.#settings = readSettings({}, env);
    this.#connection = {
      state: 'unreachable',
      reason: 'the provider has not been configured',
      namespace: 'default',
    };
  }

  async checkConfig(request: CheckRequest): Promise<CheckResult> {
    const { kubeconfig, context, cluster, renderYamlToDirectory } = readSettings(
      request.inputs,
      {},
    );
    if (renderYamlToDirectory === '') return { inputs: request.inputs };
    const given = Object.entries({ kubeconfig, context, cluster }).filter(([, value]) => value);
    const failures = given.map(([property]) => ({
      property,
      reason: `"${property}" arg is not compatible with "renderYamlToDirectory" arg`,
    }));
    const reason = notAvailable('renderYamlToDirectory');
    return {
      inputs: request.inputs,
      failures: [...failures, { property: 'renderYamlToDirectory', reason }],
    };
  }

  async diffConfig(request: DiffRequest): Promise<DiffResult> {
    return diffSettings(declared(request.oldInputs), declared(request.inputs));
  }

  async configure(request: ConfigureRequest): Promise<void> {
    this.#settings = readSettings(request.inputs, this.#env);
    this.#connection = await connect(this.#settings);
  }

  async check(request: CheckRequest, context: CallContext): Promise<CheckResult> {
    return check(this.#session(context), request);
  }

  async diff(request: DiffRequest, context: CallContext): Promise<DiffResult> {
    return diffResource(this.#session(context), request);
  }

  async create(request: CreateRequest, context: CallContext): Promise<CreateResult> {
    return create(this.#session(context), request);
  }

  async read(request: ReadRequest, context: CallContext): Promise<ReadResult | undefined> {
    return read(this.#session(context), request);
  }

  async update(request: UpdateRequest, context: CallContext): Promise<PropertyMap> {
    return update(this.#session(context), request);
  }

  async delete(request: DeleteRequest, context: CallContext): Promise<void> {
    return remove(this.#session(context), request);
  }

  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    if (request.token === 'kubernetes:yaml:decode') {
      return { result: decodeYaml(request.args, this.#connection.namespace) };
    }
    throw new Error(notAvailable(request.token));
  }

  refuseComponent(type: string): string {
    const isKnown = resourceType(type, '').form === 'unavailable';
    return isKnown ? notAvailable(type) : `unknown component type ${type}`;
  }

  #session(context: CallContext): Session {
    return { context, settings: this.#settings, connection: this.#connection };
  }
}
