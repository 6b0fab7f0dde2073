/** Stand-in for the official command provider, `pulumi-resource-command`. */
import { commandProvider } from '../command/provider.ts';
import { serve } from '../provider/serve.ts';

await serve(commandProvider);
