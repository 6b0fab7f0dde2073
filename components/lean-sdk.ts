/**
 * Loaded before Pulumi's SDK (`nodeargs` in Pulumi.yaml): the two packages that the SDK imports for
 * serialising functions, a TypeScript compiler and npm's own tree reader, are loaded when somebody
 * uses them. This program never does; they are two thirds of the SDK's start and 40 MiB (decision
 * 0211).
 *
 * Promises: whoever uses them gets the packages themselves. Where the SDK imports them from
 * elsewhere, nothing is spared and everything works. Never: changes what a module exports.
 */
import { registerHooks } from 'node:module';

/** Package, and the one module of the SDK that imports it. */
const importers: Readonly<Record<string, RegExp>> = {
  '@npmcli/arborist': /\/@pulumi\/pulumi\/runtime\/closure\/codePaths\.js$/,
  typescript: /\/@pulumi\/pulumi\/typescript-shim\.js$/,
};

/** Another name than the package's own file: under one name they would be one module. */
const suffix = '.when-used.cjs';

registerHooks({
  resolve(specifier, context, next) {
    const importer = importers[specifier];
    const isSpared = importer?.test(context.parentURL ?? '') === true;
    const resolved = next(specifier, context);
    if (!isSpared) return resolved;
    return { url: `${resolved.url}${suffix}`, format: 'commonjs', shortCircuit: true };
  },
  load(url, context, next) {
    if (!url.endsWith(suffix)) return next(url, context);
    return {
      format: 'commonjs',
      shortCircuit: true,
      source: whenUsed(url.slice(0, -suffix.length)),
    };
  },
});

/** A module that stands for another one, and loads it at the first look into it. */
function whenUsed(url: string): string {
  return `
    const { createRequire } = require('node:module');
    let loaded;
    const load = () => (loaded ??= createRequire(${JSON.stringify(url)})(
      require('node:url').fileURLToPath(${JSON.stringify(url)}),
    ));
    module.exports = new Proxy({}, {
      // Asked by the importing module; an answer keeps it from copying every name.
      get: (_, name) => (name === '__esModule' ? true : load()[name]),
      has: (_, name) => name in load(),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, name) => {
        const found = Object.getOwnPropertyDescriptor(load(), name);
        return found && { ...found, configurable: true };
      },
    });
  `;
}
