/**
 * The gRPC protocol `pulumirpc.LanguageRuntime` for Node: what the CLI asks of the official
 * `pulumi-language-nodejs`, as far as running programs and policy packs needs it. Code generation
 * (`GenerateProgram` and its sisters) is not part of it and answers "unimplemented".
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { ILanguageRuntimeServer } from '@pulumi/pulumi/proto/language_grpc_pb.js';
import pb from '@pulumi/pulumi/proto/language_pb.js';
import type * as languagePb from '@pulumi/pulumi/proto/language_pb.js';
import pluginPb from '@pulumi/pulumi/proto/plugin_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { PluginProcess } from '../plugin/plugin-process.ts';
import { installedPackages } from './packages.ts';
import { runPlugin, runProgram } from './program.ts';

export function languageService(
  plugin: PluginProcess,
  engineAddress: string,
): ILanguageRuntimeServer {
  return {
    handshake: unary((request: languagePb.LanguageHandshakeRequest) => {
      plugin.engine.connect(request.getEngineAddress());
      return new pb.LanguageHandshakeResponse();
    }),
    getPluginInfo: unary(() => {
      const response = new pluginPb.PluginInfo();
      response.setVersion(sdkVersion());
      return response;
    }),
    getRequiredPlugins: unary((request: languagePb.GetRequiredPluginsRequest) => {
      const response = new pb.GetRequiredPluginsResponse();
      const folder = request.getInfo()?.getProgramDirectory() ?? request.getProgram();
      response.setPluginsList(required(folder, () => new pluginPb.PluginDependency()));
      return response;
    }),
    getRequiredPackages: unary((request: languagePb.GetRequiredPackagesRequest) => {
      const response = new pb.GetRequiredPackagesResponse();
      const folder = request.getInfo()?.getProgramDirectory() ?? '.';
      response.setPackagesList(required(folder, () => new pluginPb.PackageDependency()));
      return response;
    }),
    run: unary(async (request: languagePb.RunRequest) => {
      const result = await runProgram(request, engineAddress, plugin.cancelled);
      const response = new pb.RunResponse();
      if (result.kind === 'reported') response.setBail(true);
      if (result.kind === 'failed') response.setError(result.message);
      return response;
    }),
    cancel: unary(() => {
      plugin.cancel('The update was cancelled.');
      return new emptyPb.Empty();
    }),
    about: unary(() => {
      const response = new pb.AboutResponse();
      response.setExecutable(process.execPath);
      response.setVersion(process.version);
      return response;
    }),
    getProgramDependencies: unary(programDependencies),
    runtimeOptionsPrompts: unary(() => new pb.RuntimeOptionsResponse()),
    template: unary(() => new pb.TemplateResponse()),
    ...streams(plugin),
    generateProgram: unimplemented('GenerateProgram'),
    generateProject: unimplemented('GenerateProject'),
    generatePackage: unimplemented('GeneratePackage'),
    pack: unimplemented('Pack'),
    link: unimplemented('Link'),
  };
}

function streams(
  plugin: PluginProcess,
): Pick<ILanguageRuntimeServer, 'runPlugin' | 'installDependencies'> {
  return {
    runPlugin: (call) => {
      const send = (fill: (response: languagePb.RunPluginResponse) => void) => {
        const response = new pb.RunPluginResponse();
        fill(response);
        call.write(response);
      };
      const abandoned = new AbortController();
      call.on('cancelled', () => abandoned.abort());
      runPlugin(
        call.request,
        {
          stdout: (chunk) => send((response) => response.setStdout(chunk)),
          stderr: (chunk) => send((response) => response.setStderr(chunk)),
        },
        AbortSignal.any([plugin.cancelled, abandoned.signal]),
      ).then(
        (code) => {
          send((response) => response.setExitcode(code));
          call.end();
        },
        (error: unknown) => call.destroy(rpcError(error)),
      );
    },
    installDependencies: (call) => {
      const child = spawn('npm', ['install', '--loglevel=error'], {
        cwd: call.request.getInfo()?.getProgramDirectory() ?? call.request.getDirectory(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const send = (fill: (response: languagePb.InstallDependenciesResponse) => void) => {
        const response = new pb.InstallDependenciesResponse();
        fill(response);
        call.write(response);
      };
      child.stdout.on('data', (chunk: Buffer) => send((response) => response.setStdout(chunk)));
      child.stderr.on('data', (chunk: Buffer) => send((response) => response.setStderr(chunk)));
      child.once('error', (error) => call.destroy(rpcError(error)));
      child.once('close', (code) => {
        if (code === 0) call.end();
        else call.destroy(rpcError(new Error(`npm install ended with code ${code}`)));
      });
    },
  };
}

function programDependencies(
  request: languagePb.GetProgramDependenciesRequest,
): languagePb.GetProgramDependenciesResponse {
  const response = new pb.GetProgramDependenciesResponse();
  const folder = request.getInfo()?.getProgramDirectory() ?? request.getProgram();
  for (const found of installedPackages(folder)) {
    if (!found.direct && !request.getTransitivedependencies()) continue;
    const dependency = new pb.DependencyInfo();
    dependency.setName(found.name);
    dependency.setVersion(found.version);
    response.addDependencies(dependency);
  }
  return response;
}

interface Dependency {
  setName(name: string): unknown;
  setKind(kind: string): unknown;
  setVersion(version: string): unknown;
  setServer(server: string): unknown;
}

function required<Message extends Dependency>(folder: string, make: () => Message): Message[] {
  return installedPackages(folder).flatMap(({ plugin }) => {
    if (plugin === undefined) return [];
    const message = make();
    message.setName(plugin.name);
    message.setKind('resource');
    message.setVersion(plugin.version);
    message.setServer(plugin.server);
    return [message];
  });
}

function sdkVersion(): string {
  const require = createRequire(import.meta.url);
  const manifest = JSON.parse(
    readFileSync(require.resolve('@pulumi/pulumi/package.json'), 'utf8'),
  ) as { readonly version: string };
  return manifest.version;
}

function unary<Request, Response>(
  work: (request: Request) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, done) => {
    const answer = async () => {
      try {
        done(null, await work(call.request));
      } catch (error) {
        done(rpcError(error));
      }
    };
    void answer();
  };
}

function unimplemented<Request, Response>(method: string): handleUnaryCall<Request, Response> {
  return (_call, done) =>
    done({
      code: status.UNIMPLEMENTED,
      message: `${method}: the lab's stand-in for the Node language host runs programs only.`,
    });
}

function rpcError(error: unknown): Error & { readonly code: number } {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message), { code: status.UNKNOWN, details: message });
}
