import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as pulumi from '@pulumi/pulumi';
import rpc from '@pulumi/pulumi/runtime/rpc.js';
import structPb from 'google-protobuf/google/protobuf/struct_pb.js';
import {
  Archive,
  Asset,
  hasSecret,
  hasUnknown,
  Output,
  type PropertyValue,
  ResourceReference,
  reveal,
  Secret,
  unknown,
} from '../../../lab/standin/provider/value.ts';
import { decode, encode } from '../../../lab/standin/provider/wire.ts';

const source = fc.oneof(
  fc.string({ minLength: 1 }).map((path) => ({ path })),
  fc.webUrl().map((uri) => ({ uri })),
);
const asset = fc
  .tuple(
    fc.oneof(
      source,
      fc.string().map((text) => ({ text })),
    ),
    fc.option(fc.string(), { nil: undefined }),
  )
  .map(([from, hash]) => new Asset(from, hash));
/** Without `__proto__`, which no JSON map of Pulumi's can hold either. */
const key = fc.string().filter((text) => text !== '__proto__');

const plain = { noNullPrototype: true };

const { value } = fc.letrec<{ value: PropertyValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.constantFrom(null, true, false, unknown),
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      asset,
      source.map((from) => new Archive(from)),
    ),
    tie('value').map((inner) => new Secret(inner)),
    fc
      .tuple(fc.option(tie('value'), { nil: undefined }), fc.boolean(), fc.array(fc.string()))
      .map(([inner, secret, urns]) => new Output(inner, secret, urns)),
    fc.dictionary(key, asset, plain).map((assets) => new Archive({ assets }, 'hash')),
    fc.tuple(fc.string(), tie('value')).map(([urn, id]) => new ResourceReference(urn, id, '1.0.0')),
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), plain),
  ),
}));

describe('property wire format', () => {
  it('gives back every value as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(key, value, plain), (map) => {
        // Through the bytes, as between two processes.
        const bytes = encode(map).serializeBinary();
        assert.deepEqual(decode(structPb.Struct.deserializeBinary(bytes)), map);
      }),
    );
  });

  it('reads what the SDK writes', async () => {
    const sent = await rpc.serializeProperties('test', {
      text: new pulumi.asset.StringAsset('hello'),
      file: new pulumi.asset.FileAsset('shelf.txt'),
      folder: new pulumi.asset.FileArchive('shelf'),
      several: new pulumi.asset.AssetArchive({ one: new pulumi.asset.StringAsset('1') }),
      plain: { deep: [1, 'two', null, true] },
    });
    assert.deepEqual(decode(structPb.Struct.fromJavaScript(sent)), {
      text: new Asset({ text: 'hello' }),
      file: new Asset({ path: 'shelf.txt' }),
      folder: new Archive({ path: 'shelf' }),
      several: new Archive({ assets: { one: new Asset({ text: '1' }) } }),
      plain: { deep: [1, 'two', null, true] },
    });
  });

  it('writes what the SDK reads', () => {
    const read = rpc.deserializeProperties(
      encode({
        word: new Secret('sesame'),
        file: new Asset({ path: 'shelf.txt' }),
        folder: new Archive({ assets: { one: new Asset({ text: '1' }) } }),
      }),
      true,
    ) as Record<string, unknown>;
    assert.ok(rpc.isRpcSecret(read['word']));
    assert.equal(rpc.unwrapRpcSecret(read['word']), 'sesame');
    assert.equal(encode({ later: unknown }).toJavaScript()['later'], rpc.unknownValue);
    assert.ok(read['file'] instanceof pulumi.asset.FileAsset);
    assert.ok(read['folder'] instanceof pulumi.asset.AssetArchive);
  });

  it('takes the unknown of every type for unknown', () => {
    const bool = '1c4a061d-8072-4f0a-a4cb-0ff528b18fe7';
    assert.equal(decode(structPb.Struct.fromJavaScript({ flag: bool }))['flag'], unknown);
  });

  it('refuses a signature it does not know rather than passing it on as data', () => {
    const strange = { value: { '4dabf18193072939515e22adb298388d': 'new', value: 1 } };
    assert.throws(() => decode(structPb.Struct.fromJavaScript(strange)), /signature "new"/);
  });
});

describe('property value', () => {
  it('knows what is secret or unknown at any depth', () => {
    const sealed = { list: [{ word: new Secret('x') }] };
    assert.ok(hasSecret(sealed));
    assert.ok(!hasSecret({ list: ['x'] }));
    assert.ok(hasUnknown([new Secret(unknown)]));
    assert.ok(hasUnknown(new Output(undefined, false)));
    assert.ok(!hasUnknown(new Output('known', true)));
  });

  it('opens envelopes at every depth and keeps what is unknown', () => {
    const value: PropertyValue = { a: [new Secret({ b: new Output('c', true) })], d: unknown };
    assert.deepEqual(reveal(value), { a: [{ b: 'c' }], d: unknown });
  });
});
