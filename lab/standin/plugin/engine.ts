/**
 * The engine as a plugin sees it: somewhere to send messages for the screen, and a life to depend
 * on.
 *
 * Promises: messages arrive in the order they were sent; `gone` is aborted within seconds after the
 * engine's process has died, however it died. Never: fails because a message could not be delivered
 * (a plugin must not break over its own logging).
 */
import { connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import enginePb from '@pulumi/pulumi/proto/engine_pb.js';
import engineGrpc from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import type { EngineClient } from '@pulumi/pulumi/proto/engine_grpc_pb.js';

export type Severity = 'debug' | 'info' | 'warning' | 'error';

export interface EngineMessage {
  readonly severity: Severity;
  readonly text: string;
  /** The resource it is about; empty for the whole update. */
  readonly urn: string;
  /** True for a status line that the next one replaces. */
  readonly ephemeral: boolean;
}

const severityCode = {
  debug: enginePb.LogSeverity.DEBUG,
  info: enginePb.LogSeverity.INFO,
  warning: enginePb.LogSeverity.WARNING,
  error: enginePb.LogSeverity.ERROR,
} as const;

const deliveryMs = 5_000;

export class Engine {
  #client: EngineClient | undefined;
  #delivered: Promise<void> = Promise.resolve();
  readonly #gone = new AbortController();

  /** Aborted when the engine's process has ended. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** @param address host:port, as given on the command line, in a handshake or by `Attach` */
  connect(address: string): void {
    if (this.#client !== undefined) return;
    const client = new engineGrpc.EngineClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    this.#client = client;
    this.#watch(client);
  }

  /** Sends a message; it is on its way, in order, when this returns. */
  log(message: EngineMessage): void {
    const client = this.#client;
    if (client === undefined) {
      process.stderr.write(`${message.severity}: ${message.text}\n`);
      return;
    }
    const request = new enginePb.LogRequest();
    request.setSeverity(severityCode[message.severity]);
    request.setMessage(message.text);
    request.setUrn(message.urn);
    request.setEphemeral(message.ephemeral);
    const send = () =>
      new Promise<void>((done) => {
        const deadline = Date.now() + deliveryMs;
        client.log(request, new Metadata(), { deadline }, () => done());
      });
    this.#delivered = this.#delivered.then(send);
  }

  /** Resolves when every message sent so far has been taken by the engine. */
  async flushed(): Promise<void> {
    await this.#delivered;
  }

  /**
   * The kernel closes the engine's sockets when it dies: a broken channel that stays broken is
   * death.
   */
  #watch(client: EngineClient): void {
    const channel = client.getChannel();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
      this.#gone.abort(new Error('The Pulumi engine has gone.'));
      return;
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => this.#watch(client));
  }
}
