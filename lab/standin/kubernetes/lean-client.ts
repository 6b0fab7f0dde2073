/**
 * Makes the Kubernetes client's kubeconfig reader cheap to load, for a process that starts with
 * every Pulumi command. The reader pulls in the client's generated models and an HTTP library, two
 * thousand files for one function that is never called here (requests are our own,
 * api-client.ts); they are three quarters of the plugin's start.
 *
 * Promises: what this process uses of the reader (parsing, contexts, `applyToHTTPSOptions`) is the
 * library's own code. When a version of the library is laid out otherwise, nothing is spared and
 * everything works. Never: in the program or the data plane, which use the whole client.
 */
import { registerHooks } from 'node:module';

const reader = /\/@kubernetes\/client-node\/dist\/config\.js$/;
/** The reader's imports that only its `makeApiClient` needs, with the names it takes from them. */
const spared: Readonly<Record<string, readonly string[]>> = {
  './gen/index.js': ['createConfiguration', 'ServerConfiguration'],
  undici: ['Agent', 'ProxyAgent'],
};

/** Call before anything imports the reader. */
export function spareUnusedClient(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const names = reader.test(context.parentURL ?? '') ? spared[specifier] : undefined;
      if (names === undefined) return next(specifier, context);
      const why = `${specifier} was spared (lab/standin/kubernetes/lean-client.ts)`;
      const text = names
        .map((name) => `export function ${name}() { throw new Error(${JSON.stringify(why)}); }`)
        .join('\n');
      return { url: `data:text/javascript,${encodeURIComponent(text)}`, shortCircuit: true };
    },
  });
}
