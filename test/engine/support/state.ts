/**
 * The stack's state as the `file://` backend keeps it: read straight from the disk, secrets
 * encrypted.
 */
import { readFileSync } from 'node:fs';

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly parent?: string;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly provider?: string;
  /** Why the resource exists but is not healthy. */
  readonly initErrors?: readonly string[];
  /** True for a resource that a replacement has not deleted yet. */
  readonly delete?: boolean;
}

interface PendingOperation {
  readonly type: string;
  readonly resource: StateResource;
}

interface Deployment {
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly PendingOperation[];
}

export interface StackState {
  readonly resources: readonly StateResource[];
  readonly pendingOperations: readonly PendingOperation[];
  /** The file's text, to look for what must not be in it. */
  readonly text: string;
}

export function readState(file: string): StackState {
  const text = readFileSync(file, 'utf8');
  const { checkpoint } = JSON.parse(text) as {
    readonly checkpoint: { readonly latest?: Deployment };
  };
  return {
    resources: checkpoint.latest?.resources ?? [],
    pendingOperations: checkpoint.latest?.pending_operations ?? [],
    text,
  };
}

/** The resource of that logical name. @throws Error that lists the names there are */
export function resourceNamed(state: StackState, name: string): StateResource {
  const found = state.resources.find(({ urn }) => urn.split('::').at(-1) === name);
  if (found === undefined) {
    const names = state.resources.map(({ urn }) => urn.split('::').at(-1));
    throw new Error(
      `No resource ${JSON.stringify(name)} in the state; it holds ${names.join(', ')}.`,
    );
  }
  return found;
}
