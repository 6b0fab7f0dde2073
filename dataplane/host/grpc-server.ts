/**
 * A gRPC server on a Unix socket, for the services of a `.proto` file beside this one. Handlers are
 * functions from plain messages to plain messages; a `Refusal` becomes its gRPC status.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  type handleUnaryCall,
  loadPackageDefinition,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { Fault } from '../base/fault.ts';
import { codes, Refusal } from '../csi/refusal.ts';
import type { Log } from '../ports/log.ts';

/** Method names as in the `.proto` file. The loader checks what comes in against its messages. */
type Handlers = Readonly<Record<string, (request: never) => Promise<object>>>;

export interface GrpcService {
  /** File in this folder. */
  readonly proto: 'csi.proto' | 'registration.proto';
  /** With its package: `csi.v1.Identity`. */
  readonly name: string;
  readonly handlers: Handlers;
}

export class GrpcServer {
  readonly #server = new Server();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  async add({ proto, name, handlers }: GrpcService): Promise<void> {
    const definition = await load(path.join(import.meta.dirname, proto), {
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    let found: unknown = loadPackageDefinition(definition);
    for (const part of name.split('.')) found = (found as Record<string, unknown>)[part];
    const { service } = found as ServiceClientConstructor;
    const implementation: UntypedServiceImplementation = {};
    for (const method of Object.keys(service)) {
      const handler = handlers[method];
      if (handler === undefined) continue;
      const serve: handleUnaryCall<never, object> = (call, answer) => {
        void this.#serve(method, handler(call.request), answer);
      };
      // The library's type wants `any`; what comes in was decoded by the method's own message.
      implementation[method] = serve as UntypedHandleCall;
    }
    this.#server.addService(service, implementation);
  }

  /** A socket that was left behind is taken away; nobody but root may connect. */
  async listen(socket: string): Promise<void> {
    await mkdir(path.dirname(socket), { recursive: true });
    await rm(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(new Fault('input.invalid', `${socket}: ${error.message}`, { cause: error }));
      });
    });
    await chmod(socket, 0o600);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => {
        resolve();
      });
    });
  }

  async #serve(
    method: string,
    work: Promise<object>,
    answer: sendUnaryData<object>,
  ): Promise<void> {
    try {
      answer(null, await work);
    } catch (error) {
      if (error instanceof Refusal) {
        this.#log.info(`${method} refused`, { code: error.code, why: error.message });
        answer({ code: codes[error.code], details: error.message });
      } else if (error instanceof Fault) {
        this.#log.warn(`${method} failed`, { code: error.code, why: error.message });
        answer({ code: status.UNAVAILABLE, details: error.message });
      } else {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#log.warn(`${method} is broken`, { why: text });
        answer({ code: status.INTERNAL, details: String(error) });
      }
    }
  }
}
