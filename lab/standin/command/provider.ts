/**
 * Stand-in for the official command provider, 1.2.1. Commands on this machine only: what needs SSH
 * is refused in `check`, so that already the preview says so.
 */
import type { CheckFailure, Provider } from '../provider/provider.ts';
import {
  checkCommand,
  createCommand,
  deleteCommand,
  diffCommand,
  invokeRun,
  updateCommand,
} from './local.ts';

const [localCommand, localRun] = ['command:local:Command', 'command:local:run'];
const remote = ['command:remote:Command', 'command:remote:CopyToRemote', 'command:remote:CopyFile'];

export const commandProvider: Provider = {
  name: 'command',
  version: '1.2.1',

  schema: () =>
    JSON.stringify({
      name: 'command',
      version: '1.2.1',
      description:
        'Stand-in for a closed network: local.Command and local.run, no remote resources.',
      resources: { [localCommand]: {} },
      functions: { [localRun]: {} },
    }),

  check: async (request) => {
    if (request.type === localCommand) return checkCommand(request);
    return { inputs: request.inputs, failures: [refusal(request.type)] };
  },
  diff: async (request) => diffCommand(request),
  create: (request, context) => createCommand(request, context),
  update: (request, context) => updateCommand(request, context),
  delete: (request, context) => deleteCommand(request, context),
  invoke: async (request, context) => {
    if (request.token === localRun) return invokeRun(request, context);
    throw new Error(`unknown function ${request.token}; this stand-in knows ${localRun}`);
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
