/** The plugin process `pulumi-resource-kubernetes`: the stand-in for the official provider. */
import { KubernetesProvider } from '../kubernetes/kubernetes-provider.ts';
import { serve } from '../provider/serve.ts';

await serve(new KubernetesProvider(process.env));
