/** An engine for one test: takes messages from a plugin and can die. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import engineGrpc from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import type { LogRequest } from '@pulumi/pulumi/proto/engine_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';

export class FakeEngine implements AsyncDisposable {
  readonly messages: LogRequest.AsObject[] = [];
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  static async start(): Promise<FakeEngine> {
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const engine = new FakeEngine(server, `127.0.0.1:${port}`);
    server.addService(engineGrpc.EngineService, {
      log: (
        call: { readonly request: LogRequest },
        done: (error: null, answer: unknown) => void,
      ) => {
        engine.messages.push(call.request.toObject());
        done(null, new emptyPb.Empty());
      },
    });
    return engine;
  }

  /** As a killed process: every connection is cut at once. */
  die(): void {
    this.#server.forceShutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.die();
  }
}
