/**
 * The life of a plugin process: listen on a free loopback port, print the port as the only line on
 * standard output, serve until the engine ends it or is itself gone.
 *
 * Promises: when the engine dies, or SIGINT or SIGTERM comes, work in flight is cancelled, gets
 * `shutdownGraceMs` to clean up, and the process ends. Never: outlives its engine.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Engine } from './engine.ts';

export interface PluginProcess {
  readonly engine: Engine;
  /** Aborted by `cancel`, by the engine's death, by SIGINT and SIGTERM. */
  readonly cancelled: AbortSignal;
  /** Asks all work in flight to stop; there is no way back. */
  cancel(reason: string): void;
}

const shutdownGraceMs = 5_000;

/** Where the engine listens: the last argument that is not a flag. */
export function engineAddress(): string | undefined {
  return process.argv.slice(2).findLast((argument) => !argument.startsWith('-'));
}

/**
 * Starts the plugin this process was started as. Without an engine's address (a person at a
 * terminal) messages go to standard error.
 */
export async function servePlugin(
  register: (server: Server, plugin: PluginProcess) => void,
): Promise<void> {
  const engine = new Engine();
  const cancellation = new AbortController();
  const plugin: PluginProcess = {
    engine,
    cancelled: cancellation.signal,
    cancel: (reason) => cancellation.abort(new Error(reason)),
  };
  const server = new Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  register(server, plugin);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });

  const end = (reason: string): void => {
    plugin.cancel(reason);
    server.tryShutdown(() => process.exit(0));
    setTimeout(() => process.exit(1), shutdownGraceMs).unref();
  };
  // The engine ends a plugin with SIGINT to its process group and kills what is left after a while.
  // Ctrl-C at a terminal does not come here: plugins have a group of their own.
  process.on('SIGINT', () => end('The engine asked the plugin to end.'));
  process.on('SIGTERM', () => end('The plugin was asked to end.'));
  engine.gone.addEventListener('abort', () => end('The Pulumi engine has gone.'));

  const address = engineAddress();
  if (address !== undefined) engine.connect(address);
  process.stdout.write(`${port}\n`);
}
