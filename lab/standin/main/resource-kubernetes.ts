/** The plugin process `pulumi-resource-kubernetes`: the stand-in for the official provider. */
import { spareUnusedClient } from '../kubernetes/lean-client.ts';
import { serve } from '../provider/serve.ts';

spareUnusedClient();
const { KubernetesProvider } = await import('../kubernetes/kubernetes-provider.ts');
await serve(new KubernetesProvider(process.env));
