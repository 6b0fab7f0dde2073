/**
 * What a stand-in provider is: plain methods over property maps. `service.ts` puts the gRPC
 * protocol `pulumirpc.ResourceProvider` around it; a method left out answers "unimplemented".
 *
 * Rules for implementers, all from the engine's `proto/pulumi/provider.proto`:
 * - `check` completes and validates inputs; it must be pure and answers the same for the same
 *   request.
 * - `diff`, `create`, `update` get checked inputs. In a preview (`preview: true`) nothing may be
 *   changed in the world and outputs that are not known yet are `unknown`.
 * - `create` and `update` throw `InitializationFailed` when the object exists but is not healthy:
 *   the engine then records it, so that the next run repairs it instead of making another one.
 * - Secrets come and go in their envelopes (`Secret`); what is derived from a secret must be one.
 */
import type { Severity } from '../plugin/engine.ts';
import type { PropertyMap } from './value.ts';

/** What every call gets besides its request. */
export interface CallContext {
  /**
   * Aborted when the user cancels the update or the engine is gone; timeouts are the provider's.
   */
  readonly signal: AbortSignal;
  /** Shows a message on the user's screen, attributed to the resource of this call. */
  log(severity: Severity, message: string): void;
  /** Shows what is going on in the resource's status column; not kept on the screen. */
  status(message: string): void;
}

interface ResourceIdentity {
  readonly urn: string;
  /** For example `random:index/randomPassword:RandomPassword`. */
  readonly type: string;
  /** The logical name in the program. */
  readonly name: string;
}

export type Autonaming =
  | { readonly mode: 'propose' | 'enforce'; readonly name: string }
  | { readonly mode: 'disable' };

export interface CheckRequest extends ResourceIdentity {
  /** Inputs of the last successful update; undefined for a new resource. */
  readonly oldInputs: PropertyMap | undefined;
  readonly inputs: PropertyMap;
  /**
   * Bytes that are the same in preview and update of one plan, for names made up by the provider.
   */
  readonly randomSeed: Uint8Array;
  readonly autonaming: Autonaming | undefined;
}

/** `property` is a path such as `spec.replicas`, or empty for the resource as a whole. */
export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

export interface CheckResult {
  readonly inputs: PropertyMap;
  readonly failures?: readonly CheckFailure[];
}

export interface DiffRequest extends ResourceIdentity {
  readonly id: string;
  readonly oldInputs: PropertyMap;
  /** Outputs of the last update or refresh. */
  readonly oldState: PropertyMap;
  readonly inputs: PropertyMap;
  /** Property paths whose changes the user wants ignored; the engine has put back old inputs. */
  readonly ignoreChanges: readonly string[];
}

export type PropertyChangeKind =
  | 'add'
  | 'add-replace'
  | 'delete'
  | 'delete-replace'
  | 'update'
  | 'update-replace';

export interface PropertyChange {
  readonly kind: PropertyChangeKind;
  /** True when old and new are to be looked up in the inputs, false for the outputs. */
  readonly inputDiff: boolean;
}

export interface DiffResult {
  readonly changes: 'none' | 'some';
  /** Property paths that force a replacement. */
  readonly replaces?: readonly string[];
  /** Properties that stay the same whatever the update does. */
  readonly stables?: readonly string[];
  readonly deleteBeforeReplace?: boolean;
  /** Top-level properties that changed. */
  readonly changed?: readonly string[];
  /** Changes by path; the engine shows exactly these. */
  readonly detailed?: ReadonlyMap<string, PropertyChange>;
}

export interface CreateRequest extends ResourceIdentity {
  readonly inputs: PropertyMap;
  readonly preview: boolean;
  /** From `customTimeouts`; undefined means the provider's own default. */
  readonly timeoutSeconds: number | undefined;
}

export interface CreateResult {
  /** May be empty in a preview. */
  readonly id: string;
  readonly outputs: PropertyMap;
}

export interface ReadRequest extends ResourceIdentity {
  readonly id: string;
  /** Empty when the resource is being imported or looked up by `get`. */
  readonly state: PropertyMap;
  readonly inputs: PropertyMap;
  readonly timeoutSeconds: number | undefined;
}

export interface ReadResult {
  readonly id: string;
  readonly outputs: PropertyMap;
  readonly inputs: PropertyMap;
}

export interface UpdateRequest extends ResourceIdentity {
  readonly id: string;
  readonly oldInputs: PropertyMap;
  readonly oldState: PropertyMap;
  readonly inputs: PropertyMap;
  readonly ignoreChanges: readonly string[];
  readonly preview: boolean;
  readonly timeoutSeconds: number | undefined;
}

export interface DeleteRequest extends ResourceIdentity {
  readonly id: string;
  readonly oldInputs: PropertyMap;
  readonly state: PropertyMap;
  readonly timeoutSeconds: number | undefined;
}

export interface InvokeRequest {
  /** For example `command:local:run`. */
  readonly token: string;
  readonly args: PropertyMap;
  readonly preview: boolean;
}

export interface InvokeResult {
  readonly result: PropertyMap;
  readonly failures?: readonly CheckFailure[];
}

export interface ConfigureRequest {
  readonly inputs: PropertyMap;
}

export interface Provider {
  /** The package's name, for example `random`. */
  readonly name: string;
  /** The version of the official provider that this one follows. */
  readonly version: string;
  /** The package's schema as JSON text, where somebody asks for it. */
  schema?(): string;
  checkConfig?(request: CheckRequest, context: CallContext): Promise<CheckResult>;
  diffConfig?(request: DiffRequest, context: CallContext): Promise<DiffResult>;
  configure?(request: ConfigureRequest, context: CallContext): Promise<void>;
  check(request: CheckRequest, context: CallContext): Promise<CheckResult>;
  diff(request: DiffRequest, context: CallContext): Promise<DiffResult>;
  create(request: CreateRequest, context: CallContext): Promise<CreateResult>;
  /** Undefined when the object no longer exists. Left out: the state is believed as it is. */
  read?(request: ReadRequest, context: CallContext): Promise<ReadResult | undefined>;
  update(request: UpdateRequest, context: CallContext): Promise<PropertyMap>;
  delete(request: DeleteRequest, context: CallContext): Promise<void>;
  invoke?(request: InvokeRequest, context: CallContext): Promise<InvokeResult>;
  /** Why a remote component of this type cannot be had here; default: "unknown component type". */
  refuseComponent?(type: string): string;
}

/**
 * The object was made or changed but did not become healthy (or only part of the change was done).
 * The engine records `outputs` and fails the step with `reasons`.
 */
export class InitializationFailed extends Error {
  readonly id: string;
  readonly outputs: PropertyMap;
  readonly inputs: PropertyMap;
  readonly reasons: readonly string[];
  constructor(
    message: string,
    partial: {
      readonly id: string;
      readonly outputs: PropertyMap;
      readonly inputs: PropertyMap;
      readonly reasons: readonly string[];
    },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'InitializationFailed';
    this.id = partial.id;
    this.outputs = partial.outputs;
    this.inputs = partial.inputs;
    this.reasons = partial.reasons;
  }
}
