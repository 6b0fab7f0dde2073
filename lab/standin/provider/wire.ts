/**
 * Property values on the wire: protobuf `Struct`s in which a map with a signature key stands for
 * what JSON cannot say. Same rules as the engine's `sdk/go/common/resource/plugin/rpc.go`; the
 * signatures are those of `@pulumi/pulumi/runtime/rpc`.
 *
 * Promises: `decode(encode(map))` equals `map`. Never: opens a secret or guesses at an unknown
 * signature (it throws, because a guess would write a broken value into the state).
 */
import structPb from 'google-protobuf/google/protobuf/struct_pb.js';
import type { JavaScriptValue, Struct } from 'google-protobuf/google/protobuf/struct_pb.js';
import {
  Archive,
  Asset,
  isPropertyMap,
  Output,
  type PropertyMap,
  type PropertyValue,
  ResourceReference,
  Secret,
  Unknown,
  unknown,
} from './value.ts';

const signatureKey = '4dabf18193072939515e22adb298388d';
const signature = {
  secret: '1b47061264138c4ac30d75fd1eb44270',
  asset: 'c44067f5952c0a294b673a41bacd8c17',
  archive: '0def7320c3a5731c473e5ecbe6d01bc7',
  resource: '5cf8f73096256a8f31e491e813e4eb8e',
  output: 'd0e6a833031e9bbcd3f4e8bde6ca49a4',
} as const;

/** The engine has one unknown for each type of value; we send the string's, as all SDKs do. */
const unknownString = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
const unknowns: ReadonlySet<string> = new Set([
  unknownString,
  '1c4a061d-8072-4f0a-a4cb-0ff528b18fe7', // bool
  '3eeb2bf0-c639-47a8-9e75-3b44932eb421', // number
  '6a19a0b0-7e62-4c92-b797-7f8e31da9cc2', // array
  '030794c1-ac77-496b-92df-f27374a8bd58', // asset
  'e48ece36-62e2-4504-bad9-02848725956a', // archive
  'dd056dcd-154b-4c76-9bd3-c8f88648b5ff', // object
]);

/** Reads a message's properties; an absent message is an empty map. */
export function decode(struct: Struct | undefined): PropertyMap {
  if (struct === undefined) return {};
  return decodeMap(struct.toJavaScript());
}

/** Writes properties as a message. */
export function encode(map: PropertyMap): Struct {
  return structPb.Struct.fromJavaScript(encodeMap(map));
}

type Json = { readonly [key: string]: JavaScriptValue };

function decodeMap(json: Json): PropertyMap {
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, decodeValue(value)]));
}

function decodeValue(json: JavaScriptValue): PropertyValue {
  if (typeof json === 'string') return unknowns.has(json) ? unknown : json;
  if (Array.isArray(json)) return json.map(decodeValue);
  if (typeof json !== 'object' || json === null) return json;
  const map = json as Json;
  return signatureKey in map ? decodeSigned(map) : decodeMap(map);
}

function decodeSigned(map: Json): PropertyValue {
  const value = map['value'];
  switch (text(map, signatureKey) ?? '') {
    case signature.secret:
      return new Secret(decodeValue(value ?? null));
    case signature.output: {
      const dependencies = (map['dependencies'] ?? []) as readonly string[];
      const known = value === undefined ? undefined : decodeValue(value);
      return new Output(known, map['secret'] === true, dependencies);
    }
    case signature.asset:
      return decodeAsset(map);
    case signature.archive:
      return decodeArchive(map);
    case signature.resource: {
      const id = map['id'];
      return new ResourceReference(
        text(map, 'urn') ?? '',
        id === undefined ? undefined : decodeValue(id),
        text(map, 'packageVersion') ?? '',
      );
    }
    default:
      throw new Error(
        `The engine sent a value with the signature ${JSON.stringify(map[signatureKey])}, which ` +
          'this stand-in does not know. It was written for Pulumi 3.257; look for new signatures ' +
          'in @pulumi/pulumi/runtime/rpc.',
      );
  }
}

function decodeAsset(map: Json): Asset {
  const [content, path, uri] = [text(map, 'text'), text(map, 'path'), text(map, 'uri')];
  const hash = text(map, 'hash');
  if (path) return new Asset({ path }, hash);
  if (uri) return new Asset({ uri }, hash);
  return new Asset({ text: content ?? '' }, hash);
}

function decodeArchive(map: Json): Archive {
  const hash = text(map, 'hash');
  const [path, uri] = [text(map, 'path'), text(map, 'uri')];
  if (path) return new Archive({ path }, hash);
  if (uri) return new Archive({ uri }, hash);
  const assets: Record<string, Asset | Archive> = {};
  for (const [name, value] of Object.entries((map['assets'] ?? {}) as Json)) {
    const part = decodeValue(value);
    if (!(part instanceof Asset) && !(part instanceof Archive)) {
      throw new Error(`The archive's part ${JSON.stringify(name)} is neither asset nor archive.`);
    }
    assets[name] = part;
  }
  return new Archive({ assets }, hash);
}

function text(map: Json, key: string): string | undefined {
  const value = map[key];
  return typeof value === 'string' ? value : undefined;
}

function encodeMap(map: PropertyMap): Record<string, JavaScriptValue> {
  // Callers build maps with spreads; an absent property is simply not sent.
  const present = Object.entries(map).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.map(([key, value]) => [key, encodeValue(value)]));
}

function encodeValue(value: PropertyValue): JavaScriptValue {
  if (value instanceof Unknown) return unknownString;
  if (value instanceof Secret) {
    return { [signatureKey]: signature.secret, value: encodeValue(value.value) };
  }
  if (value instanceof Output) {
    return {
      [signatureKey]: signature.output,
      ...(value.value === undefined ? {} : { value: encodeValue(value.value) }),
      ...(value.secret ? { secret: true } : {}),
      ...(value.dependencies.length === 0 ? {} : { dependencies: [...value.dependencies] }),
    };
  }
  if (value instanceof Asset) return { ...encodeSource(signature.asset, value) };
  if (value instanceof Archive) return encodeArchive(value);
  if (value instanceof ResourceReference) {
    return {
      [signatureKey]: signature.resource,
      urn: value.urn,
      ...(value.id === undefined ? {} : { id: encodeValue(value.id) }),
      ...(value.packageVersion === '' ? {} : { packageVersion: value.packageVersion }),
    };
  }
  if (Array.isArray(value)) return value.map(encodeValue);
  if (isPropertyMap(value)) return encodeMap(value);
  return value as JavaScriptValue;
}

function encodeArchive(archive: Archive): Record<string, JavaScriptValue> {
  if (!('assets' in archive.source)) {
    return encodeSource(signature.archive, { source: archive.source, hash: archive.hash });
  }
  const assets = Object.entries(archive.source.assets).map(([name, part]) => [
    name,
    encodeValue(part),
  ]);
  return {
    [signatureKey]: signature.archive,
    ...(archive.hash === undefined ? {} : { hash: archive.hash }),
    assets: Object.fromEntries(assets),
  };
}

function encodeSource(
  sign: string,
  value: { readonly source: Readonly<Record<string, string>>; readonly hash: string | undefined },
): Record<string, JavaScriptValue> {
  return {
    [signatureKey]: sign,
    ...(value.hash === undefined ? {} : { hash: value.hash }),
    ...value.source,
  };
}
