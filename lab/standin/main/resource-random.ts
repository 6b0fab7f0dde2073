/** Stand-in for the official random provider, `pulumi-resource-random`. */
import { serve } from '../provider/serve.ts';
import { randomProvider } from '../random/provider.ts';

await serve(randomProvider);
