import assert from 'node:assert/strict';
import { credentials, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import type { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb.js';
import providerGrpc from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import pb from '@pulumi/pulumi/proto/provider_pb.js';
import type {
  CallResponse,
  ConstructResponse,
  CreateResponse,
  DiffResponse,
  GetSchemaResponse,
  InvokeResponse,
  ParameterizeResponse,
  ProviderHandshakeResponse,
  ReadResponse,
} from '@pulumi/pulumi/proto/provider_pb.js';
import statusPb from '@pulumi/pulumi/proto/status_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Empty } from 'google-protobuf/google/protobuf/empty_pb.js';
import { Engine } from '../../../lab/standin/plugin/engine.ts';
import {
  type CallContext,
  type CreateRequest,
  InitializationFailed,
  type Provider,
} from '../../../lab/standin/provider/provider.ts';
import { providerService } from '../../../lab/standin/provider/service.ts';
import { Secret, unknown } from '../../../lab/standin/provider/value.ts';
import { decode, encode } from '../../../lab/standin/provider/wire.ts';
import { FakeEngine } from './fake-engine.ts';

const urn = 'urn:pulumi:dev::test::shelf:index:Board::left';

/** A provider that does nothing, with methods replaced by the test. */
function shelf(methods: Partial<Provider>): Provider {
  return {
    name: 'shelf',
    version: '1.0.0',
    check: async ({ inputs }) => ({ inputs }),
    diff: async () => ({ changes: 'none' }),
    create: async ({ inputs }) => ({ id: 'board', outputs: inputs }),
    update: async ({ inputs }) => inputs,
    delete: async () => {},
    ...methods,
  };
}

class Served implements AsyncDisposable {
  readonly client: InstanceType<typeof providerGrpc.ResourceProviderClient>;
  readonly engine: FakeEngine;
  readonly #server: Server;

  private constructor(server: Server, port: number, engine: FakeEngine) {
    this.#server = server;
    this.engine = engine;
    const address = `127.0.0.1:${port}`;
    this.client = new providerGrpc.ResourceProviderClient(address, credentials.createInsecure());
  }

  static async start(methods: Partial<Provider>): Promise<Served> {
    const fake = await FakeEngine.start();
    const engine = new Engine();
    engine.connect(fake.address);
    const cancellation = new AbortController();
    const plugin = {
      engine,
      cancelled: cancellation.signal,
      cancel: (reason: string) => cancellation.abort(new Error(reason)),
    };
    const server = new Server();
    const service = providerService(shelf(methods), plugin);
    server.addService(providerGrpc.ResourceProviderService, service);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return new Served(server, port, fake);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#server.forceShutdown();
    await this.engine[Symbol.asyncDispose]();
  }
}

function createRequest(): InstanceType<typeof pb.CreateRequest> {
  const request = new pb.CreateRequest();
  request.setUrn(urn);
  request.setType('shelf:index:Board');
  request.setName('left');
  return request;
}

type Done<Response> = (error: ServiceError | null, response: Response) => void;

/** One call as a promise; a failure rejects with the `ServiceError`. */
function answer<Response>(call: (done: Done<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

describe('provider service', () => {
  it('hands secrets, unknowns, preview and timeout on, and the outputs back', async () => {
    let got: CreateRequest | undefined;
    await using served = await Served.start({
      create: async (request) => {
        got = request;
        return { id: 'board', outputs: { word: new Secret('x'), later: unknown } };
      },
    });
    const request = createRequest();
    request.setProperties(encode({ word: new Secret('x'), later: unknown }));
    request.setPreview(true);
    request.setTimeout(7);
    const response = await answer<CreateResponse>((done) => served.client.create(request, done));
    assert.deepEqual(got, {
      urn,
      type: 'shelf:index:Board',
      name: 'left',
      inputs: { word: new Secret('x'), later: unknown },
      preview: true,
      timeoutSeconds: 7,
    });
    assert.equal(response.getId(), 'board');
    assert.deepEqual(decode(response.getProperties()), { word: new Secret('x'), later: unknown });
  });

  it('tells the engine what was made although it failed', async () => {
    await using served = await Served.start({
      create: async () => {
        throw new InitializationFailed('the board wobbles', {
          id: 'board',
          outputs: { height: 3 },
          inputs: { height: 4 },
          reasons: ['one screw is missing'],
        });
      },
    });
    const error: ServiceError = await answer<CreateResponse>((done) =>
      served.client.create(createRequest(), done),
    ).then(
      () => assert.fail('create succeeded'),
      (thrown: ServiceError) => thrown,
    );
    assert.equal(error.details, 'the board wobbles');
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    assert.ok(Buffer.isBuffer(bytes));
    const [any] = statusPb.Status.deserializeBinary(bytes).getDetailsList();
    assert.equal(any?.getTypeName(), 'pulumirpc.ErrorResourceInitFailed');
    const detail = pb.ErrorResourceInitFailed.deserializeBinary(any?.getValue_asU8() ?? bytes);
    assert.equal(detail.getId(), 'board');
    assert.deepEqual(decode(detail.getProperties()), { height: 3 });
    assert.deepEqual(decode(detail.getInputs()), { height: 4 });
    assert.deepEqual(detail.getReasonsList(), ['one screw is missing']);
  });

  it('shows messages before the answer, in order and on the right resource', async () => {
    const talk = (context: CallContext) => {
      context.status('sawing');
      context.log('warning', 'the board is short');
    };
    await using served = await Served.start({
      create: async ({ inputs }, context) => {
        talk(context);
        return { id: 'board', outputs: inputs };
      },
    });
    await answer<CreateResponse>((done) => served.client.create(createRequest(), done));
    const seen = served.engine.messages;
    assert.deepEqual(
      seen.map(({ message, ephemeral, severity }) => ({ message, ephemeral, severity })),
      [
        { message: 'sawing', ephemeral: true, severity: 1 },
        { message: 'the board is short', ephemeral: false, severity: 2 },
      ],
    );
    assert.deepEqual([...new Set(seen.map((message) => message.urn))], [urn]);
  });

  it('aborts what runs when the engine cancels', async () => {
    const begun = Promise.withResolvers<void>();
    await using served = await Served.start({
      create: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          begun.resolve();
        }),
    });
    const create = answer<CreateResponse>((done) => served.client.create(createRequest(), done));
    const cancelled = assert.rejects(create, /The update was cancelled/);
    await begun.promise;
    await answer<Empty>((done) => served.client.cancel(new emptyPb.Empty(), done));
    await cancelled;
  });

  it('answers "unimplemented" to what a provider does not offer', async () => {
    await using served = await Served.start({ refuseComponent: (type) => `no ${type} here` });
    const construct = new pb.ConstructRequest();
    construct.setType('shelf:index:Wall');
    const is = (text: RegExp) => (error: ServiceError) =>
      error.code === status.UNIMPLEMENTED && text.test(error.details);
    const { client } = served;
    await assert.rejects(
      answer<ConstructResponse>((done) => client.construct(construct, done)),
      is(/no shelf:index:Wall here/),
    );
    await assert.rejects(
      answer<CallResponse>((done) => client.call(new pb.CallRequest(), done)),
      is(/shelf/),
    );
    await assert.rejects(
      answer<ParameterizeResponse>((done) =>
        client.parameterize(new pb.ParameterizeRequest(), done),
      ),
      is(/shelf/),
    );
    await assert.rejects(
      answer<DiffResponse>((done) => client.diffConfig(new pb.DiffRequest(), done)),
      is(/DiffConfig/),
    );
    await assert.rejects(
      answer<InvokeResponse>((done) => client.invoke(new pb.InvokeRequest(), done)),
      (error: ServiceError) => error.code === status.UNKNOWN,
    );
  });

  it('says that an object is gone by an empty id, and believes the state without read', async () => {
    await using gone = await Served.start({ read: async () => undefined });
    const request = new pb.ReadRequest();
    request.setId('board');
    request.setProperties(encode({ height: 3 }));
    assert.equal(
      (await answer<ReadResponse>((done) => gone.client.read(request, done))).getId(),
      '',
    );

    await using believing = await Served.start({});
    const response = await answer<ReadResponse>((done) => believing.client.read(request, done));
    assert.equal(response.getId(), 'board');
    assert.deepEqual(decode(response.getProperties()), { height: 3 });
  });

  it('writes differences with their paths and kinds', async () => {
    await using served = await Served.start({
      diff: async ({ oldInputs }) => ({
        changes: 'some',
        replaces: ['height'],
        changed: ['height'],
        deleteBeforeReplace: oldInputs['name'] === 'fixed',
        detailed: new Map([['height', { kind: 'update-replace', inputDiff: true }]]),
      }),
    });
    const request = new pb.DiffRequest();
    request.setOlds(encode({ name: 'made' }));
    request.setOldInputs(encode({ name: 'fixed' }));
    const response = await answer<DiffResponse>((done) => served.client.diff(request, done));
    assert.equal(response.getChanges(), pb.DiffResponse.DiffChanges.DIFF_SOME);
    assert.ok(response.getDeletebeforereplace(), 'the old inputs, not the old state, are compared');
    assert.ok(response.getHasdetaileddiff());
    assert.deepEqual(response.getReplacesList(), ['height']);
    const detail = response.getDetaileddiffMap().get('height');
    assert.equal(detail?.getKind(), pb.PropertyDiff.Kind.UPDATE_REPLACE);
    assert.equal(detail?.getInputdiff(), true);
  });

  it('introduces itself', async () => {
    await using served = await Served.start({});
    const handshake = await answer<ProviderHandshakeResponse>((done) =>
      served.client.handshake(new pb.ProviderHandshakeRequest(), done),
    );
    assert.ok(handshake.getAcceptSecrets());
    const info = await answer<PluginInfo>((done) =>
      served.client.getPluginInfo(new emptyPb.Empty(), done),
    );
    assert.equal(info.getVersion(), '1.0.0');
    const schema = await answer<GetSchemaResponse>((done) =>
      served.client.getSchema(new pb.GetSchemaRequest(), done),
    );
    assert.deepEqual(JSON.parse(schema.getSchema()), { name: 'shelf', version: '1.0.0' });
  });
});
