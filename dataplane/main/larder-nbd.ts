/**
 * The offline tool, for the day everything else is gone: `node dataplane/main/larder-nbd.ts`.
 * Looks at one store, checks it, serves it read-only over NBD, or copies it out and in, without
 * Kubernetes, record or engine. Everything but `import` leaves the store as it is, to the byte
 * (docs/runbooks/everything-else-is-gone.md).
 */
import { parseArgs } from 'node:util';
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { HostRandom } from '../host/random.ts';
import { exitCode, exportImage, importImage, inspect, serve, verify } from './offline.ts';

const help = `larder-nbd: looks at one copy of a Larder volume without anything else of Larder.

  larder-nbd inspect <store> [--json]                what the copy says about itself
  larder-nbd verify <store> [--snapshot <name>] [--json]
                                                     compares every block with its checksum
  larder-nbd serve <store> --socket <path> [--snapshot <name>]
                                                     serves it read-only over NBD until Ctrl-C
  larder-nbd serve <store> --port <number> [--snapshot <name>]
                                                     the same on 127.0.0.1 (0 takes a free port)
  larder-nbd export <store> <file> [--snapshot <name>] [--force] [--skip-corrupt]
                                                     writes its bytes to a raw, sparse image
  larder-nbd import <file> <directory> --volume <name> --member <name> [--lineage <name>]
                                                     makes a new store from a raw image

<store> is the directory of one replica. No command but import writes to it, not even one that was
stopped without warning; a read-only mount is enough. Stop the replica server that uses it first.

Exit codes: 0 done; 1 it could not be done, and why stands on standard error; 2 wrong usage;
3 done, and corrupt blocks were found; 130 interrupted.
`;

const options = {
  help: { type: 'boolean', short: 'h', default: false },
  json: { type: 'boolean', default: false },
  force: { type: 'boolean', default: false },
  'skip-corrupt': { type: 'boolean', default: false },
  socket: { type: 'string' },
  port: { type: 'string' },
  volume: { type: 'string' },
  member: { type: 'string' },
  lineage: { type: 'string' },
  snapshot: { type: 'string' },
} as const;

/** Which options each command takes; any other one is a mistake worth telling. */
const known: Readonly<Record<string, readonly (keyof typeof options)[]>> = {
  inspect: ['json'],
  verify: ['snapshot', 'json'],
  serve: ['snapshot', 'socket', 'port'],
  export: ['snapshot', 'force', 'skip-corrupt'],
  import: ['volume', 'member', 'lineage'],
};

/** Wrong usage: told with the help at hand. */
class Misuse extends Error {}

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parsed(args);
  const [command, first, second, ...rest] = positionals;
  if (values.help || command === undefined || command === 'help') {
    process.stdout.write(help);
    return command === undefined && !values.help ? exitCode.usage : exitCode.done;
  }
  const allowed = known[command];
  if (allowed === undefined) throw new Misuse(`There is no command "${command}".`);
  const strange = Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name]) => name)
    .filter((name) => !allowed.some((other) => other === name));
  if (strange.length > 0) throw new Misuse(`${command} does not take --${strange.join(', --')}.`);
  const takes = command === 'export' || command === 'import' ? 2 : 1;
  const found = [first, second, ...rest].filter((word) => word !== undefined);
  if (found.length !== takes || first === undefined) {
    throw new Misuse(
      `${command} takes ${takes === 1 ? 'one path' : 'two paths'}; got ${found.length}.`,
    );
  }
  const { json, snapshot } = values;
  const source = { directory: first, snapshot };
  switch (command) {
    case 'inspect':
      return inspect({ directory: first, json });
    case 'verify':
      return verify({ ...source, json }, signal);
    case 'serve':
      return serve({ ...source, address: addressOf(values) }, signal);
    case 'export': {
      const { force, 'skip-corrupt': skipCorrupt } = values;
      return exportImage({ ...source, file: second ?? '', force, skipCorrupt }, signal);
    }
    default: {
      const volume = named('volume', values.volume);
      const member = named('member', values.member);
      const lineage = named('lineage', values.lineage ?? new HostRandom().token());
      const names = { volume, member, lineage };
      return importImage({ file: first, directory: second ?? '', ...names }, signal);
    }
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new Misuse((error as Error).message);
  }
}

function addressOf(values: { socket?: string | undefined; port?: string | undefined }) {
  const { socket, port } = values;
  if ((socket === undefined) === (port === undefined)) {
    throw new Misuse('serve takes either --socket or --port.');
  }
  if (socket !== undefined) return { path: socket };
  const number = Number(port);
  if (port === '' || !Number.isInteger(number) || number < 0 || number > 65535) {
    throw new Misuse(`--port is a number from 0 to 65535; got "${port}".`);
  }
  return { port: number };
}

function named(what: string, value: string | undefined): string {
  if (value === undefined) throw new Misuse(`import needs --${what}.`);
  if (value.length <= limits.idBytesMax && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new Misuse(
    `--${what} is 1 to ${limits.idBytesMax} printable ASCII characters without blanks; got "${value}".`,
  );
}

function explain(error: unknown): number {
  if (error instanceof Misuse) {
    process.stderr.write(`${error.message}\n\n${help}`);
    return exitCode.usage;
  }
  if (!(error instanceof Fault)) throw error;
  const hint = error.hint === '' ? '' : `\n\n  What to do: ${error.hint}`;
  process.stderr.write(`${error.message}${hint}\n`);
  return exitCode.failed;
}

const interrupted = new AbortController();
let signalCode = 0;
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(name, () => {
    signalCode = code;
    interrupted.abort();
  });
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  if (interrupted.signal.aborted && error === interrupted.signal.reason) {
    process.stderr.write('Interrupted.\n');
    process.exitCode = signalCode;
  } else {
    process.exitCode = explain(error);
  }
}
