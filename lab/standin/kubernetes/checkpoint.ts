/**
 * What is kept in Pulumi's state for an object: the live object as the outputs that programs read,
 * plus three entries of our own. The shape is the official provider's, so that a stack can go from
 * this stand-in to it and back.
 *
 * Source: pulumi-kubernetes `provider.go` `checkpointObject` and `parseCheckpointObject`.
 */
import { isPropertyMap, type PropertyMap } from '../provider/value.ts';
import { declared, propertyText, withoutProperty } from './inputs.ts';
import type { KubeObject } from './object.ts';
import { markSecrets } from './secrets.ts';

const key = {
  inputs: '__inputs',
  initialApiVersion: '__initialApiVersion',
  fieldManager: '__fieldManager',
} as const;

export interface Checkpoint {
  readonly live: KubeObject;
  /** Inputs with their secret envelopes. */
  readonly inputs: PropertyMap;
  readonly initialApiVersion: string;
  /** The server-side apply manager of the object for the rest of its life. */
  readonly fieldManager: string;
}

export function checkpoint(parts: Checkpoint): PropertyMap {
  return {
    ...markSecrets(parts.live, parts.inputs),
    [key.inputs]: markSecrets(declared(parts.inputs), parts.inputs),
    [key.initialApiVersion]: parts.initialApiVersion,
    [key.fieldManager]: parts.fieldManager,
  };
}

/** The inputs kept in a state, without envelopes; empty when the state has none. */
export function inputsInState(state: PropertyMap): PropertyMap {
  const inputs = declared(state)[key.inputs];
  return isPropertyMap(inputs) ? inputs : {};
}

/** The live object kept in a state, without envelopes and without our own entries. */
export function liveInState(state: PropertyMap): PropertyMap {
  return Object.values(key).reduce((left, name) => withoutProperty(left, [name]), declared(state));
}

/** Empty when the state has none. */
export function fieldManagerInState(state: PropertyMap): string {
  return propertyText(declared(state), key.fieldManager);
}

export function initialApiVersionInState(state: PropertyMap): string {
  return propertyText(declared(state), key.initialApiVersion);
}
