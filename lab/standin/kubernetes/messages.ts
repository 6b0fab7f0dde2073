/**
 * The sentences of the official provider, so that what a person learns from them here is true
 * there, and tests that look for them hold against both. Its wording: docs/stand-in-kubernetes.md,
 * "Messages"; pulumi-kubernetes `provider.go`, `await.go` `handleSSAErr`.
 */
import { isAlreadyExists, isConflict, NoSuchKind } from './api-failure.ts';

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function unreachable(reason: string): Error {
  return new Error(`configured Kubernetes cluster is unreachable: ${reason}`);
}

const removalHint =
  'If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the ' +
  'operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"';

export function unreadable(reason: string): Error {
  return new Error(
    `failed to read resource state due to unreachable cluster (${reason}). ${removalHint}`,
  );
}

export function undeletable(reason: string): Error {
  return new Error(`configured Kubernetes cluster is unreachable: ${reason}. ${removalHint}`);
}

export interface Subject {
  readonly urn: string;
  readonly fieldManager: string;
}

export function creationFailed(subject: Subject, error: unknown): Error {
  if (error instanceof NoSuchKind) return kindMissing('creation', subject, error);
  const cause = explainConflict(subject, error);
  const hints = isAlreadyExists(error) ? existsHints : '';
  return new Error(
    `resource ${JSON.stringify(subject.urn)} was not successfully created by the Kubernetes API ` +
      `server: ${cause}${hints}`,
    { cause: error },
  );
}

export function updateFailed(subject: Subject, error: unknown): Error {
  if (error instanceof NoSuchKind) return kindMissing('update', subject, error);
  return new Error(
    `update of resource ${JSON.stringify(subject.urn)} failed: ${explainConflict(subject, error)}`,
    { cause: error },
  );
}

function kindMissing(what: 'creation' | 'update', subject: Subject, error: NoSuchKind): Error {
  return new Error(
    `${what} of resource ${JSON.stringify(subject.urn)} failed because the Kubernetes API server ` +
      'reported that the apiVersion for this resource does not exist. Verify that any required ' +
      `CRDs have been created: ${error.message}`,
    { cause: error },
  );
}

function explainConflict(subject: Subject, error: unknown): string {
  if (!isConflict(error)) return textOf(error);
  return (
    'Server-Side Apply field conflict detected. See the how-to guide "Managing resources with ' +
    'Server-Side Apply", section "Handle field conflicts on existing resources".\n' +
    `The resource managed by field manager ${JSON.stringify(subject.fieldManager)} had an apply ` +
    `conflict: ${textOf(error)}`
  );
}

const existsHints = `

The object is already in the cluster and not in this stack's state. What you can do:
  - it was renamed in the program: give the resource an alias with its old name, so that Pulumi knows it
  - it shall be taken over as it is: set upsertExistingObjects on the provider (pulumi.com/patchForce
    where other managers own a field), or import it
  - it belongs to somebody else: give this one another metadata.name
  - nobody needs it: delete it`;

export function notReadyAfter(
  what: 'creation' | 'update' | 'refresh',
  subject: string,
  reason: string,
): string {
  if (what === 'creation') {
    return (
      `resource ${subject} was successfully created, but the Kubernetes API server reported that ` +
      `it failed to fully initialize or become live: ${reason}`
    );
  }
  return (
    `the Kubernetes API server reported that ${JSON.stringify(subject)} failed to fully ` +
    `initialize or become live: ${reason}`
  );
}

/** Deleting a patch gives its fields back, and the server does not let go of those it requires. */
export function patchHoldsRequiredField(fields: readonly string[]): Error {
  return new Error(
    "this Patch resource is currently managing a required field, so it can't be deleted directly. " +
      'Either set the `retainOnDelete` resource option, or transfer ownership of the field before ' +
      `deleting: ${fields.join(', ')}`,
  );
}

/** For what needs Helm, Kustomize or remote components. */
export function notAvailable(token: string): string {
  return (
    `${token} is not available in a closed network with the stand-in Kubernetes provider: it needs ` +
    'Helm, Kustomize or a remote component. On an open network the official provider does it ' +
    '(pulumi plugin install resource kubernetes v4.34.2); here, declare the objects themselves.'
  );
}

export const listRefusal =
  'list resources exist for compatibility with YAML manifests and Helm charts, and cannot be ' +
  'created directly. Use the underlying resource type instead';

export const patchNeedsServerSideApply =
  'patch resources require Server-side Apply mode, which is enabled using the ' +
  '`enableServerSideApply` Provider config';

export const patchNeedsName = 'patch resources require the resource `.metadata.name` to be set';
