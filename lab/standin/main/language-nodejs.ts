/** Stand-in for the official Node language host, `pulumi-language-nodejs`. */
import languageGrpc from '@pulumi/pulumi/proto/language_grpc_pb.js';
import { languageService } from '../language/service.ts';
import { engineAddress, servePlugin } from '../plugin/plugin-process.ts';

await servePlugin((server, plugin) => {
  const service = languageService(plugin, engineAddress() ?? '');
  server.addService(languageGrpc.LanguageRuntimeService, service);
});
