/**
 * The gRPC protocol `pulumirpc.ResourceProvider` around a `Provider`: reads requests, calls the
 * plain method, writes the response. Tested through the real CLI (test/engine) and a gRPC client
 * (test/unit).
 */
import type { handleUnaryCall } from '@grpc/grpc-js';
import pluginPb from '@pulumi/pulumi/proto/plugin_pb.js';
import type { IResourceProviderServer } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import pb from '@pulumi/pulumi/proto/provider_pb.js';
import type * as providerPb from '@pulumi/pulumi/proto/provider_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { PluginProcess } from '../plugin/plugin-process.ts';
import { toServiceError, Unimplemented } from './fault.ts';
import {
  checkFailure,
  checkRequest,
  checkResponse,
  diffRequest,
  diffResponse,
  identity,
  positive,
} from './messages.ts';
import type { CallContext, Provider } from './provider.ts';
import { decode, encode } from './wire.ts';

export function providerService(
  provider: Provider,
  plugin: PluginProcess,
): IResourceProviderServer {
  const unary = unaryOf(plugin);
  const lifecycle = lifecycleOf(provider, plugin, unary);
  const resources = resourcesOf(provider, unary);
  return {
    ...lifecycle,
    ...resources,
    call: unary(() => {
      throw new Unimplemented(`The ${provider.name} stand-in has no methods to call.`);
    }),
    construct: unary((request: providerPb.ConstructRequest) => {
      const type = request.getType();
      throw new Unimplemented(provider.refuseComponent?.(type) ?? `unknown component type ${type}`);
    }),
    list: (call) => {
      call.destroy(
        Object.assign(
          new Error('list is not implemented'),
          toServiceError(new Unimplemented(`The ${provider.name} stand-in cannot list resources.`)),
        ),
      );
    },
  };
}

type Unary = ReturnType<typeof unaryOf>;

/**
 * Wraps a plain async function as a gRPC handler with a context, cancellation and error mapping.
 */
