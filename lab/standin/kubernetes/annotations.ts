/**
 * The `pulumi.com/*` annotations with which a program tells the provider what to do.
 * Source: pulumi-kubernetes `provider/pkg/metadata/annotations.go` and the provider's
 * documentation.
 */
import type { PropertyMap } from '../provider/value.ts';
import { propertyAt, withProperty } from './inputs.ts';
import { type KubeObject, textAt } from './object.ts';

export const annotation = {
  /** Set by the provider on objects whose name it made up. */
  autonamed: 'pulumi.com/autonamed',
  /** `true`: do not wait for the object to become ready. */
  skipAwait: 'pulumi.com/skipAwait',
  /** A condition to wait for, or a JSON list of them. */
  waitFor: 'pulumi.com/waitFor',
  timeoutSeconds: 'pulumi.com/timeoutSeconds',
  /** `true` on a Job: replace it when it is not complete. */
  replaceUnready: 'pulumi.com/replaceUnready',
  /** `foreground` (default), `background` or `orphan`. */
  deletionPropagationPolicy: 'pulumi.com/deletionPropagationPolicy',
  /** `true`: take fields that another manager owns. */
  patchForce: 'pulumi.com/patchForce',
  patchFieldManager: 'pulumi.com/patchFieldManager',
} as const;

export function annotationOf(object: KubeObject, name: string): string {
  return textAt(object, 'metadata', 'annotations', name);
}

export function isTrue(object: KubeObject, name: string): boolean {
  return annotationOf(object, name).toLowerCase() === 'true';
}

export function isAutonamed(inputs: PropertyMap): boolean {
  return propertyAt(inputs, 'metadata', 'annotations', annotation.autonamed) === 'true';
}

export function markAutonamed(inputs: PropertyMap): PropertyMap {
  return withProperty(inputs, ['metadata', 'annotations', annotation.autonamed], 'true');
}

/**
 * Seconds from `customTimeouts`, which win, or from the annotation; undefined when neither says.
 */
export function timeoutSecondsOf(
  object: KubeObject,
  custom: number | undefined,
): number | undefined {
  if (custom !== undefined) return custom;
  const seconds = Number(annotationOf(object, annotation.timeoutSeconds) || Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

/** What becomes of the objects that this one owns. */
export function propagationPolicy(object: KubeObject): 'Foreground' | 'Background' | 'Orphan' {
  switch (annotationOf(object, annotation.deletionPropagationPolicy).toLowerCase()) {
    case 'background':
      return 'Background';
    case 'orphan':
      return 'Orphan';
    default:
      return 'Foreground';
  }
}
