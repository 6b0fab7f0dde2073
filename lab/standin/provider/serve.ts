/** Runs a provider as the plugin process that the Pulumi engine started. */
import providerGrpc from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import { servePlugin } from '../plugin/plugin-process.ts';
import type { Provider } from './provider.ts';
import { providerService } from './service.ts';

export async function serve(provider: Provider): Promise<void> {
  await servePlugin((server, plugin) => {
    server.addService(providerGrpc.ResourceProviderService, providerService(provider, plugin));
  });
}