function unaryOf(plugin: PluginProcess) {
  return <Request, Response>(
    work: (request: Request, context: CallContext) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> =>
    (call, done) => {
      const urn = urnOf(call.request);
      const abandoned = new AbortController();
      call.on('cancelled', () => abandoned.abort(new Error('The engine gave up this call.')));
      const context: CallContext = {
        signal: AbortSignal.any([plugin.cancelled, abandoned.signal]),
        log: (severity, text) => plugin.engine.log({ severity, text, urn, ephemeral: false }),
        status: (text) => plugin.engine.log({ severity: 'info', text, urn, ephemeral: true }),
      };
      const answer = async () => {
        try {
          const response = await work(call.request, context);
          await plugin.engine.flushed();
          done(null, response);
        } catch (error) {
          await plugin.engine.flushed();
          done(toServiceError(error));
        }
      };
      void answer();
    };
}

function urnOf(request: unknown): string {
  const message = request as { getUrn?: () => string };
  return message.getUrn?.() ?? '';
}

function lifecycleOf(provider: Provider, plugin: PluginProcess, unary: Unary) {
  return {
    handshake: unary((request: providerPb.ProviderHandshakeRequest) => {
      plugin.engine.connect(request.getEngineAddress());
      const response = new pb.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    configure: unary(async (request: providerPb.ConfigureRequest, context) => {
      await provider.configure?.({ inputs: decode(request.getArgs()) }, context);
      const response = new pb.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    checkConfig: unary(async (request: providerPb.CheckRequest, context) => {
      const query = checkRequest(request);
      return checkResponse(
        provider.checkConfig === undefined
          ? { inputs: query.inputs }
          : await provider.checkConfig(query, context),
      );
    }),
    diffConfig: unary(async (request: providerPb.DiffRequest, context) => {
      if (provider.diffConfig === undefined) throw new Unimplemented('DiffConfig');
      return diffResponse(await provider.diffConfig(diffRequest(request), context));
    }),
    getPluginInfo: unary(() => {
      const response = new pluginPb.PluginInfo();
      response.setVersion(provider.version);
      return response;
    }),
    getSchema: unary(() => {
      const response = new pb.GetSchemaResponse();
      const { name, version } = provider;
      response.setSchema(provider.schema?.() ?? JSON.stringify({ name, version }));
      return response;
    }),
    attach: unary((request: pluginPb.PluginAttach) => {
      plugin.engine.connect(request.getAddress());
      return new emptyPb.Empty();
    }),
    cancel: unary(() => {
      plugin.cancel('The update was cancelled.');
      return new emptyPb.Empty();
    }),
    parameterize: unary((): providerPb.ParameterizeResponse => {
      throw new Unimplemented(`The ${provider.name} stand-in cannot be parameterized.`);
    }),
    // Only `pulumi convert` asks; empty answers mean "no mapping", as the protocol has it.
    getMapping: unary(() => new pb.GetMappingResponse()),
    getMappings: unary(() => new pb.GetMappingsResponse()),
  };
}

function resourcesOf(provider: Provider, unary: Unary) {
  return {
    check: unary(async (request: providerPb.CheckRequest, context) =>
      checkResponse(await provider.check(checkRequest(request), context)),
    ),
    diff: unary(async (request: providerPb.DiffRequest, context) =>
      diffResponse(await provider.diff(diffRequest(request), context)),
    ),
    create: unary(async (request: providerPb.CreateRequest, context) => {
      const result = await provider.create(
        {
          ...identity(request),
          inputs: decode(request.getProperties()),
          preview: request.getPreview(),
          timeoutSeconds: positive(request.getTimeout()),
        },
        context,
      );
      const response = new pb.CreateResponse();
      response.setId(result.id);
      response.setProperties(encode(result.outputs));
      return response;
    }),
    read: unary((request: providerPb.ReadRequest, context) => read(provider, request, context)),
    update: unary(async (request: providerPb.UpdateRequest, context) => {
      const outputs = await provider.update(
        {
          ...identity(request),
          id: request.getId(),
          oldInputs: decode(request.getOldInputs()),
          oldState: decode(request.getOlds()),
          inputs: decode(request.getNews()),
          ignoreChanges: request.getIgnorechangesList(),
          preview: request.getPreview(),
          timeoutSeconds: positive(request.getTimeout()),
        },
        context,
      );
      const response = new pb.UpdateResponse();
      response.setProperties(encode(outputs));
      return response;
    }),
    delete: unary(async (request: providerPb.DeleteRequest, context) => {
      await provider.delete(
        {
          ...identity(request),
          id: request.getId(),
          oldInputs: decode(request.getOldInputs()),
          state: decode(request.getProperties()),
          timeoutSeconds: positive(request.getTimeout()),
        },
        context,
      );
      return new emptyPb.Empty();
    }),
    invoke: unary(async (request: providerPb.InvokeRequest, context) => {
      const token = request.getTok();
      if (provider.invoke === undefined) throw new Error(`unknown function ${token}`);
      const { result, failures } = await provider.invoke(
        { token, args: decode(request.getArgs()), preview: request.getPreview() },
        context,
      );
      const response = new pb.InvokeResponse();
      response.setReturn(encode(result));
      response.setFailuresList((failures ?? []).map(checkFailure));
      return response;
    }),
  };
}

async function read(
  provider: Provider,
  request: providerPb.ReadRequest,
  context: CallContext,
): Promise<providerPb.ReadResponse> {
  const response = new pb.ReadResponse();
  const [id, state] = [request.getId(), decode(request.getProperties())];
  const inputs = decode(request.getInputs());
  const found =
    provider.read === undefined
      ? { id, outputs: state, inputs }
      : await provider.read(
          {
            ...identity(request),
            id,
            state,
            inputs,
            timeoutSeconds: positive(request.getTimeout()),
          },
          context,
        );
  // An answer without an id is how the protocol says "it no longer exists".
  if (found === undefined) return response;
  response.setId(found.id);
  response.setProperties(encode(found.outputs));
  response.setInputs(encode(found.inputs));
  return response;
}
