/**
 * Names for objects whose program gave none. Pure: the same request gives the same name, so that
 * preview and update agree.
 *
 * Source: pulumi-kubernetes `provider/pkg/metadata/naming.go`; autonaming configuration of the
 * engine: pulumi `proto/pulumi/provider.proto` `CheckRequest.AutonamingOptions`.
 */
import { createHash } from 'node:crypto';
import type { Autonaming } from '../provider/provider.ts';
import { isPropertyMap, type PropertyMap, Unknown } from '../provider/value.ts';
import { isAutonamed, markAutonamed } from './annotations.ts';
import { propertyAt, propertyText, withProperty } from './inputs.ts';

export interface NamingRequest {
  /** Declared inputs, without secret envelopes. */
  readonly inputs: PropertyMap;
  readonly oldInputs: PropertyMap | undefined;
  /** The resource's name in the program. */
  readonly logicalName: string;
  readonly randomSeed: Uint8Array;
  readonly autonaming: Autonaming | undefined;
}

export type Naming =
  | { readonly outcome: 'named'; readonly inputs: PropertyMap }
  | { readonly outcome: 'refused'; readonly reason: string };

const suffixDigits = 8;

export function named(request: NamingRequest): Naming {
  const { inputs, oldInputs } = request;
  if (!needsName(inputs)) return { outcome: 'named', inputs };
  if (oldInputs !== undefined && Object.keys(oldInputs).length > 0) {
    // A name once made up stays. A name that the program gave and no longer gives is a change of
    // identity: the engine asks again, without old inputs, for the replacement's name.
    const oldName = propertyText(oldInputs, 'metadata', 'name');
    return isAutonamed(oldInputs) ? give(inputs, oldName) : { outcome: 'named', inputs };
  }
  const { autonaming } = request;
  if (autonaming === undefined) return give(inputs, madeUp(request));
  switch (autonaming.mode) {
    case 'disable':
      return {
        outcome: 'refused',
        reason:
          `autonaming is disabled for ${request.logicalName} and the resource has no name. ` +
          'Set metadata.name, or change the setting pulumi:autonaming.',
      };
    case 'propose':
    case 'enforce':
      return give(inputs, autonaming.name);
  }
}

function needsName(inputs: PropertyMap): boolean {
  const metadata = inputs['metadata'];
  // Unknown metadata may hold a name; the update will see it.
  if (metadata instanceof Unknown) return false;
  if (!isPropertyMap(metadata)) return true;
  const isSet = (key: string) => {
    const value = propertyAt(metadata, key);
    return value instanceof Unknown || (typeof value === 'string' && value !== '');
  };
  return !isSet('name') && !isSet('generateName');
}

function give(inputs: PropertyMap, name: string): Naming {
  return {
    outcome: 'named',
    inputs: markAutonamed(withProperty(inputs, ['metadata', 'name'], name)),
  };
}

function madeUp(request: NamingRequest): string {
  const digest = createHash('sha256').update(request.logicalName).update(request.randomSeed);
  return `${request.logicalName}-${digest.digest('hex').slice(0, suffixDigits)}`;
}
