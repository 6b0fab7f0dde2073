/**
 * What the API server answers when it refuses, and the questions asked about it. The text of a
 * failure is the server's own message: it names the field and says what is wrong.
 */
import { type KubeObject, listAt, textAt } from './object.ts';

export class ApiFailure extends Error {
  /** The HTTP status code. */
  readonly code: number;
  /** Kubernetes' own word for it, for example `AlreadyExists` or `Invalid`. */
  readonly reason: string;
  readonly status: KubeObject;

  constructor(code: number, status: KubeObject, fallback: string) {
    super(textAt(status, 'message') || fallback);
    this.name = 'ApiFailure';
    this.code = code;
    this.reason = textAt(status, 'reason');
    this.status = status;
  }
}

/**
 * The kind is not served: no such group, version or kind, for example because its CRD is missing.
 */
export class NoSuchKind extends Error {
  constructor(kind: string) {
    super(`no matches for kind ${kind}`);
    this.name = 'NoSuchKind';
  }
}

/** No answer came: refused, reset, timed out, not trusted. */
export class Unreachable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Unreachable';
  }
}

const isFailure =
  (test: (failure: ApiFailure) => boolean) =>
  (error: unknown): boolean =>
    error instanceof ApiFailure && test(error);

export const isNotFound = isFailure((failure) => failure.code === 404);
export const isAlreadyExists = isFailure(
  (failure) => failure.code === 409 && failure.reason === 'AlreadyExists',
);
export const isConflict = isFailure(
  (failure) => failure.code === 409 && failure.reason === 'Conflict',
);
/** Somebody else wrote between the server's own read and write: no field is disputed. */
export const isOvertaken = isFailure(
  (failure) =>
    failure.code === 409 &&
    failure.reason === 'Conflict' &&
    !listAt(failure.status, 'details', 'causes').some(
      (cause) => cause['reason'] === 'FieldManagerConflict',
    ),
);
export const isForbidden = isFailure((failure) => failure.code === 403);
export const isImmutableField = isFailure(
  (failure) => failure.code === 422 && failure.message.includes('field is immutable'),
);
/** Kubernetes keeps a few objects for itself, for example the namespace `default`. */
export const isUndeletable = isFailure(
  (failure) => failure.code === 403 && failure.message.includes('may not be deleted'),
);
/** Admission webhooks with side effects cannot be asked for a dry run. */
export const isDryRunImpossible = isFailure(
  (failure) => failure.code === 400 && failure.message.includes('does not support dry run'),
);

/** The namespace that an object goes into does not exist (yet). */
export function isNamespaceMissing(error: unknown): boolean {
  return (
    error instanceof ApiFailure &&
    error.code === 404 &&
    textAt(error.status, 'details', 'kind') === 'namespaces'
  );
}

/** The fields that a refusal names as required; patches use it to explain themselves. */
export function requiredFields(error: unknown): readonly string[] {
  if (!(error instanceof ApiFailure)) return [];
  return listAt(error.status, 'details', 'causes')
    .filter((cause) => cause['reason'] === 'FieldValueRequired')
    .map((cause) => textAt(cause, 'field'));
}
