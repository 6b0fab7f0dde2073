/**
 * Stand-in for the official command provider, 1.2.1. Commands on this machine only: what needs SSH
 * is refused in `check`, so that already the preview says so.
 */
import type { CheckFailure, Provider } from '../provider/provider.ts';
import { packageSchema } from '../provider/schema.ts';
import { localCommand, localRun } from './inputs.ts';
import {
  checkCommand,
  createCommand,
  deleteCommand,
  diffCommand,
  invokeRun,
  updateCommand,
} from './local.ts';

const commandType = 'command:local:Command';
const runToken = 'command:local:run';
const remote = ['command:remote:Command', 'command:remote:CopyToRemote', 'command:remote:CopyFile'];

export const commandProvider: Provider = {
  name: 'command',
  version: '1.2.1',

  schema: () =>
    packageSchema({
      name: 'command',
      version: '1.2.1',
      resources: new Map([[commandType, localCommand]]),
      functions: new Map([[runToken, localRun]]),
    }),

  check: async (request) => {
    if (request.type === commandType) return checkCommand(request);
    return { inputs: request.inputs, failures: [refusal(request.type)] };
  },
  diff: async (request) => diffCommand(request),
  create: (request, context) => createCommand(request, context),
  update: (request, context) => updateCommand(request, context),
  delete: (request, context) => deleteCommand(request, context),
  invoke: async (request, context) => {
    if (request.token === runToken) return invokeRun(request, context);
    throw new Error(`unknown function ${request.token}; this stand-in knows ${runToken}`);
  },
};

function refusal(type: string): CheckFailure {
  const reason = remote.includes(type)
    ? `${type} is not available on a closed network: the stand-in for the command provider runs ` +
      'commands on this machine only. Put the official plugin (command 1.2.1) into PULUMI_HOME to ' +
      'use SSH.'
    : `unknown resource type ${type}`;
  return { property: '', reason };
}
